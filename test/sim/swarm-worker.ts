/**
 * A thread that runs some of the swarm's seeds. Its own, because the test runner watches every
 * promise of the thread it runs in, which makes a simulation several times as slow.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { type Outcome, runSeed } from './swarm.js'

/** Runs seeds `first`, `first + step`, … below `end`. */
export interface Share {
  readonly first: number
  readonly end: number
  readonly step: number
}

const { first, end, step } = workerData as Share
// The simulation makes thousands of errors on purpose; nobody reads where they came from.
if (end - first > 1) Error.stackTraceLimit = 0
for (let seed = first; seed < end; seed += step) {
  const outcome: Outcome = await runSeed(seed)
  const isToBeRead = outcome.problems.length > 0 || end - first === 1
  parentPort?.postMessage({ ...outcome, trail: isToBeRead ? outcome.trail : [] })
}
