/**
 * Runs many seeds on several threads; whoever is free takes the next few.
 *
 * Threads of their own also because a test runner watches every promise of the thread it runs in,
 * which makes a simulation several times as slow.
 */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Seeds that a thread takes at once. */
const share = 4

/** What one seed came to. */
export interface SeedReport {
  readonly seed: number
  readonly violations: readonly { readonly promise: string; readonly text: string }[]
}

/** Sums over many seeds. */
export interface Sums {
  readonly seeds: number
  readonly virtualMs: number
  readonly frames: number
  readonly faults: number
  readonly takeovers: number
  readonly outputs: number
  readonly repeats: number
  readonly looks: number
  readonly events: number
}

/** The least of each that a seed had which ran to its end. */
export interface Least {
  readonly virtualMs: number
  readonly frames: number
  readonly faults: number
}

export interface Report {
  readonly sums: Sums
  readonly least: Least
  readonly failures: readonly SeedReport[]
}

export interface Work {
  readonly first: number
  readonly count: number
  readonly threads: number
  /** No seed is begun after so many seconds. */
  readonly seconds: number | undefined
  readonly canary: string | undefined
  /** Nothing is begun once something is found. */
  readonly isFirstEnough: boolean
}

/** What a thread is given. `shared`: [seeds taken, stop]. */
export interface ThreadData extends Pick<Work, 'first' | 'count' | 'canary' | 'isFirstEnough'> {
  readonly shared: Int32Array
  readonly share: number
}

const nothing: Report = {
  sums: {
    seeds: 0,
    virtualMs: 0,
    frames: 0,
    faults: 0,
    takeovers: 0,
    outputs: 0,
    repeats: 0,
    looks: 0,
    events: 0,
  },
  least: {
    virtualMs: Number.POSITIVE_INFINITY,
    frames: Number.POSITIVE_INFINITY,
    faults: Number.POSITIVE_INFINITY,
  },
  failures: [],
}

export function added(one: Report, other: Report): Report {
  const sum = (of: keyof Sums) => one.sums[of] + other.sums[of]
  const least = (of: keyof Least) => Math.min(one.least[of], other.least[of])
  return {
    sums: {
      seeds: sum('seeds'),
      virtualMs: sum('virtualMs'),
      frames: sum('frames'),
      faults: sum('faults'),
      takeovers: sum('takeovers'),
      outputs: sum('outputs'),
      repeats: sum('repeats'),
      looks: sum('looks'),
      events: sum('events'),
    },
    least: { virtualMs: least('virtualMs'), frames: least('frames'), faults: least('faults') },
    failures: [...one.failures, ...other.failures],
  }
}

export async function runSeeds(work: Work): Promise<Report> {
  const { first, count, canary, isFirstEnough, threads } = work
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const data: ThreadData = { first, count, canary, isFirstEnough, shared, share }
  let report = nothing
  const timer = setTimeout(() => Atomics.store(shared, 1, 1), (work.seconds ?? 86_400) * 1_000)
  const runThread = async () => {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: data })
    worker.on('message', (some: Report) => {
      report = added(report, some)
    })
    await once(worker, 'exit')
  }
  try {
    await Promise.all(Array.from({ length: threads }, runThread))
  } finally {
    clearTimeout(timer)
  }
  const failures = [...report.failures].sort((one, other) => one.seed - other.seed)
  return { ...report, failures }
}
