/**
 * CRC-32C in plain TypeScript, one byte at a time.
 *
 * It serves the simulator, which runs without the addon, and the tests as an oracle that shares
 * nothing with the C++ one. It is some thirty times slower and must not be used where an output
 * is on its way.
 */

const polynomial = 0x82f63b78

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0)
  return sum
})

/** The CRC-32C of `data`; `before` is that of the bytes in front of it. */
export function crc32c(data: Uint8Array, before = 0): number {
  let sum = ~before
  for (const byte of data) sum = (sum >>> 8) ^ (table[(sum ^ byte) & 0xff] ?? 0)
  return ~sum >>> 0
}
