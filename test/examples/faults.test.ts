/**
 * The demo's faults and its judge with a pair that is a page long: a right one passes, and each
 * broken rule is found. The library itself is tried in `test/process/demo.test.ts`.
 */

import t from 'tap'
import { brisk, type FaultName, faultNames } from '../../examples/demo/faults.js'
import { expectedOutputs } from '../../examples/demo/oracle.js'
import { flights, loadRecords } from '../../examples/demo/records.js'
import { type RunResult, run } from '../../examples/demo/run.js'

const records = loadRecords(flights()).slice(0, 30_000)
const expected = expectedOutputs(records)

async function runWith(flaw: string, faults: readonly FaultName[]): Promise<RunResult> {
  Object.assign(process.env, { SMALL_PAIR_FLAW: flaw })
  const lines: string[] = []
  const clock = { heartbeatMs: undefined, windowMs: undefined, patienceMs: 5000 }
  const program = new URL('small-pair.js', import.meta.url)
  const settings = { records, expected, rate: 5000, faults, pace: brisk, seed: 3, program }
  const signal = new AbortController().signal
  const result = await run({ ...settings, ...clock }, (line) => lines.push(line), signal)
  if (flaw === '' && !result.isPerfect) t.comment(lines.join('\n'))
  return result
}

t.test('a right pair passes every fault', { timeout: 60_000 }, async (t) => {
  const result = await runWith('', faultNames)
  t.strictSame(result.problems, [])
  t.ok(result.isPerfect)
  for (const cause of ['kill', 'restart']) {
    t.ok(
      result.takeovers.some((takeover) => takeover.cause === cause),
      cause,
    )
  }
  t.ok(result.standbyFaults.length > 0)
  for (const { silenceMs } of [...result.takeovers, ...result.standbyFaults]) {
    t.ok(silenceMs > 0 && silenceMs < 1000, `${silenceMs} ms`)
  }
})

t.test('a pair that sends what it noticed as sent is only known to the helper', async (t) => {
  const result = await runWith('repeats', ['kill'])
  t.ok(result.counts.known > 100, `${result.counts.known} known`)
  t.ok(result.isPerfect, 'the stream behind the helper is the same')
})

t.test('other bytes under one number are found', async (t) => {
  const result = await runWith('other-bytes', [])
  t.match(result, { identical: false, lost: 0, isPerfect: false })
})
