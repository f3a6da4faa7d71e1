/**
 * Named scenarios over the shipped code in virtual time: the sequences that the rules were written
 * for.
 *
 * Each harms the pair at every step of something (a load, pairing, a takeover), not at one that its
 * author thought of, and looks at what the receivers got and at who may rule.
 */

import t, { type Test } from 'tap'
import type { MemberId } from '#lib/units.js'
import { calm, type Plan } from './plan.js'
import { Stage, windowMs } from './stage.js'

/** A pair whose member a rules, alone, with some of its inputs processed. */
async function soloStage(changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = new Stage(calm(changes))
  stage.pair.start('a')
  stage.downUntil.set('b', Number.POSITIVE_INFINITY)
  await stage.play(3 * windowMs)
  return stage
}

/** A pair in sync, a ruling. */
async function pairedStage(changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = await soloStage(changes)
  stage.pair.start('b')
  await stage.play(stage.clock.now() + 40)
  return stage
}

t.setTimeout(120_000)

function roleOf(stage: Stage, id: MemberId): string | undefined {
  return stage.pair.member(id)?.role
}

/** From the start of b until it is in sync: how long, with these settings. */
async function pairingMs(changes: Partial<Plan>): Promise<number> {
  const stage = await soloStage(changes)
  const begun = stage.clock.now()
  stage.pair.start('b')
  while (!stage.pair.isPaired) await stage.clock.run(stage.clock.now() + 0.1)
  return stage.clock.now() - begun
}

const slowLoad: Partial<Plan> = { chunks: 12, pieceMs: 0.1, highWaterPieces: 2, pace: 0.3 }
/** Moments of a pairing at which something is done to it. */
const steps = 40

async function atEachStep(act: (stage: Stage, step: number) => Promise<void>): Promise<void> {
  const whole = await pairingMs(slowLoad)
  for (let step = 0; step < steps; step += 1) {
    const stage = await soloStage({ ...slowLoad, seed: step + 1 })
    stage.downUntil.set('b', 0)
    stage.pair.start('b')
    await stage.clock.run(stage.clock.now() + (1.2 * whole * step) / steps)
    await act(stage, step)
  }
}

async function finish(t: Test, stage: Stage, what: string): Promise<void> {
  await stage.play(stage.clock.now() + 300)
  while (!stage.isDone && stage.clock.now() < 20_000) await stage.play(stage.clock.now() + 10)
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], what)
}

t.test('a link that breaks at any step of load and pairing costs nothing', async (t) => {
  await atEachStep(async (stage, step) => {
    for (let flap = 0; flap < 3; flap += 1) {
      stage.pair.breakLink()
      await stage.clock.run(stage.clock.now() + stage.random() * 12)
    }
    await finish(t, stage, `step ${step}`)
  })
})

t.test('a mirror that dies at any step of load and pairing costs nothing', async (t) => {
  await atEachStep(async (stage, step) => {
    stage.pair.kill('b')
    stage.downUntil.set('b', stage.clock.now() + stage.random() * 2 * windowMs)
    await finish(t, stage, `step ${step}`)
  })
})

t.test(
  'die-between-load-and-pairing: only who was told that it is in sync takes over',
  async (t) => {
    let heirs = 0
    await atEachStep(async (stage, step) => {
      const isInSync = roleOf(stage, 'b') === 'standby'
      const sent = [...stage.sink.begun.keys()].length
      stage.downUntil.set('a', Number.POSITIVE_INFINITY)
      stage.pair.kill('a')
      await stage.clock.run(stage.clock.now() + 5)
      // What was on the wire when a died may still tell b.
      const wasTold = stage.takeovers.length === 1
      if (isInSync) t.ok(wasTold, `step ${step}: in sync, it takes over`)
      if (wasTold) {
        heirs += 1
        stage.downUntil.set('a', 0)
        await finish(t, stage, `step ${step}: the stream goes on`)
      } else {
        t.not(roleOf(stage, 'b'), 'primary', `step ${step}: it does not rule`)
        t.equal([...stage.sink.begun.keys()].length, sent, `step ${step}: and says nothing`)
      }
    })
    t.ok(heirs > 0 && heirs < steps, 'some steps are before pairing and some after')
  },
)

