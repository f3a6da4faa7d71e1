/**
 * Randomness that is alike on both members: a generator seeded by (history, frame), drawn from in
 * order.
 *
 * The generator is sfc32 (C. Doty-Humphrey, PractRand): 128 bits of state, passes PractRand and
 * BigCrush, and needs 32-bit integer operations only, so that it gives the same numbers in every
 * JavaScript engine. It is not for secrets: whoever knows the history id can compute it.
 */

import type { HistoryId } from '../units.js'

/**
 * Rounds that mix the seed before the first number is drawn; the author's recommendation for a
 * 128-bit seed is 12 to 20.
 */
const warmUpRounds = 16

export class FrameRandom {
  readonly #state: [number, number, number, number]

  constructor(history: HistoryId, frame: number) {
    const word = (index: number) => Number.parseInt(history.slice(8 * index, 8 * index + 8), 16) | 0
    const low = frame | 0
    const high = Math.floor(frame / 0x1_0000_0000) | 0
    this.#state = [
      word(0) ^ low,
      word(1) ^ high,
      word(2) ^ Math.imul(low, 0x9e37_79b1),
      word(3) + 1,
    ]
    for (let round = 0; round < warmUpRounds; round += 1) this.#next()
  }

  /** 0 ≤ number < 1 with 53 random bits. */
  random(): number {
    const high = this.#next() >>> 5
    const low = this.#next() >>> 6
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000
  }

  /** A version-4 UUID (RFC 9562, section 5.4). */
  uuid(): string {
    let digits = ''
    for (let word = 0; word < 4; word += 1) {
      digits += (this.#next() >>> 0).toString(16).padStart(8, '0')
    }
    const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16)
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`
  }

  #next(): number {
    const [a, b, c, counter] = this.#state
    const result = (((a + b) | 0) + counter) | 0
    this.#state[0] = b ^ (b >>> 9)
    this.#state[1] = (c + (c << 3)) | 0
    this.#state[2] = (((c << 21) | (c >>> 11)) + result) | 0
    this.#state[3] = (counter + 1) | 0
    return result
  }
}
