/**
 * The outbox in plain TypeScript: what `OutboxPort` means, said as simply as possible.
 *
 * The simulator runs on it, and the addon is compared with it operation by operation, so it
 * shares no code with it. Two maps per channel hold the difference; the memory of the addon
 * (blocks of 4 KiB, a chain for each channel) is only counted, so that both are full at the same
 * batch. Slow on purpose.
 */

import { ClosedError } from '../errors.js'
import type { OutboxPort, OutboxRecord, OutboxSent, OutboxStatus } from '../runtime/ports-outbox.js'
import { crc32c } from '../wire/crc32c.js'

const blockBytes = 4096
const blockPayload = blockBytes - 16

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit
const entryBytes = (stored: number) => 16 + roundUp(stored, 16)
const outputRecordBytes = (length: number) => roundUp(16 + length, 8)
const sentRecordBytes = 24

/** The bytes of the entries of one channel and where in its first block they begin. */
interface Chain {
  readonly first: number
  readonly used: number
}

const emptyChain: Chain = { first: 0, used: 0 }
const blocksOf = ({ first, used }: Chain) =>
  used === 0 ? 0 : Math.ceil((first + used) / blockPayload)
const longer = ({ first, used }: Chain, by: number): Chain => ({ first, used: used + by })
const shorter = ({ first, used }: Chain, by: number): Chain =>
  used === by ? emptyChain : { first: (first + by) % blockPayload, used: used - by }

class Channel {
  produced: number
  sent: number
  /** Numbers up to this one are known as sent, their digests are not. */
  unseen: number
  readonly pending = new Map<number, { data: Uint8Array; digest: number }>()
  readonly ahead = new Map<number, { bytes: number; digest: number }>()
  chain: Chain = emptyChain

  constructor(produced: number, sent: number) {
    this.produced = produced
    this.sent = sent
    this.unseen = sent
  }
}

/** Opens an outbox that behaves as the addon's with the same limit. */
export function openReferenceOutbox(limitBytes: number): OutboxPort {
  if (!(limitBytes >= blockBytes)) {
    throw new RangeError(`the limit must be at least ${blockBytes} bytes, not ${limitBytes}`)
  }
  return new ReferenceOutbox(limitBytes)
}

class ReferenceOutbox implements OutboxPort {
  readonly #limitBytes: number
  readonly #channels = new Map<number, Channel>()
  #divergence: { channel: number; number: number } | undefined
  #isClosed = false

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get bytes(): number {
    this.#checkOpen()
    return this.#blocks() * blockBytes
  }

