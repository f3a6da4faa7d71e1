/**
 * Packets: how a stream of bytes is cut into messages, in both directions, at full speed.
 *
 * A packet is a length and a body; the first byte of the body is its type. What else is in a body
 * is not known here. TCP cuts where it likes, so the decoder takes any chunks; it copies only a
 * packet that lies across a border, keeps one such buffer and never more than its limit. The writer
 * collects all packets of one turn in a slab and hands them over in one piece: no allocation for
 * each packet.
 *
 *     0          4      5                      4 + length
 *     ├ u32 length ┼ type ┼ fields, little-endian ┤   1 ≤ length ≤ limit
 *
 * Faults of what arrives are values; only a mistake of our own code throws. Pure: no I/O, no time.
 */

import { viewOf } from './view.js'

/** Bytes before the body of a packet. */
export const packetHeaderBytes = 4

/** What is wrong with a stream; nothing after it can be understood. */
export type PacketFault = 'empty' | 'too-long'

// A packet across chunks is put together in a buffer that begins this small and doubles as bytes
// arrive, so that a length alone costs no memory. A larger one is dropped after use.
const stagingBytes = 65_536

const nothing = new Uint8Array(0)

/** Cuts arriving chunks into packet bodies. */
export class PacketDecoder {
  #limit: number
  #fault: PacketFault | undefined
  #isStopped = false
  // The packet under way, header included, while it lies across chunks: the first #staged bytes of
  // #staging.
  #staging: Uint8Array = nothing
  #staged = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Longest body that is taken, from the next packet on. */
  set limit(limit: number) {
    this.#limit = limit
  }

  /** Bytes held for a packet that is not yet whole. */
  get heldBytes(): number {
    return this.#staged
  }

  /** Nothing is taken any more, not even the rest of the chunk at hand. */
  stop(): void {
    this.#isStopped = true
    this.#staging = nothing
    this.#staged = 0
  }

