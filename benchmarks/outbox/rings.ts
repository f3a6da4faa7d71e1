/**
 * Outboxes in plain JavaScript, each as fast as it can be made: what the native one is measured
 * beside.
 *
 *   CheckedRing     does the same: owns a copy of each output, knows its CRC-32C, compares it with
 *                   what the other member has sent, and finds it by number
 *   UncheckedRing   owns a copy and finds it by number; compares nothing
 *
 * One channel, outputs of at most one slot; a ring of slots is the fastest that JavaScript has,
 * because nothing is allocated.
 */

/** One output that the peer has sent. */
export interface Sent {
  readonly channel: number
  readonly number: number
  readonly bytes: number
  readonly digest: number
}

/** One output that was produced here. */
export interface Produced {
  readonly channel: number
  readonly number: number
  readonly data: Uint8Array
}

const tables = makeTables()

function makeTables(): readonly Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
    return crc
  })
  const all = [first]
  for (let index = 1; index < 8; index++) {
    const before = all[index - 1] as Uint32Array
    all.push(before.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] as number)))
  }
  return all
}

/** CRC-32C, eight bytes a step: the fastest known way in JavaScript. */
export function crc32c(data: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  let crc = 0xffff_ffff
  let at = from
  for (; at + 8 <= to; at += 8) {
    crc ^= word(data, at)
    const high = word(data, at + 4)
    crc =
      (t7[crc & 0xff] as number) ^
      (t6[(crc >>> 8) & 0xff] as number) ^
      (t5[(crc >>> 16) & 0xff] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[high & 0xff] as number) ^
      (t2[(high >>> 8) & 0xff] as number) ^
      (t1[(high >>> 16) & 0xff] as number) ^
      (t0[high >>> 24] as number)
  }
  for (; at < to; at++) crc = (t0[(crc ^ (data[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ 0xffff_ffff) >>> 0
}

function word(data: Uint8Array, at: number): number {
  return (
    (data[at] as number) |
    ((data[at + 1] as number) << 8) |
    ((data[at + 2] as number) << 16) |
    ((data[at + 3] as number) << 24)
  )
}

/** A ring of `slots` slots, a power of two, of `slotBytes` each. */
export class UncheckedRing {
  protected readonly bytes: Uint8Array
  protected readonly lengths: Uint32Array
  protected produced = 0
  protected sent = 0
  readonly #slotBytes: number
  readonly #mask: number

  constructor(slots: number, slotBytes: number) {
    this.bytes = new Uint8Array(slots * slotBytes)
    this.lengths = new Uint32Array(slots)
    this.#slotBytes = slotBytes
    this.#mask = slots - 1
  }

  produce(records: readonly Produced[]): void {
    for (const { number, data } of records) {
      const slot = this.slotOf(number)
      this.bytes.set(data, slot * this.#slotBytes)
      this.lengths[slot] = data.length
      this.produced = number
      this.kept(slot, slot * this.#slotBytes, data.length)
    }
  }

  peerSent(records: readonly Sent[]): boolean {
    for (const { number } of records) this.sent = number
    return true
  }

  protected slotOf(number: number): number {
    return number & this.#mask
  }

  protected kept(_slot: number, _at: number, _length: number): void {}
}

export class CheckedRing extends UncheckedRing {
  readonly #digests: Uint32Array

  constructor(slots: number, slotBytes: number) {
    super(slots, slotBytes)
    this.#digests = new Uint32Array(slots)
  }

  override peerSent(records: readonly Sent[]): boolean {
    for (const { number, bytes, digest } of records) {
      const slot = this.slotOf(number)
      const isSame = this.lengths[slot] === bytes && this.#digests[slot] === digest
      if (number !== this.sent + 1 || number > this.produced || !isSame) return false
      this.sent = number
    }
    return true
  }

  protected override kept(slot: number, at: number, length: number): void {
    this.#digests[slot] = crc32c(this.bytes, at, at + length)
  }
}
