/**
 * `commit`: how long one input takes until both members hold it, one after the other.
 *
 * Beside it plain TCP between two Node.js processes on the same processors, which is the least that
 * any program can do that asks another one. Blocks of one and the other take turns, so that
 * whatever the machine does meanwhile strikes both.
 */

import { type Benchmark, countOf, type Findings, type Scale } from '../support/findings.js'
import { median, summarize } from '../support/statistics.js'
import { Subjects } from './subjects.js'
import type { Block } from './work.js'

const bytes = 256
const blockCount = 500
/** Before anything counts: enough for the compiler to have seen every function often. */
const warmBlocks = 10
const usualCount = 20_000

const subjects = ['hotpair', 'hotpair, TLS 1.3', 'plain TCP'] as const
type Subject = (typeof subjects)[number]
const labelled = 'receive() to resolved, 256 B'

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const open = new Subjects()
  try {
    return await measure(scale, open, signal)
  } finally {
    await open.end()
  }
}

async function measure(scale: Scale, open: Subjects, signal: AbortSignal): Promise<Findings> {
  const isSilent = true
  const pair = await open.pair({ isSilent })
  const secret = 'a secret for a benchmark only'
  const sealed = await open.pair({ isSilent, secret })
  const plain = await open.plain()
  const asks: Record<Subject, (block: Block) => Promise<Float64Array>> = {
    hotpair: (block) => pair.ask('ping', block),
    'hotpair, TLS 1.3': (block) => sealed.ask('ping', block),
    'plain TCP': (block) => plain.ask('pingEchoes', block),
  }
  const count = countOf(scale, usualCount, 400)
  const blocks = Math.max(1, Math.ceil(count / blockCount))
  const took: Record<Subject, number[][]> = { hotpair: [], 'hotpair, TLS 1.3': [], 'plain TCP': [] }
  for (let block = -warmBlocks; block < blocks; block++) {
    for (const subject of subjects) {
      signal.throwIfAborted()
      const size = Math.min(blockCount, count)
      const values = await asks[subject]({ count: size, bytes, depth: 1 })
      if (block >= 0) took[subject].push([...values])
    }
  }
  const ratioTo = (subject: Subject) => {
    const floors = took['plain TCP'].map(median)
    return median(took[subject].map((values, block) => median(values) / (floors[block] ?? 1)))
  }
  const ratio = ratioTo('hotpair')
  const what = 'commit / plain TCP, p50 of paired blocks'
  return {
    rows: subjects.map((subject) => {
      return { subject, case: labelled, unit: 'µs', ...summarize(took[subject].flat()) }
    }),
    aims: [{ what, figure: ratio, aim: '≤ 1.5', isMet: ratio <= 1.5 }],
    skipped: [],
    notes: [`With a secret the ratio is ${ratioTo('hotpair, TLS 1.3').toFixed(2)}.`],
  }
}

export const commit: Benchmark = {
  name: 'commit',
  what: 'one input after the other, until both members hold it',
  run,
}