  /**
   * Takes the next chunk and calls `onBody` with each body that is whole. A body is a view, valid
   * during its call only. Returns the fault that ended the stream, also on every later call.
   */
  push(chunk: Uint8Array, onBody: (body: Uint8Array) => void): PacketFault | undefined {
    let at = this.#staged === 0 ? 0 : this.#finishStaged(chunk, onBody)
    while (this.#fault === undefined && !this.#isStopped && at < chunk.length) {
      const left = chunk.length - at
      if (left < packetHeaderBytes) return this.#stage(chunk, at, chunk.length)
      const end = at + packetHeaderBytes + lengthAt(chunk, at)
      if (!this.#admits(end - at - packetHeaderBytes)) break
      if (end > chunk.length) return this.#stage(chunk, at, chunk.length)
      onBody(viewOf(chunk, at + packetHeaderBytes, end))
      at = end
    }
    return this.#fault
  }

  // Completes the staged packet from the front of `chunk`, as far as it goes. Returns where the
  // next packet begins.
  #finishStaged(chunk: Uint8Array, onBody: (body: Uint8Array) => void): number {
    let at = 0
    if (this.#staged < packetHeaderBytes) {
      at = Math.min(packetHeaderBytes - this.#staged, chunk.length)
      this.#stage(chunk, 0, at)
      if (this.#staged < packetHeaderBytes) return at
    }
    const length = lengthAt(this.#staging, 0)
    if (!this.#admits(length)) return at
    const missing = packetHeaderBytes + length - this.#staged
    const end = Math.min(at + missing, chunk.length)
    this.#stage(chunk, at, end)
    if (end - at < missing) return end
    const staging = this.#staging
    this.#staged = 0
    if (staging.length > stagingBytes) this.#staging = nothing
    onBody(staging.subarray(packetHeaderBytes, packetHeaderBytes + length))
    return end
  }

  #admits(length: number): boolean {
    if (length === 0) this.#fault = 'empty'
    else if (length > this.#limit) this.#fault = 'too-long'
    if (this.#fault !== undefined) this.stop()
    return this.#fault === undefined
  }

  #stage(chunk: Uint8Array, from: number, to: number): undefined {
    const needed = this.#staged + to - from
    if (needed > this.#staging.length) {
      const larger = new Uint8Array(Math.max(stagingBytes, this.#staging.length * 2, needed))
      larger.set(this.#staging.subarray(0, this.#staged))
      this.#staging = larger
    }
    this.#staging.set(chunk.subarray(from, to), this.#staged)
    this.#staged = needed
  }
}

// Requires four bytes at `at`.
function lengthAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return low + (bytes[at + 2] as number) * 0x1_0000 + (bytes[at + 3] as number) * 0x100_0000
}

// A slab is shared by many turns: 64 KiB hold some 240 frames of 256 bytes. Half of it would be
// allocated twice as often; far more would keep much memory alive for one small packet that waits.
const slabBytes = 65_536

/** Largest number that `u48` takes. */
export const maxU48: number = 2 ** 48 - 1

/**
 * Collects packets: `begin(type)`, fields in order, `end()`; then `take()` once a turn.
 *
 * Requires: fields only between `begin` and `end`, `take` only outside; anything else throws.
 * Guarantees: bytes handed over by `take` are never touched again.
 */
export class PacketWriter {
  readonly #limit: number
  #slab: Buffer = Buffer.alloc(0)
  #view: DataView = new DataView(this.#slab.buffer, this.#slab.byteOffset, 0)
  // In the slab: [taken, open) are whole packets, [open, at) is the one under way; open is -1
  // between packets.
  #taken = 0
  #open = -1
  #at = 0

  /** `limit` is the longest body that the other side takes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes collected since the last `take`. */
  get byteLength(): number {
    return this.#at - this.#taken
  }

  begin(type: number): this {
    if (this.#open !== -1) throw new Error('a packet is already under way; end it first')
    this.#open = this.#at
    const at = this.#reserve(packetHeaderBytes + 1)
    this.#view.setUint8(at + packetHeaderBytes, type)
    return this
  }

  /**
   * Closes the packet under way. A body over the limit is taken back and throws a RangeError; the
   * packets before it stay.
   */
  end(): this {
    const open = this.#open
    if (open === -1) throw new Error('no packet is under way; begin one first')
    const length = this.#at - open - packetHeaderBytes
    this.#open = -1
    if (length > this.#limit) {
      this.#at = open
      throw new RangeError(`a packet body of ${length} bytes is over the limit of ${this.#limit}`)
    }
    this.#view.setUint32(open, length, true)
    return this
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#view.setUint8(at, value)
    return this
  }

  u16(value: number): this {
    const at = this.#reserve(2)
    this.#view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, true)
    return this
  }

  /** A whole number from 0 to 2^48 - 1: numbers of frames, outputs and epochs. */
  u48(value: number): this {
    if (!(value >= 0 && value <= maxU48)) throw new RangeError(`${value} does not fit in 48 bits`)
    const at = this.#reserve(6)
    // What does not fit into 32 bits is left out by setUint32 itself, faster than by a remainder.
    this.#view.setUint32(at, value, true)
    this.#view.setUint16(at + 4, value / 0x1_0000_0000, true)
    return this
  }

  u64(value: bigint): this {
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, value, true)
    return this
  }

  f64(value: number): this {
    const at = this.#reserve(8)
    this.#view.setFloat64(at, value, true)
    return this
  }

  /** Bytes alone: their length must be known to the reader. */
  raw(value: Uint8Array): this {
    const at = this.#reserve(value.length)
    this.#slab.set(value, at)
    return this
  }

  /** A u32 length and the bytes. */
  bytes(value: Uint8Array): this {
    return this.u32(value.length).raw(value)
  }

  /** A u16 length and the text in UTF-8. */
  string(value: string): this {
    if (value === '') return this.u16(0)
    const length = Buffer.byteLength(value)
    if (length > 0xffff) throw new RangeError(`a text of ${length} bytes is over 65,535`)
    this.u16(length)
    const at = this.#reserve(length)
    this.#slab.write(value, at)
    return this
  }

  /** Hands over all packets since the last call, in one piece; empty when there are none. */
  take(): Uint8Array {
    if (this.#open !== -1) throw new Error('a packet is under way; end it first')
    const packets = this.#slab.subarray(this.#taken, this.#at)
    this.#taken = this.#at
    if (this.#slab.length > slabBytes) this.#adopt(Buffer.alloc(0))
    return packets
  }

  // Makes room for `count` bytes and returns where they begin. The slab may be another one
  // afterwards: callers reserve first and name #slab and #view after.
  #reserve(count: number): number {
    if (this.#open === -1) throw new Error('no packet is under way; begin one first')
    if (this.#at + count > this.#slab.length) this.#grow(count)
    const at = this.#at
    this.#at = at + count
    return at
  }

  #grow(count: number): void {
    const pending = this.#slab.subarray(this.#taken, this.#at)
    const open = this.#open - this.#taken
    const needed = pending.length + count
    this.#adopt(Buffer.allocUnsafeSlow(needed > slabBytes ? needed * 2 : slabBytes))
    this.#slab.set(pending)
    this.#at = pending.length
    this.#open = open
  }

  #adopt(slab: Buffer): void {
    this.#slab = slab
    this.#view = new DataView(slab.buffer, slab.byteOffset, slab.byteLength)
    this.#taken = 0
    this.#at = 0
  }
}
