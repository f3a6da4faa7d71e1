/**
 * The outputs of one channel on their way out, as `Delivery` keeps them. Data only: when one is
 * begun and what its end means is decided there.
 */

import { PairError, reasonOf } from '../errors.js'
import type { Output } from '../options.js'
import type { Timer } from '../runtime/ports-clock.js'
import type { OutboxRecord } from '../runtime/ports-outbox.js'
import { Deque } from '../sync/deque.js'
import type { SentNotice } from '../wire/message.js'
import type { Channel } from './channels.js'
import type { Inquiry } from './inquiry.js'

const nothing = new Uint8Array(0)

/** One output that waits or is on its way. */
export interface SentItem {
  readonly number: number
  readonly frameNo: number
  readonly digest: number
  readonly data: Uint8Array
}

/**
 * One output from its number to the notice that it was sent: the record that the outbox is given,
 * what waits in its lane, and the notice are this one object. One for each of them would cost as
 * much as the delivery itself.
 */
export interface Item extends OutboxRecord, SentNotice, SentItem {
  readonly owner: Channel
  /** Known once the outbox has taken it. */
  digest: number
  /** Empty once nothing more is done with it here. */
  data: Uint8Array
  isRepeat: boolean
  state: 'waiting' | 'running' | 'failed' | 'sent'
  /** In which interval between two looks for overdue ones its last attempt began. */
  begunIn: number
}

export interface Lane {
  readonly channel: Channel
  readonly items: Deque<Item>
  /** Items at the front of the queue that were begun at least once. */
  begun: number
  /** Last number whose notice the standby holds. */
  noticed: number
  failures: number
  /** In which interval between two looks a delivery of it last ended by itself, well or not. */
  settledIn: number
  /** One has succeeded since this member began to rule. */
  hasDelivered: boolean
  retry: Timer | undefined
  /** Outputs at the front of the queue that the receiver is to be asked about first. */
  toAsk: number
  inquiry: Inquiry | undefined
  /** A `deliver` that resolves at once comes back here before its call has returned. */
  isPumping: boolean
  /** The reign is over, or the channel began anew: late results mean nothing. */
  isOver: boolean
}

/** What all outputs of a reign have in common. */
export type Reign = Pick<Output, 'pair' | 'history' | 'epoch'>

export function openLane(channel: Channel): Lane {
  return {
    channel,
    items: new Deque(),
    begun: 0,
    noticed: channel.sent,
    failures: 0,
    settledIn: -1,
    hasDelivered: false,
    retry: undefined,
    toAsk: 0,
    inquiry: undefined,
    isPumping: false,
    isOver: false,
  }
}

/** Field by field: this is done for every output, and a spread costs ten times as much. */
export function waitingItem(owner: Channel, output: SentItem, isRepeat: boolean): Item {
  const { number, frameNo, digest, data } = output
  return {
    owner,
    channel: owner.index,
    number,
    bytes: data.length,
    digest,
    frameNo,
    data,
    isRepeat,
    state: 'waiting',
    begunIn: 0,
  }
}

/** `item` is done with but for its number and digest: its bytes are let go. */
export function letGo(item: Item): void {
  item.data = nothing
}

/** What the application is given of `item`, an output of `lane`. */
export function outputOf(lane: Lane, item: Item, reign: Reign): Output {
  return {
    pair: reign.pair,
    history: reign.history,
    epoch: reign.epoch,
    firstOfEpoch: lane.channel.firstOfEpoch,
    channel: lane.channel.name,
    number: item.number,
    digest: item.digest,
    data: item.data,
    frameNo: item.frameNo,
    isRepeat: item.isRepeat,
  }
}

/** Takes the first of `lane` off if it is sent. */
export function shiftSent(lane: Lane): Item | undefined {
  if (lane.items.first?.state !== 'sent') return undefined
  lane.begun -= 1
  return lane.items.shift()
}

/** What is running in `lane` since before the interval `before`. */
export function overdue(lane: Lane, before: number): readonly Item[] {
  const begun = [...lane.items].slice(0, lane.begun)
  return begun.filter(({ state, begunIn }) => state === 'running' && begunIn < before)
}

/** Why the delivery of `item` failed, in a sentence. */
export function deliverFault(lane: Lane, item: Item, cause: unknown): PairError {
  const why = reasonOf(cause)
  return new PairError(
    'ERR_HOTPAIR_DELIVER',
    `output ${item.number} of channel ${JSON.stringify(lane.channel.name)} could not be delivered: ${why}. It is tried again; its channel waits.`,
    { cause },
  )
}

export function firstFailed(lane: Lane): Item | undefined {
  for (const item of lane.items) if (item.state === 'failed') return item
  return undefined
}
