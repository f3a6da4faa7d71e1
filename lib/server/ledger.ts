/**
 * The outputs of both roles: numbered by channel, kept in the outbox, reconciled with what was
 * sent.
 *
 * A frame's outputs are collected, and the outbox is called once a batch. On a primary what comes
 * out of a batch goes to delivery; on a standby it stays in the outbox until the primary's notice
 * makes it vanish, or a takeover sends it. A notice that does not match is divergence.
 */

import { PairError } from '../errors.js'
import type { OutboxPort, OutboxRecord } from '../runtime/ports-outbox.js'
import { Deque } from '../sync/deque.js'
import type { SentNotice } from '../wire/message.js'
import { type Channel, type ChannelEntry, Channels } from './channels.js'
import type { SentItem } from './delivery.js'
import type { Produced } from './frame-context.js'

/**
 * Bytes of outputs that are collected before the outbox is called: large enough to cross seldom.
 */
const batchBytes = 1_048_576
/** Bytes asked from the outbox at once when it is read out. */
const readBytes = 1_048_576

interface Waiting {
  readonly channel: Channel
  readonly frameNo: number
  readonly number: number
  readonly data: Uint8Array
}

/** An output that the outbox has taken. */
export interface Kept extends SentItem {
  readonly channel: Channel
}

export interface Divergence {
  readonly channel: string
  readonly number: number
}

export class Ledger {
  readonly channels: Channels
  readonly #outbox: OutboxPort
  readonly #waiting = new Deque<Waiting>()
  #waitingBytes = 0
  #addedBytes = 0
  #divergence: Divergence | undefined

  constructor(outbox: OutboxPort, mostChannels: number) {
    this.#outbox = outbox
    this.channels = new Channels(mostChannels)
  }

  /** Bytes held, those that wait for room included. */
  get bytes(): number {
    return this.#outbox.bytes + this.#waitingBytes
  }

  /** Bytes of all outputs that were ever added. */
  get addedBytes(): number {
    return this.#addedBytes
  }

  /** Outputs wait because the outbox is full: no further frame should be taken. */
  get isFull(): boolean {
    return this.#waiting.length > 0
  }

  /** The first difference found since the last load. */
  get divergence(): Divergence | undefined {
    return this.#divergence
  }

  /** Whether a batch is large enough to be flushed before the turn ends. */
  get isBatchLarge(): boolean {
    return this.#waitingBytes >= batchBytes
  }

  /**
   * Numbers the outputs of `frameNo`. False when the frame opens more channels than there may be:
   * none is taken.
   */
  add(frameNo: number, outputs: readonly Produced[]): boolean {
    for (const { channel } of outputs) if (!this.channels.open(channel)) return false
    for (const output of outputs) {
      const channel = this.channels.open(output.channel)
      if (channel === undefined) return false
      const number = channel.produced + this.#countWaiting(channel, 1)
      this.#waiting.push({ channel, frameNo, number, data: output.data })
      this.#waitingBytes += output.data.length
      this.#addedBytes += output.data.length
    }
    return true
  }

  /**
   * Hands what waits to the outbox, part by part; returns what it took, in order. What finds no
   * room waits on: a part is halved until it fits, down to a single output.
   */
  flush(): readonly Kept[] {
    const kept: Kept[] = []
    let most = Number.POSITIVE_INFINITY
    while (this.#waiting.length > 0) {
      const part = this.#nextPart(most)
      const { status, digests } = this.#outbox.produce(part)
      if (status === 'gap') {
        throw new PairError('ERR_HOTPAIR_INVARIANT', 'outputs were numbered with a gap')
      }
      if (status === 'full') {
        if (part.length === 1) break
        most = Math.ceil(part.length / 2)
        continue
      }
      if (status !== 'ok') this.#noteDivergence()
      for (const digest of digests) this.#take(digest, kept)
    }
    return kept
  }

  /** What waits for room, in order, for a load that is taken meanwhile. */
  get waiting(): Iterable<{
    readonly channel: Channel
    readonly frameNo: number
    readonly data: Uint8Array
  }> {
    return this.#waiting
  }

  /** This member has sent all of `channel` up to `number`. */
  sent(channel: Channel, number: number): void {
    this.#outbox.sent(channel.index, number)
    this.channels.markSent(channel, number)
  }

  /**
   * The primary has sent these. Requires: every frame that the primary had processed by then is
   * processed here. False when one of them differs from what was produced here.
   */
  peerSent(notices: readonly SentNotice[]): boolean {
    const { status } = this.#outbox.peerSent(notices)
    // Notices that leave a number out, or find no room, cannot be compared with anything.
    if (status === 'gap' || status === 'full') return this.#refuseNotices(notices)
    if (status !== 'ok') this.#noteDivergence()
    for (const { channel: index, number } of notices) {
      const channel = this.channels.at(index)
      if (channel === undefined || number > channel.produced) {
        this.#divergence ??= { channel: channel?.name ?? `#${index}`, number }
        return false
      }
      this.channels.markSent(channel, number)
    }
    return this.#divergence === undefined
  }

  /** What is not known as sent of `channel`, in order, with the data copied out of the outbox. */
  *pending(channel: Channel): Generator<SentItem> {
    let number = channel.sent
    let index = 0
    for (;;) {
      const records = this.#outbox.pending(channel.index, number + 1, readBytes)
      if (records.length === 0) return
      for (const record of records) {
        const { frameNo, digest } = channel.pending.at(index) ?? { frameNo: 0, digest: 0 }
        number = record.number
        index += 1
        yield { number, frameNo, digest, data: record.data }
      }
    }
  }

  /** After a load: channels as listed; what was pending is added and flushed by the caller. */
  reset(entries: readonly ChannelEntry[]): void {
    this.#outbox.clear()
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#waitingCounts.clear()
    this.#divergence = undefined
    this.channels.reset(entries)
    for (const channel of this.channels) {
      this.#outbox.reset(channel.index, channel.sent, channel.sent)
    }
  }

  /** How many outputs of each channel wait. */
  readonly #waitingCounts = new Map<Channel, number>()

  #countWaiting(channel: Channel, change: 1 | -1): number {
    const count = (this.#waitingCounts.get(channel) ?? 0) + change
    if (count === 0) this.#waitingCounts.delete(channel)
    else this.#waitingCounts.set(channel, count)
    return count
  }

  /** About a batch of what waits: at least one output, at most `most`. */
  #nextPart(most: number): OutboxRecord[] {
    const records: OutboxRecord[] = []
    let bytes = 0
    for (const { channel, number, data } of this.#waiting) {
      bytes += data.length
      if (records.length > 0 && (bytes > batchBytes || records.length >= most)) break
      records.push({ channel: channel.index, number, data })
    }
    return records
  }

  /** The first that waits is in the outbox. */
  #take(digest: number, kept: Kept[]): void {
    const first = this.#waiting.shift()
    if (first === undefined) return
    this.#waitingBytes -= first.data.length
    this.#countWaiting(first.channel, -1)
    this.channels.produce(first.channel, { frameNo: first.frameNo, digest })
    kept.push({ ...first, digest })
  }

  #refuseNotices(notices: readonly SentNotice[]): false {
    const first = notices[0]
    if (first) {
      const name = this.channels.at(first.channel)?.name ?? `#${first.channel}`
      this.#divergence ??= { channel: name, number: first.number }
    }
    return false
  }

  #noteDivergence(): void {
    const found = this.#outbox.divergence()
    if (found === undefined || this.#divergence !== undefined) return
    const name = this.channels.at(found.channel)?.name ?? `#${found.channel}`
    this.#divergence = { channel: name, number: found.number }
  }
}