for (const ms of [windowMs - 5, windowMs + 5, 3 * windowMs, 3_000]) {
  t.test(`stopped-standby: stopped for ${ms} ms, left behind, it does not rule`, async (t) => {
    const stage = await pairedStage()
    t.ok(stage.pair.isPaired, 'a pair')
    stage.pair.stall('b', ms)
    await stage.play(stage.clock.now() + ms - 1)
    const wasAlone = stage.pair.member('a')?.mode === 'solo'
    stage.downUntil.set('a', Number.POSITIVE_INFINITY)
    stage.pair.kill('a')
    await stage.play(stage.clock.now() + 10 * windowMs)
    if (wasAlone) t.not(roleOf(stage, 'b'), 'primary', 'a served without it')
    else t.ok(['primary', 'fenced'].includes(roleOf(stage, 'b') ?? ''), 'it knows, or it waits')
    t.same(stage.problems, [], 'no number was used twice')
  })

  t.test(`the mirror image: a primary stopped for ${ms} ms does not rule again`, async (t) => {
    const stage = await pairedStage()
    stage.pair.stall('a', ms)
    await stage.play(stage.clock.now() + ms - 1)
    const wasTakenOver = roleOf(stage, 'b') === 'primary'
    t.equal(wasTakenOver, ms > windowMs + 20, 'b rules when the window has passed')
    stage.downUntil.set('b', Number.POSITIVE_INFINITY)
    stage.pair.kill('b')
    await stage.play(stage.clock.now() + 10 * windowMs)
    if (wasTakenOver) t.not(roleOf(stage, 'a'), 'primary', 'b has served meanwhile')
    t.same(stage.problems, [], 'no number was used twice')
  })
}

t.test('a standby that beats and does not acknowledge is let go, and comes back', async (t) => {
  for (let ms = 50; ms <= 1_000; ms += 95) {
    const stage = await pairedStage({ seed: ms, pace: 0.1 })
    stage.pair.block('b', ms)
    await finish(t, stage, `blocked for ${ms} ms`)
  }
})

t.test(
  'newborn-inside-the-window: who comes back at once does not hold up the takeover',
  async (t) => {
    for (let step = 0; step < 20; step += 1) {
      const stage = await pairedStage({ seed: step + 1, pace: 0.2 })
      stage.pair.kill('a')
      await stage.clock.run(stage.clock.now() + step / 10)
      stage.pair.start('a')
      await stage.clock.run(stage.clock.now() + 5)
      t.equal(roleOf(stage, 'b'), 'primary', `born ${step / 10} ms later: b rules`)
      await finish(t, stage, `born ${step / 10} ms later`)
    }
  },
)

t.test('one-source-two-doors: what only the standby is given reaches the primary', async (t) => {
  const stage = await pairedStage({ pace: 0.2 })
  stage.deafUntil.set('a', Number.POSITIVE_INFINITY)
  await finish(t, stage, 'fed by one door')
  const other = await pairedStage({ pace: 0.2 })
  other.deafUntil.set('b', Number.POSITIVE_INFINITY)
  await finish(t, other, 'fed by the other')
})

t.test('a clean stop of either hands over at once, and nothing is sent twice', async (t) => {
  for (const id of ['a', 'b'] as const) {
    for (let step = 0; step < 10; step += 1) {
      const stage = await pairedStage({ seed: step + 1, pace: 0.3 })
      await stage.play(stage.clock.now() + step)
      stage.downUntil.set(id, stage.clock.now() + 200)
      stage.pair.member(id)?.close()
      await stage.play(stage.clock.now() + 30)
      t.equal(stage.pair.primary?.id, id === 'a' ? 'b' : 'a', `${id} has closed`)
      await finish(t, stage, `${id} closed in step ${step}`)
      const repeats = [...stage.sink.begun.values()].filter(({ length }) => length > 1)
      t.equal(repeats.length, 0, `${id} closed in step ${step}: nothing was sent twice`)
    }
  }
})
