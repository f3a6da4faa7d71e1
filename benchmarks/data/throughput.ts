/**
 * `throughput`: replicated frames a second under the output rule, one output a frame.
 *
 * Each frame is numbered, sent to the standby, acknowledged, processed on both, kept in both
 * outboxes, delivered to a sink in the process, and noticed. Beside it a plain program that does
 * only the first part: length-prefixed messages with a promise each, resolved by an answer with
 * their number; and raw TCP, which is the floor.
 */

import { type Benchmark, countOf, type Findings, type Scale } from '../support/findings.js'
import { median, summarize } from '../support/statistics.js'
import { Subjects } from './subjects.js'
import type { Block } from './work.js'

const bytes = 256
/** Messages under way: a bulk load, as an `intake()` brings it. */
const depth = 1024
/** Long enough for garbage to be collected in each block. */
const framesABlock = 200_000
const warmBlocks = 2
const usualBlocks = 10

const subjects = ['hotpair', 'a promise a message', 'the same, a write each', 'raw TCP'] as const
type Subject = (typeof subjects)[number]

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const open = new Subjects()
  try {
    return await measure(scale, open, signal)
  } finally {
    await open.end()
  }
}

async function measure(scale: Scale, open: Subjects, signal: AbortSignal): Promise<Findings> {
  const pair = await open.pair({ isSilent: false, inFlight: depth })
  const plain = await open.plain()
  const asks: Record<Subject, (block: Block) => Promise<number>> = {
    hotpair: (block) => pair.ask('stream', block),
    'a promise a message': (block) => plain.ask('stream', block),
    'the same, a write each': (block) => plain.ask('streamSingly', block),
    'raw TCP': (block) => plain.ask('streamEchoes', block),
  }
  const blocks = countOf(scale, usualBlocks, 1)
  const count = scale.isQuick ? 10_000 : framesABlock
  const rates = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]))
  for (let block = -warmBlocks; block < blocks; block++) {
    for (const subject of subjects) {
      signal.throwIfAborted()
      const rate = await asks[subject]({ count, bytes, depth })
      if (block >= 0) rates.get(subject)?.push(rate)
    }
  }
  const peers = rates.get('a promise a message') ?? []
  const ours = rates.get('hotpair') ?? []
  const ratio = median(ours.map((rate, block) => (100 * rate) / (peers[block] ?? rate)))
  const labelled = `256 B, ${depth.toLocaleString('en-US')} under way`
  return {
    rows: subjects.map((subject) => {
      return { subject, case: labelled, unit: '/s', ...summarize(rates.get(subject) ?? []) }
    }),
    aims: [
      {
        what: 'hotpair / a promise a message, %, median of paired blocks',
        figure: ratio,
        aim: '≥ 100',
        isMet: ratio >= 100,
      },
    ],
    skipped: [],
    notes: [
      `n counts blocks of ${count.toLocaleString('en-US')} messages; inFlight is ${depth}.`,
      'Only hotpair processes, makes, delivers and notices an output for each message.',
    ],
  }
}

export const throughput: Benchmark = {
  name: 'throughput',
  what: 'replicated frames a second under the output rule',
  run,
}
