/**
 * The demo's faults and its judge with a pair that is a page long: a right one passes, and each
 * broken rule is found. The library itself is tried in `demo.test.ts`.
 */

import t from 'tap'
import { brisk } from '../../examples/demo/faults.js'
import type { RunResult } from '../../examples/demo/judge.js'
import { expectedOutputs } from '../../examples/demo/oracle.js'
import { flights, loadRecords } from '../../examples/demo/records.js'
import { run } from '../../examples/demo/run.js'
import type { FaultName } from '../../examples/demo/strikes.js'

// A guard for the whole file, for whoever runs it without tap's own.
t.setTimeout(120_000)

const all = loadRecords(flights())

interface Trial {
  readonly flaw?: string
  readonly faults: readonly FaultName[]
  readonly rate?: number
  readonly count: number
}

async function trial({ flaw = '', faults, rate = 5000, count }: Trial): Promise<RunResult> {
  const records = all.slice(0, count)
  const expected = expectedOutputs(records)
  Object.assign(process.env, { SMALL_PAIR_FLAW: flaw })
  const lines: string[] = []
  const defaults = { heartbeatMs: undefined, windowMs: undefined, hangAfterMs: undefined }
  const clock = { ...defaults, patienceMs: 10_000 }
  const program = new URL('small-pair.js', import.meta.url)
  const settings = { records, expected, rate, faults, pace: brisk, seed: 3, program }
  const signal = new AbortController().signal
  const result = await run({ ...settings, ...clock }, (line) => lines.push(line), signal)
  if (flaw === '' && !result.isPerfect) t.comment(lines.join('\n'))
  return result
}

// It has no detector: it can only be killed.
const deaths = ['kill', 'restart', 'kill-standby'] as const

t.test('a right pair passes every death', { timeout: 60_000 }, async (t) => {
  const result = await trial({ faults: deaths, count: 75_000 })
  t.strictSame(result.problems, [])
  t.ok(result.isPerfect)
  t.ok(result.takeovers.length > 0)
  t.ok(result.takeovers.length + result.standbyFaults.length >= 3, 'each fault struck')
  for (const { silenceMs } of [...result.takeovers, ...result.standbyFaults]) {
    t.ok(silenceMs > 0 && silenceMs < 1000, `${silenceMs} ms`)
  }
})

t.test('a pair that sends what it noticed as sent is only known to the helper', async (t) => {
  const result = await trial({ flaw: 'repeats', faults: ['kill'], count: 40_000 })
  t.ok(result.counts.known > 100, `${result.counts.known} known`)
  t.ok(result.isPerfect, 'the stream behind the helper is the same')
})

t.test('other bytes under one number are found', async (t) => {
  const result = await trial({ flaw: 'other-bytes', faults: [], rate: 20_000, count: 15_000 })
  t.match(result, { identical: false, lost: 0, isPerfect: false })
})