  produce(records: readonly OutboxRecord[]): { status: OutboxStatus; digests: Uint32Array } {
    this.#checkOpen()
    const digests = new Uint32Array(records.length)
    const size = records.reduce((sum, { data }) => sum + outputRecordBytes(data.length), 0)
    const refusal = size > this.#limitBytes ? 'full' : this.#refuseProduce(records)
    if (refusal) return { status: refusal, digests }
    let status: OutboxStatus = 'ok'
    for (const [index, record] of records.entries()) {
      const digest = crc32c(record.data)
      digests[index] = digest
      if (!this.#takeProduced(record, digest)) status = this.#diverged(record)
    }
    return { status, digests }
  }

  peerSent(records: readonly OutboxSent[]): { status: OutboxStatus } {
    this.#checkOpen()
    const isTooLarge = records.length * sentRecordBytes > this.#limitBytes
    const refusal = isTooLarge ? 'full' : this.#refusePeerSent(records)
    if (refusal) return { status: refusal }
    let status: OutboxStatus = 'ok'
    for (const record of records) {
      if (!this.#takePeerSent(record)) status = this.#diverged(record)
    }
    return { status }
  }

  sent(channel: number, number: number): void {
    this.#checkOpen()
    const at = this.#at(channel)
    if (number <= at.sent) return
    if (number > at.produced) {
      throw new RangeError('an output cannot be sent before it was produced')
    }
    while (at.sent < number) this.#dropPending(at)
  }

  divergence(): { channel: number; number: number } | undefined {
    this.#checkOpen()
    return this.#divergence
  }

  pending(channel: number, from: number, mostBytes: number): OutboxRecord[] {
    this.#checkOpen()
    const records: OutboxRecord[] = []
    let left = mostBytes
    for (const [number, { data }] of this.#at(channel).pending) {
      if (number < from) continue
      left -= outputRecordBytes(data.length)
      if (left < 0 && records.length > 0) break
      records.push({ channel, number, data: data.slice() })
      if (left < 0) break
    }
    return records
  }

  reset(channel: number, produced: number, sent: number): void {
    this.#checkOpen()
    if (produced > sent) {
      throw new RangeError(
        'outputs that were not sent must be produced again, not skipped by reset',
      )
    }
    this.#channels.set(channel, new Channel(produced, sent))
    if (this.#divergence?.channel === channel) this.#divergence = undefined
  }

  clear(): void {
    this.#checkOpen()
    this.#channels.clear()
    this.#divergence = undefined
  }

  close(): void {
    this.#isClosed = true
    this.#channels.clear()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError('the outbox is closed')
  }

  #at(channel: number): Channel {
    const known = this.#channels.get(channel) ?? new Channel(0, 0)
    this.#channels.set(channel, known)
    return known
  }

  #blocks(): number {
    let sum = 0
    for (const { chain } of this.#channels.values()) sum += blocksOf(chain)
    return sum
  }

  #refuseProduce(records: readonly OutboxRecord[]): OutboxStatus | undefined {
    const last = new Map<number, number>()
    const kept: { channel: number; bytes: number }[] = []
    for (const { channel, number, data } of records) {
      const { produced, sent } = this.#at(channel)
      if (number !== (last.get(channel) ?? produced) + 1) return 'gap'
      last.set(channel, number)
      if (number > sent) kept.push({ channel, bytes: entryBytes(data.length) })
    }
    return this.#refuseSize(kept)
  }

  #refusePeerSent(records: readonly OutboxSent[]): OutboxStatus | undefined {
    const last = new Map<number, number>()
    const kept: { channel: number; bytes: number }[] = []
    for (const { channel, number } of records) {
      const { produced, sent } = this.#at(channel)
      const before = last.get(channel) ?? sent
      if (number <= before) continue
      if (number > before + 1) return 'gap'
      last.set(channel, number)
      if (number > produced) kept.push({ channel, bytes: entryBytes(0) })
    }
    return this.#refuseSize(kept)
  }

  // Counts what the batch would keep, and nothing that it would drop.
  #refuseSize(kept: readonly { channel: number; bytes: number }[]): OutboxStatus | undefined {
    const chains = new Map<number, Chain>()
    let blocks = this.#blocks()
    for (const { channel, bytes } of kept) {
      const before = chains.get(channel) ?? this.#at(channel).chain
      const after = longer(before, bytes)
      chains.set(channel, after)
      blocks += blocksOf(after) - blocksOf(before)
    }
    return blocks > Math.floor(this.#limitBytes / blockBytes) ? 'full' : undefined
  }

  #takeProduced({ channel, number, data }: OutboxRecord, digest: number): boolean {
    const at = this.#at(channel)
    at.produced = number
    if (number > at.sent) {
      at.pending.set(number, { data: data.slice(), digest })
      at.chain = longer(at.chain, entryBytes(data.length))
      return true
    }
    if (number <= at.unseen) return true
    const notice = at.ahead.get(number)
    at.ahead.delete(number)
    at.chain = shorter(at.chain, entryBytes(0))
    return notice?.bytes === data.length && notice.digest === digest
  }

  #takePeerSent({ channel, number, bytes, digest }: OutboxSent): boolean {
    const at = this.#at(channel)
    if (number <= at.sent) return true
    if (number > at.produced) {
      at.sent = number
      at.ahead.set(number, { bytes, digest })
      at.chain = longer(at.chain, entryBytes(0))
      return true
    }
    const produced = this.#dropPending(at)
    return produced?.data.length === bytes && produced.digest === digest
  }

  #dropPending(at: Channel): { data: Uint8Array; digest: number } | undefined {
    at.sent += 1
    const dropped = at.pending.get(at.sent)
    at.pending.delete(at.sent)
    at.chain = shorter(at.chain, entryBytes(dropped?.data.length ?? 0))
    return dropped
  }

  #diverged({ channel, number }: { channel: number; number: number }): OutboxStatus {
    this.#divergence ??= { channel, number }
    return 'diverged'
  }
}
