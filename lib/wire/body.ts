/**
 * Reads the fields of one packet body, in the order in which `PacketWriter` put them.
 *
 * What arrives may be cut short or made up. So no read throws: beyond the end, or over a bound, it
 * answers zero or nothing and the reader remembers; whoever decodes a message reads all its fields
 * in a straight line and asks once, at the end, whether it was whole. One reader serves many
 * bodies: `of` points it at the next one without an allocation. Pure: no I/O, no time.
 */

import { viewOf } from './view.js'

const nothing = new Uint8Array(0)
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Where eight bytes become a float or a bigint: a DataView for each body would cost more than the
// copy.
const word = new DataView(new ArrayBuffer(8))

/** A cursor over a body. */
export class BodyReader {
  #body: Uint8Array = nothing
  #at = 0
  #isBroken = false
  // The last text that was read, and its bytes.
  #bytesOfText: Uint8Array = nothing
  #text = ''

  /** Begins at the first byte of `body`, the type. */
  of(body: Uint8Array): this {
    this.#body = body
    this.#at = 0
    this.#isBroken = false
    return this
  }

  /** Whether every read so far found its bytes. */
  get isSound(): boolean {
    return !this.#isBroken
  }

  /** Whether every read found its bytes and not one byte is left. */
  get isComplete(): boolean {
    return !this.#isBroken && this.#at === this.#body.length
  }

  u8(): number {
    const at = this.#advance(1)
    return this.#body[at] ?? 0
  }

  u16(): number {
    const at = this.#advance(2)
    return (this.#body[at] ?? 0) | ((this.#body[at + 1] ?? 0) << 8)
  }

  u32(): number {
    const at = this.#advance(4)
    const body = this.#body
    const low = (body[at] ?? 0) | ((body[at + 1] ?? 0) << 8) | ((body[at + 2] ?? 0) << 16)
    return low + (body[at + 3] ?? 0) * 0x100_0000
  }

  u48(): number {
    const low = this.u32()
    return low + this.u16() * 0x1_0000_0000
  }

  u64(): bigint {
    this.#fillWord()
    return word.getBigUint64(0, true)
  }

  f64(): number {
    this.#fillWord()
    return word.getFloat64(0, true)
  }

  /** `count` bytes as a view of the body. */
  raw(count: number): Uint8Array {
    const at = this.#advance(count)
    return this.#isBroken ? nothing : viewOf(this.#body, at, at + count)
  }

  /** A u32 length, at most `limit`, and that many bytes as a view of the body. */
  bytes(limit: number): Uint8Array {
    return this.raw(this.#bounded(this.u32(), limit))
  }

  /** A u16 length, at most `limit` bytes, and that much well-formed UTF-8. */
  string(limit: number): string {
    const length = this.#bounded(this.u16(), limit)
    const at = this.#advance(length)
    if (this.#isBroken || length === 0) return ''
    // The name of a source comes with each of its frames, and most often it is the one before.
    if (this.#isText(at, length)) return this.#text
    this.#bytesOfText = this.#body.slice(at, at + length)
    try {
      this.#text = utf8.decode(this.#bytesOfText)
    } catch {
      this.#isBroken = true
      this.#bytesOfText = nothing
      this.#text = ''
    }
    return this.#text
  }

  /** All that is left, as a view of the body. */
  rest(): Uint8Array {
    return this.raw(this.#body.length - this.#at)
  }

  #isText(at: number, length: number): boolean {
    const bytes = this.#bytesOfText
    if (bytes.length !== length) return false
    for (let i = 0; i < length; i++) if (bytes[i] !== this.#body[at + i]) return false
    return true
  }

  // Moves past `count` bytes and returns where they began. When they are not there, the place is
  // the end, so that what is read there is nothing.
  #advance(count: number): number {
    const at = this.#at
    if (this.#isBroken || at + count > this.#body.length) {
      this.#isBroken = true
      return this.#body.length
    }
    this.#at = at + count
    return at
  }

  #bounded(count: number, limit: number): number {
    if (count <= limit) return count
    this.#isBroken = true
    return 0
  }

  #fillWord(): void {
    const at = this.#advance(8)
    for (let i = 0; i < 8; i++) word.setUint8(i, this.#body[at + i] ?? 0)
  }
}
