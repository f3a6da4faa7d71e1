/**
 * The shipped rules, runtime, unit, sync and server under mixed faults in virtual time: whatever
 * happens when, the stream behind the receiver's helper is that of one uninterrupted process, and
 * no accepted input is lost.
 *
 * `SIM_SEEDS` says how many seeds are run, `SIM_SEED` the first. One seed alone prints what
 * happened in it.
 */

import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { Outcome } from './swarm.js'
import type { Share } from './swarm-worker.js'

const count = Number(process.env['SIM_SEEDS'] ?? 200)
const first = Number(process.env['SIM_SEED'] ?? 1)
// A guard against a run that hangs: a seed takes a tenth of a second.
const timeout = 90_000 + count * 1_000
const threads = Math.min(count, availableParallelism(), 4)

async function runShare(share: Share, outcomes: Outcome[]): Promise<void> {
  const worker = new Worker(new URL('./swarm-worker.js', import.meta.url), { workerData: share })
  worker.on('message', (outcome: Outcome) => outcomes.push(outcome))
  await once(worker, 'exit')
}

t.setTimeout(timeout)

t.test(
  'a pair under mixed faults sends what one uninterrupted process would',
  { timeout },
  async (t) => {
    const outcomes: Outcome[] = []
    const shares = Array.from({ length: threads }, (_, index) => ({
      first: first + index,
      end: first + count,
      step: threads,
    }))
    await Promise.all(shares.map((share) => runShare(share, outcomes)))
    t.equal(outcomes.length, count, 'every seed was run to its end')
    for (const { seed, problems, trail } of outcomes) {
      if (problems.length > 0) {
        const replay = `SIM_SEED=${seed} SIM_SEEDS=1 node build-dev/test/sim/swarm.test.js`
        t.fail(`seed ${seed}; replay it by: ${replay}`, { problems })
      }
      if (count === 1) for (const line of trail) t.comment(line)
    }
    const sum = (of: (outcome: Outcome) => number) =>
      outcomes.reduce((total, outcome) => total + of(outcome), 0)
    const takeovers = sum((outcome) => outcome.takeovers)
    t.comment(`${count} seeds, ${sum(({ faults }) => faults)} faults, ${takeovers} takeovers`)
    if (count > 50) t.ok(takeovers > count, 'there were takeovers')
  },
)
