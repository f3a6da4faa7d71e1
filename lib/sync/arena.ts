/**
 * Copies of small pieces of bytes in shared slabs: for what a view costs, not what a buffer costs.
 *
 * An `ArrayBuffer` of its own for each frame and output is two allocations outside of the heap and
 * work for the collector; a view of a slab is one small object. A slab lives as long as any view of
 * it. So an arena is for pieces that are dropped about in the order in which they came: then what
 * stays in memory is what is held and two slabs, whatever the sizes. Bytes once handed out are
 * never written again.
 */

/** Some 120 frames of 256 bytes. Half is allocated twice as often; what is pinned is twice this. */
const slabBytes = 32_768
/** Larger pieces get memory of their own, so that little of a slab is left over at its end. */
const mostBytes = slabBytes / 8

export class Arena {
  #slab = new Uint8Array(0)
  #at = 0

  /** A copy of `data`, which may change afterwards. */
  copy(data: Uint8Array): Uint8Array {
    const { length } = data
    if (length > mostBytes) return new Uint8Array(data)
    if (this.#at + length > this.#slab.length) {
      this.#slab = new Uint8Array(slabBytes)
      this.#at = 0
    }
    const at = this.#at
    this.#at = at + length
    this.#slab.set(data, at)
    return new Uint8Array(this.#slab.buffer, at, length)
  }
}
