/**
 * A thread that replays scenarios; its own for the reason that `pool.ts` gives.
 *
 * It reports each as it ends, with all of its runs.
 */

import { parentPort, workerData } from 'node:worker_threads'
import type { Violation } from '../check/violation.js'
import { readScenario } from './scenario-file.js'
import { Trial } from './trial.js'

/** What became of one scenario. */
export interface Replayed {
  readonly path: string
  readonly runs: number
  /** Of the runs that broke something, the first thing each broke. */
  readonly violations: readonly (Violation & { readonly seed: number })[]
}

Error.stackTraceLimit = 0

for (const path of workerData as readonly string[]) {
  const scripts = readScenario(path)
  const violations: (Violation & { readonly seed: number })[] = []
  for (const script of scripts) {
    const outcome = await new Trial(script).run()
    const [first] = outcome.violations
    if (first) violations.push({ ...first, seed: script.settings.seed ?? 1 })
  }
  const replayed: Replayed = { path, runs: scripts.length, violations }
  parentPort?.postMessage(replayed)
}
