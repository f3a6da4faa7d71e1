/**
 * The stream that was handed on, against what one uninterrupted process sends: one output at a
 * time, in bounded memory, so that a run may last as long as anybody likes.
 *
 * It knows numbers and bytes alone, and nothing of members, epochs or faults. Number n is the n-th
 * output that the oracle gives.
 */

/** What is wrong with an output, and which one. */
export interface Flaw {
  readonly kind: 'lost' | 'duplicated' | 'reordered' | 'differs'
  readonly number: number
}

/** Missing outputs of which the bytes are kept, for when they come late. */
const mostMissing = 10_000

export class StreamCheck {
  readonly flaws: Flaw[] = []
  /** The number of outputs that came, each once. */
  count = 0
  readonly #expected: Iterator<string>
  readonly #missing = new Map<number, string>()
  #highest = 0

  constructor(expected: Iterator<string>) {
    this.#expected = expected
  }

  /** The next output that was handed on. */
  take(number: number, data: string): void {
    if (number > this.#highest) this.#advance(number, data)
    else if (this.#missing.has(number)) this.#takeLate(number, data)
    else this.flaws.push({ kind: 'duplicated', number })
  }

  /** The stream has ended: what has not come by now is lost. */
  finish(): void {
    for (const number of this.#missing.keys()) this.flaws.push({ kind: 'lost', number })
    this.#missing.clear()
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#highest++
      this.flaws.push({ kind: 'lost', number: this.#highest })
    }
  }

  countOf(kind: Flaw['kind']): number {
    return this.flaws.filter((flaw) => flaw.kind === kind).length
  }

  #advance(number: number, data: string): void {
    while (this.#highest < number - 1) {
      const skipped = this.#next()
      this.#highest++
      if (skipped === undefined || this.#missing.size >= mostMissing) {
        this.flaws.push({ kind: 'lost', number: this.#highest })
      } else this.#missing.set(this.#highest, skipped)
    }
    this.#highest = number
    this.#compare(number, this.#next(), data)
  }

  #takeLate(number: number, data: string): void {
    this.flaws.push({ kind: 'reordered', number })
    this.#compare(number, this.#missing.get(number), data)
    this.#missing.delete(number)
  }

  #compare(number: number, expected: string | undefined, data: string): void {
    this.count++
    if (data !== expected) this.flaws.push({ kind: 'differs', number })
  }

  #next(): string | undefined {
    const { value, done } = this.#expected.next()
    return done === true ? undefined : value
  }
}
