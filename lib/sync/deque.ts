/**
 * A first-in first-out list without the cost of `Array.shift`: a ring of slots.
 *
 * As many slots as a power of two: it doubles when all are used and is halved when an eighth is, so
 * that what is in steady use allocates nothing. The memory is at most eight times what is held, or
 * that of `keptSlots`.
 */

const firstSlots = 16
/** Rings up to here are not made smaller: what has grown so far will do so again. */
const keptSlots = 4_096

export class Deque<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(firstSlots).fill(undefined)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#resize(2 * this.#length)
    this.#slots[this.#slotOf(this.#length)] = item
    this.#length += 1
  }

  /** The element `index` places behind the first. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined
    return this.#slots[this.#slotOf(index)]
  }

  get first(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head]
  }

  get last(): T | undefined {
    return this.at(this.#length - 1)
  }

  /** Puts `item` in front of the one at `index`, or last. */
  insert(index: number, item: T): void {
    this.push(item)
    const place = Math.min(index, this.#length - 1)
    if (place < this.#length / 2) {
      // Those in front of it move, not those behind it: it is taken off the end again.
      this.#slots[this.#slotOf(this.#length - 1)] = undefined
      this.#head = this.#slotOf(this.#slots.length - 1)
      this.#move(0, place, 1)
    } else this.#move(this.#length - 1, place, -1)
    this.#slots[this.#slotOf(place)] = item
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = this.#slotOf(1)
    this.#length -= 1
    const { length } = this.#slots
    if (length > keptSlots && this.#length < length / 8) this.#resize(length / 2)
    return item
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(firstSlots).fill(undefined)
    this.#head = 0
    this.#length = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = 0; index < this.#length; index += 1) {
      const item = this.at(index)
      if (item !== undefined) yield item
    }
  }

  #slotOf(index: number): number {
    return (this.#head + index) & (this.#slots.length - 1)
  }

  // Moves what lies between the two places by one: into `from`, on to `to`, in steps of `step`.
  #move(from: number, to: number, step: 1 | -1): void {
    for (let index = from; index !== to; index += step) {
      this.#slots[this.#slotOf(index)] = this.#slots[this.#slotOf(index + step)]
    }
  }

  #resize(count: number): void {
    const slots = new Array<T | undefined>(count).fill(undefined)
    for (let index = 0; index < this.#length; index += 1) slots[index] = this.at(index)
    this.#slots = slots
    this.#head = 0
  }
}
