/**
 * Planned switchovers over the shipped code in virtual time: back and forth under load, and with
 * something going wrong at every step of one.
 *
 * A step is a moment of the whole switchover, from the call to the first frame of the new reign and
 * a while beyond. Never may two rule, and behind the receiver's helper the stream must be that of
 * one uninterrupted process (docs/PROTOCOL.md#17).
 */

import t, { type Test } from 'tap'
import { type MemberId, peerOf } from '#lib/units.js'
import { calm, type Plan, plainOrders } from './plan.js'
import { Stage, windowMs } from './stage.js'

t.setTimeout(240_000)

const steps = 8
const deadlineMs = 5 * windowMs
/** A slower link, so that a switchover has many moments. */
const slow: Partial<Plan> = { linkDelayMs: 1, beatDelayMs: 1, deliverMs: 1, pace: 0.5 }

/** A pair in sync under load, a ruling. */
async function pairedStage(changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = new Stage(calm({ ...slow, sources: [plainOrders(300)], ...changes }))
  stage.pair.start('a')
  stage.downUntil.set('b', Number.POSITIVE_INFINITY)
  await stage.play(3 * windowMs)
  stage.downUntil.delete('b')
  stage.pair.start('b')
  while (!stage.pair.isPaired) await stage.play(stage.clock.now() + 1)
  await stage.play(stage.clock.now() + 10)
  return stage
}

async function finish(t: Test, stage: Stage, what: string): Promise<void> {
  await stage.play(stage.clock.now() + 300)
  while (!stage.isDone && stage.clock.now() < 20_000) await stage.play(stage.clock.now() + 10)
  if (!stage.isDone) t.fail(`${what}: not all was accepted: ${stage.describe()}`)
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], what, stage.problems.length > 0 ? { trail: stage.trail } : {})
}

function switchOver(stage: Stage): void {
  stage.pair.primary?.switchover(deadlineMs)
}

/** From the call to the new reign's first frame at the former primary, about. */
async function switchoverMs(): Promise<number> {
  const stage = await pairedStage()
  const begun = stage.clock.now()
  switchOver(stage)
  while (stage.switchovers.length === 0) await stage.clock.run(stage.clock.now() + 0.1)
  return stage.clock.now() - begun
}

/** Does something at each step of a switchover, then looks whether all is as it must be. */
async function atEachStep(
  t: Test,
  what: string,
  harm: (stage: Stage, step: number) => Promise<void> | void,
  changes: Partial<Plan> = {},
): Promise<ReadonlySet<string>> {
  const whole = await switchoverMs()
  const outcomes = new Set<string>()
  for (let step = 0; step < steps; step += 1) {
    const stage = await pairedStage({ seed: step + 1, ...changes })
    switchOver(stage)
    await stage.play(stage.clock.now() + (1.5 * whole * step) / steps)
    await harm(stage, step)
    await finish(t, stage, `${what} at step ${step}`)
    for (const outcome of stage.switchovers) outcomes.add(outcome)
  }
  t.comment(`${what}: ${[...outcomes].join(', ')}`)
  return outcomes
}

t.test('the rule goes back and forth under load, and nothing is sent twice', async (t) => {
  const stage = await pairedStage()
  for (let round = 1; round <= 20; round += 1) {
    const { primary } = stage.pair
    const epoch = primary?.state.role === 'primary' ? primary.state.epoch : 0
    switchOver(stage)
    await stage.play(stage.clock.now() + 20)
    const next = stage.pair.primary
    t.not(next?.id, primary?.id, `round ${round}: the other one rules`)
    t.ok(stage.pair.isPaired, `round ${round}: in sync from its first frame on`)
    const reign = next?.state.role === 'primary' ? next.state.epoch : 0
    t.ok(reign > epoch, `round ${round}: in a higher reign`)
  }
  t.same(new Set(stage.switchovers), new Set(['done']))
  t.equal(stage.switchovers.length, 20)
  t.same(stage.takeovers, [], 'without a takeover')
  await finish(t, stage, 'the stream is that of one process')
  const repeats = [...stage.sink.begun.values()].filter(({ length }) => length > 1)
  t.same(repeats, [], 'nothing was begun twice')
})

t.test('handover-lost: the link breaks at any step', async (t) => {
  const outcomes = await atEachStep(t, 'the link breaks', (stage) => stage.pair.breakLink())
  t.ok(outcomes.has('standby-lost'), 'before the hand-over it is rolled back')
  t.ok(outcomes.has('refused'), 'a hand-over that is lost is given up by the other one')
  t.ok(outcomes.has('done'), 'and one that has arrived is taken')
})

