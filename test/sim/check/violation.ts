/**
 * What the checkers of a simulation find, and where they put it.
 *
 * Checkers know what went in, what came out at the receivers, what promises resolved with, and what
 * the pair says of itself; never how it works. Each names the promise that it watches.
 */

/** S2 to S6 and S8 as in the design; the others by name. */
export type Promised =
  | 'S1'
  | 'S2'
  | 'S3'
  | 'S4'
  | 'S5'
  | 'S6'
  | 'S8'
  | 'order'
  | 'pair time'
  | 'timers'
  | 'rules'

export interface Violation {
  readonly promise: Promised
  readonly atMs: number
  readonly text: string
}

/** Most that are kept of one run: the first ones say what happened. */
const mostKept = 8

/** Collects what was found in one run. */
export class Findings {
  readonly #now: () => number
  /** Promises that the faults of this run have made void, and since when. */
  readonly #void = new Set<Promised>()
  readonly violations: Violation[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  /** From now on these are not promised any more in this run. */
  makeVoid(...promises: readonly Promised[]): void {
    for (const promise of promises) this.#void.add(promise)
  }

  isVoid(promise: Promised): boolean {
    return this.#void.has(promise)
  }

  report(promise: Promised, text: string): void {
    if (this.#void.has(promise) || this.violations.length >= mostKept) return
    this.violations.push({ promise, atMs: this.#now(), text })
  }
}
