/**
 * `load`: how fast a region of shared memory comes to the other member while its program writes it,
 * and how long that program is held for it.
 *
 * Each round has all cases and, in turn with each, the floor: as many bytes over loopback TCP in C,
 * nothing else. A load begins with the first of the two calls and ends when the receiver has it in
 * place. The program writes one word of so many pages each second, all over the region.
 */

import {
  type Aim,
  type Benchmark,
  countOf,
  type Findings,
  type Scale,
} from '../support/findings.js'
import { isInstalled, twoProcessors } from '../support/machine.js'
import { Program } from '../support/program.js'
import { median, summarize } from '../support/statistics.js'
import { type Loaded, RegionPair } from './pair.js'
import { clone, plainState } from './plain.js'

const usualRounds = 10
const usualMiB = 1_024
const quickMiB = 64
const percents = [0, 1, 10]
const leastRate = 70
const mostHoldMs = 2

const caseOf = (percent: number) =>
  percent === 0 ? 'at rest' : `${percent} % of the pages written a second`

interface Measured {
  readonly percent: number
  readonly loaded: Loaded
  /** Of the floor that was measured right before. */
  readonly rawMs: number
}

interface Floors {
  readonly fresh: number[]
  readonly copied: number[]
}

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  if (!isInstalled('g++')) {
    return { rows: [], aims: [], skipped: [{ subject: 'all', reason: 'no g++' }], notes: [] }
  }
  const mib = scale.isQuick ? quickMiB : usualMiB
  const bytes = mib * 2 ** 20
  const raw = new Program('load/raw_posix.cpp')
  const floor = async (what: string) => {
    const [ns = Number.NaN] = await raw.run([what, bytes, ...twoProcessors()], {})
    return ns / 1e6
  }
  const loads: Measured[] = []
  const floors: Floors = { fresh: [], copied: [] }
  const pair = await RegionPair.open(bytes)
  try {
    raw.build()
    for (let round = 0; round < countOf(scale, usualRounds, 1); round++) {
      for (const percent of percents) {
        signal.throwIfAborted()
        const rawMs = await floor('raw')
        loads.push({ percent, rawMs, loaded: await pair.load({ type: 'nothing' }, percent) })
      }
      floors.fresh.push(await floor('fresh'))
      floors.copied.push(await floor('copy'))
    }
    // Of one that nobody writes both hold the same.
    await pair.load({ type: 'nothing' })
    await pair.compare()
  } finally {
    await pair.end()
    raw.end()
  }
  return findings(mib, pair.tracking, loads, floors)
}

function aimsOf(name: string, loads: readonly Measured[]): Aim[] {
  const rate = median(loads.map(({ loaded, rawMs }) => (100 * rawMs) / loaded.ms))
  const holds = summarize(loads.map(({ loaded }) => loaded.holdMs))
  const hold = holds.p99 ?? holds.max
  return [
    {
      what: `${name}: rate, % of raw TCP`,
      figure: rate,
      aim: `≥ ${leastRate}`,
      isMet: rate >= leastRate,
    },
    {
      what: `${name}: hold ${holds.p99 === undefined ? 'max' : 'p99'}, ms`,
      figure: hold,
      aim: `< ${mostHoldMs}`,
      isMet: hold < mostHoldMs,
    },
  ]
}

// What plain state of as many bytes would take, by the rate of a smaller one.
function plainTimes(mib: number): { readonly times: number[]; readonly megabytes: number } {
  const state = plainState()
  const { bytes } = clone(state)
  const times = [0, 1, 2].map(() => (clone(state).ms * mib * 2 ** 20) / bytes)
  return { times, megabytes: Math.round(bytes / 1e6) }
}

function findings(
  mib: number,
  tracking: string,
  loads: readonly Measured[],
  { fresh, copied }: Floors,
): Findings {
  const plain = plainTimes(mib)
  const row = (subject: string, name: string, values: readonly number[]) =>
    ({ subject, case: `${mib} MiB, ${name}`, unit: 'ms', ...summarize(values) }) as const
  const cases = percents.map((percent) => {
    return { name: caseOf(percent), of: loads.filter((each) => each.percent === percent) }
  })
  const rows = cases.flatMap(({ name, of }) => {
    const holds = of.map(({ loaded }) => loaded.holdMs)
    const times = of.map(({ loaded }) => loaded.ms)
    const raws = of.map(({ rawMs }) => rawMs)
    return [
      row('hotpair', name, times),
      row('raw TCP in C', name, raws),
      row('hotpair: hold of the writer', name, holds),
    ]
  })
  const installs = loads.map(({ loaded }) => loaded.installMs)
  return {
    rows: [
      ...rows,
      row('hotpair: put in place', 'all cases', installs),
      row('raw TCP in C', 'into memory that is not there yet', fresh),
      row('memcpy in C', 'within a process', copied),
      row('v8.serialize and deserialize', 'plain objects, by their rate', plain.times),
    ],
    aims: cases.flatMap(({ name, of }) => aimsOf(name, of)),
    skipped: [],
    notes: [
      `Written pages are found by ${tracking}.`,
      'A staging is allocated and touched when the member opens, so no load meets a cold one; ' +
        'what that would cost is the row of memory that is not there yet.',
      'v8.serialize and deserialize block the event loop for all of it; ' +
        `${plain.megabytes} MB of small objects were cloned, the time is that of as many bytes.`,
    ],
  }
}

export const load: Benchmark = {
  name: 'load',
  what: 'moving 1 GiB of shared state while it is written, and how long the writer is held',
  run,
}
