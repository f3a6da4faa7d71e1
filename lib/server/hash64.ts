/**
 * A 64-bit digest of a sequence of 32-bit words, in plain JavaScript: two lanes of rotate, mix and
 * multiply.
 *
 * It finds accidents, not attackers. For a given state each step is a bijection of the word, so two
 * sequences of one length that differ in one word always differ at the end. All operations are on
 * 32-bit integers: every engine gives the same. Words are little-endian where they come from bytes.
 */

/** Odd constants of golden ratio and murmur3: they spread a word over the upper bits. */
const firstFactor = 0x9e37_79b1
const secondFactor = 0x85eb_ca6b

const scratch = new Float64Array(1)
const halves = new Int32Array(scratch.buffer)

export class Hash64 {
  // Within 32 bits with a sign, which the engine keeps without an allocation.
  #first = 0x6a09_e667 | 0
  #second = 0xbb67_ae85 | 0

  word(word: number): void {
    const { imul } = Math
    this.#first = imul(((this.#first << 5) | (this.#first >>> 27)) ^ word, firstFactor)
    this.#second = imul((((this.#second << 11) | (this.#second >>> 21)) + word) | 0, secondFactor)
  }

  /** The bits of a double as they are. */
  double(value: number): void {
    scratch[0] = value
    this.word(halves[0] ?? 0)
    this.word(halves[1] ?? 0)
  }

  /** Length and UTF-16 units, two a word. */
  text(text: string): void {
    const { imul } = Math
    const { length } = text
    this.word(length)
    let first = this.#first
    let second = this.#second
    for (let at = 0; at < length; at += 2) {
      const high = at + 1 < length ? text.charCodeAt(at + 1) : 0
      const word = text.charCodeAt(at) | (high << 16)
      first = imul(((first << 5) | (first >>> 27)) ^ word, firstFactor)
      second = imul((((second << 11) | (second >>> 21)) + word) | 0, secondFactor)
    }
    this.#first = first
    this.#second = second
  }

  /** Length and bytes, four a word. */
  bytes(bytes: Uint8Array): void {
    this.word(bytes.length)
    const { buffer, byteOffset, length } = bytes
    const whole = length >>> 2
    if (byteOffset % 4 === 0) {
      this.words(new Int32Array(buffer, byteOffset, whole))
    } else {
      for (let at = 0; at < 4 * whole; at += 4) this.word(wordAt(bytes, at))
    }
    if (length % 4 !== 0) this.word(wordAt(bytes, 4 * whole))
  }

  words(words: Int32Array): void {
    const { imul } = Math
    let first = this.#first
    let second = this.#second
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at] ?? 0
      first = imul(((first << 5) | (first >>> 27)) ^ word, firstFactor)
      second = imul((((second << 11) | (second >>> 21)) + word) | 0, secondFactor)
    }
    this.#first = first
    this.#second = second
  }

  /** The digest of all words so far. */
  digest(): bigint {
    const high = mixed(this.#first)
    const low = mixed(this.#second ^ high)
    return (BigInt((high + low) >>> 0) << 32n) | BigInt(low >>> 0)
  }
}

/** Up to four bytes from `at` on; what lies beyond the end is 0. */
function wordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
  return low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}

/** The last step of murmur3: every bit of the word changes half of the others. */
function mixed(word: number): number {
  let mixing = word ^ (word >>> 16)
  mixing = Math.imul(mixing, secondFactor)
  mixing ^= mixing >>> 13
  mixing = Math.imul(mixing, 0xc2b2_ae35)
  return mixing ^ (mixing >>> 16)
}
