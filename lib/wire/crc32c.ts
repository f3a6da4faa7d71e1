/**
 * CRC-32C in plain TypeScript, four bytes at a time.
 *
 * It serves records, of which few are written, the simulator, which runs without the addon, and the
 * tests as an oracle that shares nothing with the C++ one. It is some ten times slower than that
 * one and must not be used where an output is on its way. Pure.
 */

const polynomial = 0x82f63b78

const tableOf = (next: (byte: number) => number) =>
  Uint32Array.from({ length: 256 }, (_, byte) => next(byte))

/** What a byte becomes when it is shifted out, and when one, two, three more follow it. */
const last = tableOf((byte) => {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0)
  return sum
})
const third = tableOf((byte) => shifted(at(last, byte)))
const second = tableOf((byte) => shifted(at(third, byte)))
const first = tableOf((byte) => shifted(at(second, byte)))

function at(table: Uint32Array, byte: number): number {
  return table[byte & 0xff] as number
}

function shifted(sum: number): number {
  return (sum >>> 8) ^ at(last, sum)
}

/** The CRC-32C of `data`; `before` is that of the bytes in front of it. */
export function crc32c(data: Uint8Array, before = 0): number {
  const { length } = data
  const byte = (index: number) => data[index] as number
  let sum = ~before
  let index = 0
  for (; index + 4 <= length; index += 4) {
    sum ^= byte(index) | (byte(index + 1) << 8) | (byte(index + 2) << 16) | (byte(index + 3) << 24)
    sum = at(first, sum) ^ at(second, sum >>> 8) ^ at(third, sum >>> 16) ^ at(last, sum >>> 24)
  }
  for (; index < length; index += 1) sum = (sum >>> 8) ^ at(last, sum ^ byte(index))
  return ~sum >>> 0
}
