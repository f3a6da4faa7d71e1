/**
 * What many measured values are boiled down to.
 *
 * A p99 says something only where at least two values lie above it: below 200 values it is left
 * out, and the maximum stands for the tail. Percentiles are the nearest rank, so that each is a
 * value that was measured.
 */

/** Fewest values of which a 99th percentile is given. */
export const fewestForP99 = 200

export interface Summary {
  readonly n: number
  readonly p50: number
  /** Undefined below `fewestForP99` values. */
  readonly p99: number | undefined
  readonly max: number
  readonly min: number
}

/** The value below or at which `part` (0 to 1) of them lie; `sorted` is not empty. */
function percentile(sorted: Float64Array, part: number): number {
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))
  return sorted[rank] ?? Number.NaN
}

export function summarize(values: Iterable<number>): Summary {
  const sorted = Float64Array.from(values).sort()
  const n = sorted.length
  if (n === 0) throw new Error('nothing was measured')
  return {
    n,
    p50: percentile(sorted, 0.5),
    p99: n >= fewestForP99 ? percentile(sorted, 0.99) : undefined,
    max: percentile(sorted, 1),
    min: percentile(sorted, 0),
  }
}

export function median(values: Iterable<number>): number {
  return summarize(values).p50
}
