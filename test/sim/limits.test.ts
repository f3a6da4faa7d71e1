/**
 * A pair at its limits in virtual time: who may accept while its right is in doubt, a standby that
 * is slow, stuck, or loses step again and again, and receivers that answer nothing.
 */

import t, { type Test } from 'tap'
import { calm, type Plan } from './plan.js'
import { Stage, windowMs } from './stage.js'
import { encode } from './world.js'

async function soloStage(changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = new Stage(calm(changes))
  stage.pair.start('a')
  stage.downUntil.set('b', Number.POSITIVE_INFINITY)
  while (stage.pair.primary === undefined) await stage.clock.run(stage.clock.now() + 1)
  return stage
}

async function finish(t: Test, stage: Stage): Promise<void> {
  while (!stage.isDone && stage.clock.now() < 20_000) await stage.play(stage.clock.now() + 10)
  t.ok(stage.isDone, `all is accepted: ${stage.isDone ? '' : stage.describe()}`)
  stage.downUntil.clear()
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], 'the stream is that of one process')
}

t.setTimeout(120_000)

t.test('alone, it accepts nothing while its right is in doubt, and all of it after', async (t) => {
  for (const ms of [windowMs / 2, windowMs - 10, windowMs + 10, 3 * windowMs, 20 * windowMs]) {
    const stage = await soloStage({ seed: Math.ceil(ms), pace: 0.3 })
    await stage.play(stage.clock.now() + 20)
    const a = stage.pair.member('a')
    stage.pair.stall('a', ms)
    await stage.clock.run(stage.clock.now() + ms - 0.1)
    const [order] = stage.plan.sources[0]?.slice(stage.sources[0]?.accepted.size) ?? []
    if (a === undefined || order === undefined) throw new Error('there is nothing to accept')
    const isOpenAt: boolean[] = []
    void a.receive(encode(order), 'source 0', order.seq).then(() => {
      isOpenAt.push(a.beats.isGateOpen())
    })
    while (isOpenAt.length === 0 && stage.clock.now() < 20_000) {
      await stage.clock.run(stage.clock.now() + 0.1)
    }
    t.strictSame(isOpenAt, [true], `stopped for ${ms} ms: accepted behind an open gate`)
    await finish(t, stage)
  }
})
