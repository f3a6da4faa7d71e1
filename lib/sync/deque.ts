/**
 * A first-in first-out list without the cost of `Array.shift`: a head index over one array.
 *
 * The array is compacted when more than half of it is used up, so each element is moved at most
 * once on average and the memory stays within twice what is held.
 */

const compactAbove = 64

export class Deque<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The element `index` places behind the first. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index]
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  get last(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#items.length - 1]
  }

  /** Puts `item` in front of the one at `index`, or last. */
  insert(index: number, item: T): void {
    if (index >= this.length) this.push(item)
    else this.#items.splice(this.#head + index, 0, item)
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head > compactAbove && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = this.#head; index < this.#items.length; index += 1) {
      const item = this.#items[index]
      if (item !== undefined) yield item
    }
  }
}
