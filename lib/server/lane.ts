/**
 * The outputs of one channel on their way out, as `Delivery` keeps them. Data only: when one is
 * begun and what its end means is decided there.
 */

import type { Timer } from '../runtime/ports-clock.js'
import { Deque } from '../sync/deque.js'
import { type Instant, instant } from '../units.js'
import type { Channel } from './channels.js'

/** One output that waits or is on its way. */
export interface SentItem {
  readonly number: number
  readonly frameNo: number
  readonly digest: number
  readonly data: Uint8Array
}

export interface Item extends SentItem {
  isRepeat: boolean
  state: 'waiting' | 'running' | 'failed' | 'sent'
  /** When its last attempt began; means nothing before. */
  begunAt: Instant
}

export interface Lane {
  readonly channel: Channel
  readonly items: Deque<Item>
  /** Items at the front of the queue that were begun at least once. */
  begun: number
  /** Last number whose notice the standby holds. */
  noticed: number
  failures: number
  retry: Timer | undefined
  /** A `deliver` that resolves at once comes back here before its call has returned. */
  isPumping: boolean
}

export function openLane(channel: Channel): Lane {
  return {
    channel,
    items: new Deque(),
    begun: 0,
    noticed: channel.sent,
    failures: 0,
    retry: undefined,
    isPumping: false,
  }
}

/** Field by field: this is done for every output, and a spread costs ten times as much. */
export function waitingItem(output: SentItem, isRepeat: boolean): Item {
  const { number, frameNo, digest, data } = output
  return { number, frameNo, digest, data, isRepeat, state: 'waiting', begunAt: instant(0) }
}

export function firstFailed(lane: Lane): Item | undefined {
  for (const item of lane.items) if (item.state === 'failed') return item
  return undefined
}
