/**
 * Randomness of the demo, all from one printed seed, so that a run can be repeated.
 *
 * The moments of the faults are drawn from it; what the machine does in between is not, so a
 * repeated run has the same plan and not the same microseconds.
 */

export interface Random {
  /** 0 ≤ number < 1. */
  next(): number
  /** A number from `least` to below `most`. */
  between(least: number, most: number): number
  /** The same elements in a drawn order. */
  shuffled<T>(list: readonly T[]): T[]
}

/** Mulberry32: 32 bits of state, good enough to choose moments by. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (least: number, most: number) => least + next() * (most - least)
  function shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((value) => ({ value, key: next() }))
    return keyed.sort((one, other) => one.key - other.key).map(({ value }) => value)
  }
  return { next, between, shuffled }
}
