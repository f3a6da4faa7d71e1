/**
 * A binary heap: the least of many, by an order that the owner gives, without sorting them.
 *
 * Two elements of which neither is before the other come out in any order: whoever needs one says
 * so in `isBefore`.
 */

export class Heap<T> {
  readonly #isBefore: (one: T, other: T) => boolean
  readonly #items: T[] = []

  constructor(isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore
  }

  get length(): number {
    return this.#items.length
  }

  /** The least. */
  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let index = items.push(item) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = items[parent]
      if (above === undefined || !this.#isBefore(item, above)) break
      items[index] = above
      index = parent
    }
    items[index] = item
  }

  /** Takes the least out. */
  shift(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let index = 0
    for (;;) {
      const left = items[2 * index + 1]
      const right = items[2 * index + 2]
      if (left === undefined) break
      const isRight = right !== undefined && this.#isBefore(right, left)
      const least = isRight ? right : left
      if (!this.#isBefore(least, last)) break
      items[index] = least
      index = 2 * index + (isRight ? 2 : 1)
    }
    items[index] = last
    return first
  }

  /** Keeps what `isKept` says of, in one pass. */
  filter(isKept: (item: T) => boolean): void {
    const kept = this.#items.filter(isKept)
    this.clear()
    for (const item of kept) this.push(item)
  }

  clear(): void {
    this.#items.length = 0
  }
}
