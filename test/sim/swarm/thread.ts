/**
 * A thread that runs seeds until there are none left, or it is told to stop; see `pool.ts`.
 *
 * It asks a shared counter for the next few, and reports after each few.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { canaries } from './canaries.js'
import { scriptOf } from './generate.js'
import type { Report, ThreadData } from './pool.js'
import { type Outcome, Trial } from './trial.js'

const { first, count, canary, isFirstEnough, shared, share } = workerData as ThreadData
// The simulation makes thousands of errors on purpose; nobody reads where they came from.
Error.stackTraceLimit = 0

/** What every seed must have. */
const atLeast = { virtualMs: 60_000, frames: 1_000, faults: 5 }

for (;;) {
  const from = Atomics.add(shared, 0, share)
  if (from >= count || Atomics.load(shared, 1) !== 0) break
  for (let seed = first + from; seed < first + Math.min(from + share, count); seed += 1) {
    if (Atomics.load(shared, 1) !== 0) break
    const outcome = await new Trial(scriptOf(seed), canary ? canaries[canary]?.() : {}).run()
    parentPort?.postMessage(reportOf(seed, outcome))
    if (isFirstEnough && outcome.violations.length > 0) Atomics.store(shared, 1, 1)
  }
}

function reportOf(seed: number, { violations, counts }: Outcome): Report {
  const broken = violations.map(({ promise, atMs, text }) => ({
    promise,
    text: `at ${atMs.toFixed(1)} ms: ${text}`,
  }))
  const isWhole = broken.length === 0 && canary === undefined
  const told = isWhole ? shortOf(counts) : broken
  const hasFailed = told.length > 0
  const never = Number.POSITIVE_INFINITY
  const { virtualMs, frames, faults } = counts
  return {
    sums: { seeds: 1, ...counts },
    least: hasFailed
      ? { virtualMs: never, frames: never, faults: never }
      : { virtualMs, frames, faults },
    failures: hasFailed ? [{ seed, violations: told }] : [],
  }
}

/** A simulator that gets short of faults would find nothing: that is a failure too. */
function shortOf(counts: Outcome['counts']): { promise: string; text: string }[] {
  return (['virtualMs', 'frames', 'faults'] as const)
    .filter((key) => counts[key] < atLeast[key])
    .map((key) => ({
      promise: 'length',
      text: `a seed has ${counts[key]} ${key}, ${atLeast[key]} are the least`,
    }))
}
