/**
 * The randomness of a simulation: a function of its seed, and one stream for each use.
 *
 * Streams apart from each other keep a run alike while it is shrunk: a fault that is dropped does
 * not change how long the deliveries take.
 */

/** 0 ≤ number < 1, a function of `seed`. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e37_79b1)
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A stream of its own for `use` of a run. */
export function streamOf(seed: number, use: string): () => number {
  let mixed = seed | 0
  for (let index = 0; index < use.length; index += 1) {
    mixed = Math.imul(mixed ^ use.charCodeAt(index), 0x0100_0193)
  }
  return generator(mixed)
}
