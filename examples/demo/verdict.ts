/**
 * The verdict: is what stands behind the receiver's helper the stream of one uninterrupted process?
 *
 * It is found from two lists alone, what was handed on and what the oracle expected, and never
 * from what the members say of themselves.
 */

/** The figures of the comparison. */
export interface Comparison {
  /** Expected and never handed on. */
  readonly lost: number
  /** Handed on although the same number had been before. */
  readonly duplicated: number
  /** Handed on after a higher number. */
  readonly reordered: number
  /** The sequences of (number, bytes) are equal. */
  readonly identical: boolean
}

/** Compares what was handed on with what was expected: number n is `expected[n - 1]`. */
export function compare(
  handedOn: readonly { readonly number: number; readonly data: string }[],
  expected: readonly string[],
): Comparison {
  const seen = new Set<number>()
  let duplicated = 0
  let reordered = 0
  let highest = 0
  let identical = handedOn.length === expected.length
  for (const [index, { number, data }] of handedOn.entries()) {
    if (number !== index + 1 || data !== expected[index]) identical = false
    if (seen.has(number)) duplicated++
    else if (number < highest) reordered++
    seen.add(number)
    highest = Math.max(highest, number)
  }
  let lost = 0
  for (let number = 1; number <= expected.length; number++) if (!seen.has(number)) lost++
  return { lost, duplicated, reordered, identical }
}
