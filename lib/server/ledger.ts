/**
 * The outputs of both roles: numbered by channel, kept in the outbox, reconciled with what was
 * sent.
 *
 * A frame's outputs are collected, and the outbox is called once a batch. On a primary what comes
 * out of a batch goes to delivery; on a standby it stays in the outbox until the primary's notice
 * makes it vanish, or a takeover sends it. A notice that does not match is divergence.
 */

import { PairError } from '../errors.js'
import type { OutboxPort } from '../runtime/ports-outbox.js'
import type { SentNotice } from '../wire/message.js'
import { type Channel, type ChannelEntry, Channels } from './channels.js'
import type { Produced } from './frame-context.js'
import { type Item, letGo, type SentItem, waitingItem } from './lane.js'

/**
 * Bytes of outputs that are collected before the outbox is called: large enough to cross seldom.
 */
const batchBytes = 1_048_576
/** Bytes asked from the outbox at once when it is read out. */
const readBytes = 1_048_576

export interface Divergence {
  readonly channel: string
  readonly number: number
  /** The frame that produced the output here; undefined when none has. */
  readonly frameNo: number | undefined
}

const none: readonly Item[] = []

export class Ledger {
  readonly channels: Channels
  readonly #outbox: OutboxPort
  /** On their way into the outbox. */
  #waiting: Item[] = []
  #waitingBytes = 0
  /** Bytes in the outbox, unless it was called since they were asked for. */
  #outboxBytes: number | undefined
  /** Channels of which more is sent than the outbox was told. */
  readonly #untold = new Set<Channel>()
  #addedBytes = 0
  #divergence: Divergence | undefined

  constructor(outbox: OutboxPort, mostChannels: number) {
    this.#outbox = outbox
    this.channels = new Channels(mostChannels)
  }

  /** Bytes held, those that wait for room included. */
  get bytes(): number {
    this.#tellSent()
    this.#outboxBytes ??= this.#outbox.bytes
    return this.#outboxBytes + this.#waitingBytes
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
      const { data } = output
      channel.waiting += 1
      const number = channel.produced + channel.waiting
      this.#waiting.push(waitingItem(channel, { number, frameNo, digest: 0, data }, false))
      this.#waitingBytes += data.length
      this.#addedBytes += data.length
    }
    return true
  }

  /**
   * Hands what waits to the outbox, part by part; returns what it took, in order. What finds no
   * room waits on: a part is halved until it fits, down to a single output.
   */
  flush(): readonly Item[] {
    if (this.#waiting.length === 0) return none
    const kept: Item[][] = []
    this.#tellSent()
    this.#outboxBytes = undefined
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
      this.#take(part, digests)
      kept.push(part)
    }
    return kept.length === 1 ? (kept[0] ?? none) : kept.flat()
  }

  /** The same on a member that does not rule: the outbox alone keeps the bytes. */
  store(): void {
    for (const item of this.flush()) letGo(item)
  }

  /** What waits for room, in order, for a load that is taken meanwhile. */
  get waiting(): Iterable<Item> {
    return this.#waiting
  }

  /**
   * This member has sent all of `channel` up to `number`. The outbox is told of many at once: what
   * it forgets too late costs a little memory and nothing else.
   */
  sent(channel: Channel, number: number): void {
    this.channels.markSent(channel, number)
    this.#untold.add(channel)
  }

  /**
   * The primary has sent these. Requires: every frame that the primary had processed by then is
   * processed here. False when one of them differs from what was produced here.
   */
  peerSent(notices: readonly SentNotice[]): boolean {
    this.#outboxBytes = undefined
    const { status } = this.#outbox.peerSent(notices)
    // Notices that leave a number out, or find no room, cannot be compared with anything.
    if (status === 'gap' || status === 'full') return this.#refuseNotices(notices)
    if (status !== 'ok') this.#noteDivergence()
    for (const { channel: index, number } of notices) {
      const channel = this.channels.at(index)
      if (channel === undefined || number > channel.produced) {
        this.#diverge(index, number)
        return false
      }
      this.channels.markSent(channel, number)
    }
    return this.#divergence === undefined
  }

  /** What is not known as sent of `channel`, in order, with the data copied out of the outbox. */
  *pending(channel: Channel): Generator<SentItem> {
    this.#tellSent()
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
    this.#waiting = []
    this.#waitingBytes = 0
    this.#untold.clear()
    this.#outboxBytes = undefined
    this.#divergence = undefined
    this.channels.reset(entries)
    for (const channel of this.channels) {
      this.#outbox.reset(channel.index, channel.sent, channel.sent)
    }
  }

  #tellSent(): void {
    if (this.#untold.size === 0) return
    for (const { index, sent } of this.#untold) this.#outbox.sent(index, sent)
    this.#untold.clear()
    this.#outboxBytes = undefined
  }

  /** About a batch of what waits: at least one output, at most `most`. */
  #nextPart(most: number): Item[] {
    const waiting = this.#waiting
    if (this.#waitingBytes <= batchBytes && waiting.length <= most) return waiting
    let count = 0
    let bytes = 0
    for (const { data } of waiting) {
      bytes += data.length
      if (count > 0 && (bytes > batchBytes || count >= most)) break
      count += 1
    }
    return waiting.slice(0, count)
  }

  /** `part`, the first that wait, is in the outbox. */
  #take(part: readonly Item[], digests: Uint32Array): void {
    this.#waiting = part === this.#waiting ? [] : this.#waiting.slice(part.length)
    for (let index = 0; index < part.length; index += 1) {
      const item = part[index]
      if (item === undefined) break
      const { owner } = item
      item.digest = digests[index] ?? 0
      this.#waitingBytes -= item.bytes
      owner.waiting -= 1
      this.channels.produce(owner, item)
    }
  }

  #refuseNotices(notices: readonly SentNotice[]): false {
    const [first] = notices
    if (first) this.#diverge(first.channel, first.number)
    return false
  }

  #noteDivergence(): void {
    const found = this.#outbox.divergence()
    if (found !== undefined) this.#diverge(found.channel, found.number)
  }

  /** The first one counts. */
  #diverge(index: number, number: number): void {
    const channel = this.channels.at(index)
    const frameNo = channel && this.#frameOf(channel, number)
    this.#divergence ??= { channel: channel?.name ?? `#${index}`, number, frameNo }
  }

  /** Which frame has produced an output that is not known as sent. */
  #frameOf(channel: Channel, number: number): number | undefined {
    if (number <= channel.sent) return undefined
    const pending = channel.pending.at(number - channel.sent - 1)
    if (pending) return pending.frameNo
    for (const { owner, number: waiting, frameNo } of this.#waiting) {
      if (owner === channel && waiting === number) return frameNo
    }
    return undefined
  }
}
