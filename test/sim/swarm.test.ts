/**
 * The shipped rules, runtime, unit, sync and server under mixed faults in virtual time: a fixed
 * batch of seeds, in which no promise is broken.
 *
 * `npm run sim` runs as many as one likes, replays one, and makes a failing one small: see
 * docs/TESTING.md. `SIM_SEEDS` and `SIM_SEED` say another batch.
 */

import { availableParallelism } from 'node:os'
import t from 'tap'
import { scriptOf } from './swarm/generate.js'
import { runSeeds } from './swarm/pool.js'
import { Trial } from './swarm/trial.js'

const count = Number(process.env['SIM_SEEDS'] ?? 60)
const first = Number(process.env['SIM_SEED'] ?? 1)
// A guard against a run that hangs: a seed takes a tenth of a second.
const timeout = 90_000 + count * 1_000

t.setTimeout(timeout)

t.test('a pair under mixed faults keeps what it promises', { timeout }, async (t) => {
  const threads = Math.min(count, availableParallelism(), 4)
  const work = { first, count, threads, seconds: undefined, canary: undefined }
  const { sums, least, failures } = await runSeeds({ ...work, isFirstEnough: false })
  t.equal(sums.seeds, count, 'every seed was run to its end')
  for (const { seed, violations } of failures) {
    const replay = `npm run sim -- --seed ${seed} --seeds 1 --trace`
    t.fail(`seed ${seed}; replay it by: ${replay}`, { violations })
  }
  t.ok(least.virtualMs >= 60_000, 'each lasts a minute of virtual time')
  t.ok(least.frames >= 1_000, 'each has a thousand frames')
  t.ok(least.faults >= 5, 'each has five faults')
  t.ok(sums.takeovers > count, `there were takeovers: ${sums.takeovers}`)
})

t.test('a run is a function of its seed, whatever ran before it', async (t) => {
  // The engine optimizes what runs often: the first seeds run in other code than the last.
  const seeds = Array.from({ length: 12 }, (_, index) => 1_198 + index)
  const runOf = async (seed: number) => {
    const { trail, counts } = await new Trial(scriptOf(seed), {}, true).run()
    return { seed, trail, counts }
  }
  const runs = []
  for (const seed of seeds) runs.push(await runOf(seed))
  for (const run of runs.reverse()) t.same(await runOf(run.seed), run, `seed ${run.seed}`)
})
