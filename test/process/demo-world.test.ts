/**
 * One run of the demo without a pair: a member that works alone, one that is stuck, one that ends.
 *
 * The outside world must be right beside them, and the judge must say what was wrong. The pair
 * itself is killed in `demo.test.ts`.
 */

import t from 'tap'
import { brisk } from '../../examples/demo/faults.js'
import { expectedOutputs } from '../../examples/demo/oracle.js'
import { flights, loadRecords } from '../../examples/demo/records.js'
import { runJson, runsJson, runWords } from '../../examples/demo/report.js'
import { type RunSettings, run } from '../../examples/demo/run.js'

const program = new URL('lone-member.js', import.meta.url)
const records = loadRecords(flights()).slice(0, 20_000)
const expected = expectedOutputs(records)
const never = new AbortController().signal

const settings: RunSettings = {
  records,
  expected,
  rate: 20_000,
  faults: [],
  pace: brisk,
  heartbeatMs: undefined,
  windowMs: undefined,
  hangAfterMs: undefined,
  seed: 1,
  program,
}

t.test('an undisturbed run is perfect beside a member that is stuck', async (t) => {
  const lines: string[] = []
  const result = await run(settings, (line) => lines.push(line), never)
  t.strictSame(result.problems, [])
  t.ok(result.isPerfect)
  t.match(JSON.parse(runJson(result)), {
    frames: 20_000,
    outputs: expected.length,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    inDoubt: 0,
    identical: true,
    seed: 1,
    takeovers: [],
    standbyFaults: [],
    unitFaults: [],
    switchovers: [],
  })
  t.ok(lines.some((line) => / a +PRIMARY of epoch 1 /.test(line)))
})

t.test('a pair that does not survive a fault gets a verdict and a reason', async (t) => {
  const short = { ...settings, rate: 5000, faults: ['kill'] as const, patienceMs: 5000 }
  const result = await run(short, () => {}, never)
  t.notOk(result.isPerfect)
  t.notOk(result.identical)
  t.ok(result.lost > 0)
  t.match(result.problems.join(), /member b primary after kill of a; a is gone, b is standby/)
  t.match(runWords(result), /NOT PERFECT/)
  t.match(JSON.parse(runsJson([result])), { runs: 1, perfect: 0, imperfectSeeds: [1] })
})

t.test('a wrong oracle is noticed', async (t) => {
  const wrong = expected.with(500, 'something else')
  const result = await run({ ...settings, expected: wrong }, () => {}, never)
  t.notOk(result.isPerfect)
  t.match(result, { identical: false, lost: 0, duplicated: 0, reordered: 0 })
})

t.test(
  'an interrupted run rejects with its reason and leaves no process',
  { timeout: 10_000 },
  async (t) => {
    const interrupt = new AbortController()
    const reason = new Error('ended by test')
    const running = run({ ...settings, rate: 5000 }, () => {}, interrupt.signal)
    interrupt.abort(reason)
    await t.rejects(running, reason)
    const isLeft = () => process.getActiveResourcesInfo().includes('ProcessWrap')
    while (isLeft()) await new Promise((resolve) => setImmediate(resolve))
  },
)

t.test('a member that ends by itself ends the run with a reason', async (t) => {
  const short = { ...settings, program: new URL('brief-member.js', import.meta.url) }
  const result = await run(short, () => {}, never)
  t.notOk(result.isPerfect)
  t.match(result.problems, [/the process of member [ab] ended: exit code 3/])
})
