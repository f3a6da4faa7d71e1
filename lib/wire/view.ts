/**
 * A part of some bytes as a view of its own, for what arrives by the thousand: `subarray` asks
 * first which class its result is to have, and a Buffer's goes through two constructors.
 */
export function viewOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)
}