for (const victim of ['a', 'b'] as const) {
  const who = victim === 'a' ? 'the one that hands over' : 'the one that takes over'
  t.test(`handover-lost: ${who} dies at any step`, async (t) => {
    await atEachStep(t, `${victim} dies`, (stage) => {
      stage.downUntil.set(victim, stage.clock.now() + 2 * windowMs * stage.random())
      stage.pair.kill(victim)
    })
  })

  t.test(`handover-lost: the link breaks, and ${who} dies soon after`, async (t) => {
    await atEachStep(t, `the link breaks, ${victim} dies`, async (stage) => {
      stage.pair.breakLink()
      await stage.play(stage.clock.now() + 30 * stage.random())
      // A member that gave its place up waits for the other one; without it all would be gone.
      if (!holdsAll(stage, peerOf(victim))) return
      stage.downUntil.set(victim, stage.clock.now() + 2 * windowMs * stage.random())
      stage.pair.kill(victim)
    })
  })

  for (const ms of [windowMs / 2, 3 * windowMs]) {
    t.test(`${who} is stopped for ${ms} ms at any step`, async (t) => {
      await atEachStep(t, `${victim} is stopped for ${ms}`, (stage) => stage.pair.stall(victim, ms))
    })

    t.test(`the loop of ${who} stands still for ${ms} ms at any step`, async (t) => {
      await atEachStep(t, `${victim} is blocked for ${ms}`, (stage) => stage.pair.block(victim, ms))
    })

    t.test(`${who} stops and the link breaks, at any step`, async (t) => {
      await atEachStep(t, `${victim} is stopped for ${ms}, no link`, (stage) => {
        stage.pair.stall(victim, ms)
        stage.pair.breakLink()
      })
    })
  }

  t.test(`${who} is closed at any step`, async (t) => {
    await atEachStep(t, `${victim} is closed`, (stage) => {
      stage.downUntil.set(victim, stage.clock.now() + windowMs)
      stage.pair.member(victim)?.close()
    })
  })
}

/** Whether `id` is one whose survival is enough. */
function holdsAll(stage: Stage, id: MemberId): boolean {
  const state = stage.pair.member(id)?.state
  return state?.role === 'primary' || (state?.role === 'standby' && !state.distrustsBefore)
}

t.test('the new primary dies after its first output: the former has its frame', async (t) => {
  let deaths = 0
  const whole = await switchoverMs()
  for (let step = 0; step < steps; step += 1) {
    const stage = await pairedStage({ seed: step + 1 })
    const epoch = epochOf(stage)
    switchOver(stage)
    await stage.play(stage.clock.now() + (1.5 * whole * step) / steps)
    if (step % 2 === 1) stage.pair.breakLink()
    const speaks = () => [...stage.sink.begun.values()].flat().find((one) => one.epoch > epoch)
    const until = stage.clock.now() + 5 * windowMs
    while (speaks() === undefined && stage.clock.now() < until) {
      await stage.play(stage.clock.now() + 1)
    }
    const id = speaks()?.member.startsWith('a') ? 'a' : 'b'
    if (stage.pair.primary?.id === id && holdsAll(stage, peerOf(id))) {
      deaths += 1
      stage.downUntil.set(id, stage.clock.now() + windowMs)
      stage.pair.kill(id)
    }
    await finish(t, stage, `died after an output of the switchover, step ${step}`)
  }
  t.ok(deaths >= steps / 2, `${deaths} deaths`)
})

function epochOf(stage: Stage): number {
  const state = stage.pair.primary?.state
  return state?.role === 'primary' ? state.epoch : 0
}

t.test(
  'a receiver that is down: rolled back at the deadline, and nothing has changed',
  async (t) => {
    const stage = await pairedStage()
    const epoch = epochOf(stage)
    stage.sink.down.add('default')
    await stage.play(stage.clock.now() + 5)
    switchOver(stage)
    await stage.play(stage.clock.now() + deadlineMs - 20)
    t.same(stage.switchovers, [], 'it waits')
    await stage.play(stage.clock.now() + 40)
    t.same(stage.switchovers, ['timeout'])
    t.equal(stage.pair.primary?.id, 'a')
    t.equal(epochOf(stage), epoch, 'in the same reign')
    stage.sink.down.clear()
    await finish(t, stage, 'the intake goes on')
  },
)

t.test('asked of whom it is not possible: nothing is begun', async (t) => {
  const stage = await pairedStage()
  stage.pair.member('b')?.switchover(deadlineMs)
  t.same(stage.switchovers, ['not-possible'], 'a standby')
  stage.pair.kill('b')
  stage.downUntil.set('b', Number.POSITIVE_INFINITY)
  await stage.play(stage.clock.now() + windowMs)
  stage.pair.member('a')?.switchover(deadlineMs)
  t.same(stage.switchovers, ['not-possible', 'not-possible'], 'a primary alone')
  stage.downUntil.delete('b')
  await finish(t, stage, 'all goes on')
})
