/**
 * The channels of one history: names, numbers, and which frame produced which output.
 *
 * Channels get their index in the order in which `process` first uses them, which is the same on
 * both members. Numbers are counted per channel from 1 without gaps: `pending` describes each
 * number in (sent, produced]. On a standby `sent` may be ahead of `produced`: the primary has
 * reported what is yet to be processed here.
 */

import { Deque } from '../sync/deque.js'

export interface Channel {
  readonly index: number
  readonly name: string
  /** Last number produced here. */
  produced: number
  /** Last number known as sent, by this member or, on a standby, by notice. */
  sent: number
  /** First number that the present reign sends. */
  firstOfEpoch: number
  /** Outputs numbered past `produced` that are not in the outbox yet. */
  waiting: number
  /** Frame and CRC-32C of each output in (sent, produced]. */
  readonly pending: Deque<PendingOutput>
}

export interface PendingOutput {
  readonly frameNo: number
  readonly digest: number
}

/** What a load says of one channel. */
export interface ChannelEntry {
  readonly name: string
  readonly produced: number
  readonly sent: number
  readonly firstOfEpoch: number
}

export class Channels {
  readonly #byName = new Map<string, Channel>()
  readonly #list: Channel[] = []
  readonly #most: number
  /** The one that was asked for last, which is the next one too, mostly. */
  #newest: Channel | undefined

  /** `most`: how many channels one history may have. */
  constructor(most: number) {
    this.#most = most
  }

  /** The channel `name`, new if there is room; undefined when there is none. */
  open(name: string): Channel | undefined {
    if (this.#newest?.name === name) return this.#newest
    const known = this.#byName.get(name)
    if (known === undefined && this.#list.length >= this.#most) return undefined
    this.#newest = known ?? this.#add({ name, produced: 0, sent: 0, firstOfEpoch: 1 })
    return this.#newest
  }

  /** Outputs known as sent, over all channels. */
  get sentCount(): number {
    return this.#list.reduce((sum, { sent }) => sum + sent, 0)
  }

  /** Outputs produced and not known as sent, or the reverse, over all channels. */
  get pendingCount(): number {
    return this.#list.reduce((sum, { produced, sent }) => sum + Math.abs(produced - sent), 0)
  }

  at(index: number): Channel | undefined {
    return this.#list[index]
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.#list[Symbol.iterator]()
  }

  /** Counts one more output. */
  produce(channel: Channel, output: PendingOutput): void {
    channel.produced += 1
    if (channel.produced > channel.sent) channel.pending.push(output)
  }

  /**
   * All up to `number` are sent. A number above `produced` is remembered and met when it is
   * produced.
   */
  markSent(channel: Channel, number: number): void {
    while (channel.sent < number) {
      channel.sent += 1
      channel.pending.shift()
    }
  }

  /** A new reign begins: it sends from the first number that is not known as sent. */
  beginReign(): void {
    for (const channel of this.#list) channel.firstOfEpoch = channel.sent + 1
  }

  list(): ChannelEntry[] {
    return this.#list.map(({ name, produced, sent, firstOfEpoch }) => ({
      name,
      produced,
      sent,
      firstOfEpoch,
    }))
  }

  /**
   * After a load: channels as listed, with `produced` set back to `sent`: the pending ones are
   * produced anew.
   */
  reset(entries: readonly ChannelEntry[]): void {
    this.#byName.clear()
    this.#list.length = 0
    this.#newest = undefined
    for (const entry of entries) this.#add({ ...entry, produced: entry.sent })
  }

  #add({ name, produced, sent, firstOfEpoch }: ChannelEntry): Channel {
    const index = this.#list.length
    const pending = new Deque<PendingOutput>()
    const channel = { index, name, produced, sent, firstOfEpoch, waiting: 0, pending }
    this.#list.push(channel)
    this.#byName.set(name, channel)
    return channel
  }
}
