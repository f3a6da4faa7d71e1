/**
 * The outbox of the addon behind `OutboxPort`: records in, one call of C++ per batch, records out.
 *
 * A batch is written into one buffer that is used again, so that the boundary is crossed once and
 * nothing but the digests is allocated. A batch whose records are larger than the outbox itself is
 * full without asking: so the buffer has the bound of the outbox, and a batch is never cut in two,
 * which could be taken by half.
 */

import { NativeError } from '../errors.js'
import type { OutboxPort, OutboxRecord, OutboxSent, OutboxStatus } from '../runtime/ports-outbox.js'
import type { Binding, OutboxHandle } from './binding.js'
import { native } from './failure.js'
import { loadBinding } from './load.js'

// Buffers beyond this are dropped after the batch that needed them: usual batches are some ten
// outputs, and a rare large one should not be remembered for ever.
const keptBufferBytes = 1 << 20
const firstBufferBytes = 1 << 14
const firstDigests = 1 << 8
const lastChannel = 0xffff
const wordSize = 2 ** 32

/**
 * Opens an outbox that holds at most `limitBytes`, at least 4 KiB.
 *
 * @throws NativeError `ERR_HOTPAIR_NO_MEMORY` when the memory cannot be reserved.
 */
export function openOutbox(limitBytes: number): OutboxPort {
  const binding = loadBinding()
  return new NativeOutbox(
    binding,
    native(() => binding.openOutbox(limitBytes)),
    limitBytes,
  )
}

class NativeOutbox implements OutboxPort {
  readonly #facts: Binding['facts']['outbox']
  readonly #statuses: ReadonlyMap<number, OutboxStatus>
  readonly #handle: OutboxHandle
  readonly #limitBytes: number
  #buffer = new Uint8Array(firstBufferBytes)
  #digests = new Uint32Array(firstDigests)
  #view = new DataView(this.#buffer.buffer)

  constructor(binding: Binding, handle: OutboxHandle, limitBytes: number) {
    // A copy of its own is an ordinary object, which reads faster than one made by the addon.
    this.#facts = { ...binding.facts.outbox }
    this.#statuses = new Map([
      [this.#facts.ok, 'ok'],
      [this.#facts.full, 'full'],
      [this.#facts.gap, 'gap'],
      [this.#facts.diverged, 'diverged'],
    ])
    this.#handle = handle
    this.#limitBytes = limitBytes
  }

  get bytes(): number {
    return native(() => this.#handle.bytes)
  }

  produce(records: readonly OutboxRecord[]): { status: OutboxStatus; digests: Uint32Array } {
    const { length: count } = records
    const { recordHeaderBytes } = this.#facts
    const digests = this.#digestsFor(count)
    let size = 0
    for (const { data } of records) size += recordBytes(recordHeaderBytes, data.length)
    if (size > this.#limitBytes) return { status: 'full', digests }
    this.#reserve(size)

    // Looked up once a batch and not for each record: `set` is a call, after which the compiler
    // would have to look again.
    const buffer = this.#buffer
    const view = this.#view
    let at = 0
    for (const { channel, number, data } of records) {
      const { length } = data
      const end = at + recordBytes(recordHeaderBytes, length)
      // The padding lies in the last 8 bytes; what else they hold is written after it.
      if (length % 8 !== 0) view.setFloat64(end - 8, 0)
      this.#putHeader(view, at, channel, number, length)
      buffer.set(data, at + recordHeaderBytes)
      at = end
    }
    const batch = buffer.subarray(0, size)
    const status = this.#statusOf(() => this.#handle.produce(batch, count, digests))
    this.#release()
    return { status, digests }
  }

  peerSent(records: readonly OutboxSent[]): { status: OutboxStatus } {
    const { sentRecordBytes, digestAt } = this.#facts
    const size = records.length * sentRecordBytes
    if (size > this.#limitBytes) return { status: 'full' }
    this.#reserve(size)

    const view = this.#view
    let at = 0
    for (const { channel, number, bytes, digest } of records) {
      this.#putHeader(view, at, channel, number, bytes)
      view.setUint32(at + digestAt, digest, true)
      view.setUint32(at + digestAt + 4, 0, true)
      at += sentRecordBytes
    }
    const batch = this.#buffer.subarray(0, size)
    const status = this.#statusOf(() => this.#handle.peerSent(batch, records.length))
    this.#release()
    return { status }
  }

  sent(channel: number, number: number): void {
    native(() => this.#handle.sent(channel, number))
  }

  divergence(): { channel: number; number: number } | undefined {
    return native(() => this.#handle.divergence())
  }

  pending(channel: number, from: number, mostBytes: number): OutboxRecord[] {
    const read = (room: number) => {
      this.#reserve(room)
      const into = this.#buffer.subarray(0, room)
      return native(() => this.#handle.pending(channel, from, into))
    }
    let written = read(Math.min(mostBytes, this.#limitBytes))
    // A first one that is larger comes alone.
    if (written < 0) written = read(-written)
    const records = this.#readRecords(written)
    this.#release()
    return records
  }

  reset(channel: number, produced: number, sent: number): void {
    native(() => this.#handle.reset(channel, produced, sent))
  }

  clear(): void {
    native(() => this.#handle.clear())
  }

  close(): void {
    this.#handle.close()
  }

  /** Room for `count` digests, the same memory at each call. */
  #digestsFor(count: number): Uint32Array {
    if (count > this.#digests.length) this.#digests = new Uint32Array(2 * count)
    return this.#digests.subarray(0, count)
  }

  #putHeader(view: DataView, at: number, channel: number, number: number, length: number): void {
    if (!(channel >= 0 && channel <= lastChannel)) {
      throw new RangeError(`a channel must be 0 to ${lastChannel}, not ${channel}`)
    }
    if (!Number.isSafeInteger(number) || number < 1) {
      throw new RangeError(`an output number must be 1 to 2^53 - 1, not ${number}`)
    }
    const { channelAt, lengthAt, numberAt } = this.#facts
    // 32 bits for the channel, because the 16 behind it must be zero.
    view.setUint32(at + channelAt, channel, true)
    view.setUint32(at + lengthAt, length, true)
    view.setUint32(at + numberAt, number, true)
    view.setUint32(at + numberAt + 4, number / wordSize, true)
  }

  #readRecords(size: number): OutboxRecord[] {
    const { channelAt, lengthAt, numberAt, recordHeaderBytes } = this.#facts
    const records: OutboxRecord[] = []
    const view = this.#view
    for (let at = 0; at < size; ) {
      const length = view.getUint32(at + lengthAt, true)
      const begin = at + recordHeaderBytes
      const low = view.getUint32(at + numberAt, true)
      const high = view.getUint32(at + numberAt + 4, true)
      records.push({
        channel: view.getUint32(at + channelAt, true),
        number: high * wordSize + low,
        data: this.#buffer.slice(begin, begin + length),
      })
      at += recordBytes(recordHeaderBytes, length)
    }
    return records
  }

  // Calls C++ with a batch that this class has written: a malformed one is a fault of ours.
  #statusOf(call: () => number): OutboxStatus {
    const status = this.#statuses.get(native(call))
    if (status !== undefined) return status
    throw new NativeError('ERR_HOTPAIR_NATIVE', 'the addon refused a batch as malformed')
  }

  #reserve(size: number): void {
    if (size <= this.#buffer.length) return
    let larger = this.#buffer.length
    while (larger < size) larger *= 2
    this.#resize(larger)
  }

  #release(): void {
    if (this.#buffer.length > keptBufferBytes) this.#resize(firstBufferBytes)
  }

  #resize(size: number): void {
    this.#buffer = new Uint8Array(size)
    this.#view = new DataView(this.#buffer.buffer)
  }
}

// What a record of `length` bytes takes, padded to whole words of 8.
function recordBytes(headerBytes: number, length: number): number {
  return (headerBytes + length + 7) & ~7
}
