/**
 * Event loops that hang, in virtual time and over the shipped code: a hung primary is taken over by
 * its renunciation, a hung standby let go, a busy one left alone; and of the frames only the one
 * inside which a primary hung is ever suspect.
 */

import t from 'tap'
import type { MemberId } from '#lib/units.js'
import { calm, type Plan, plainOrders } from './plan.js'
import { hangAfterMs, Stage, windowMs } from './stage.js'
import { idOf, logOf } from './world.js'

t.setTimeout(120_000)

/** From the beginning of a hang to the question that finds no answer, and a beat each way. */
const findingMs = hangAfterMs / 4 + 5
/** The poisonous input of `poisoned`. */
const poison = { source: 0, seq: 120 }

async function pairedStage(changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = new Stage(calm(changes))
  stage.pair.start('a')
  stage.downUntil.set('b', Number.POSITIVE_INFINITY)
  await stage.play(3 * windowMs)
  stage.downUntil.clear()
  stage.pair.start('b')
  await stage.play(stage.clock.now() + 40)
  if (!stage.pair.isPaired) throw new Error('no pair to begin with')
  return stage
}

/** Inputs of which one hangs whoever processes it for `hangsMs`. */
function poisoned(hangsMs: number): Partial<Plan> {
  const orders = plainOrders(400).map((order) =>
    order.seq === poison.seq ? { ...order, hangsMs } : order,
  )
  return { sources: [orders], pace: 0.3, rate: 1 }
}

async function finish(stage: Stage): Promise<void> {
  while (!stage.isDone && stage.clock.now() < 20_000) await stage.play(stage.clock.now() + 10)
  await stage.heal()
  stage.check()
}

/** Runs until `isDue`, at most `mostMs`; the milliseconds that it took. */
async function until(stage: Stage, isDue: () => boolean, mostMs: number): Promise<number> {
  const begun = stage.clock.now()
  while (!isDue() && stage.clock.now() - begun < mostMs) {
    await stage.clock.run(stage.clock.now() + 0.5)
  }
  return stage.clock.now() - begun
}

function roleOf(stage: Stage, id: MemberId): string | undefined {
  return stage.pair.member(id)?.role
}

for (const ms of [0.5, 0.9, 1.3, 2, 10].map((part) => part * hangAfterMs)) {
  const isHang = ms > hangAfterMs + findingMs
  t.test(
    `a primary whose loop stands still for ${ms} ms ${isHang ? 'is taken over' : 'rules on'}`,
    async (t) => {
      for (let seed = 1; seed <= 5; seed += 1) {
        const stage = await pairedStage({ seed, pace: 0.3 })
        stage.pair.block('a', ms)
        const took = await until(stage, () => roleOf(stage, 'b') === 'primary', ms)
        if (isHang) {
          t.ok(took >= hangAfterMs && took <= hangAfterMs + findingMs, `b rules after ${took} ms`)
          t.match(stage.takeovers, [{ verdict: 'hung', suspect: undefined }])
          t.equal(stage.pair.member('a')?.beats.isGateOpen(), false, 'and the gate of a is shut')
        } else if (ms < hangAfterMs) {
          t.equal(stage.takeovers.length, 0, 'b does not rule')
        }
        await finish(stage)
        t.same(stage.problems, [], `seed ${seed}: nothing is lost, nothing said twice`)
      }
    },
  )
}

t.test('a zombie says nothing: its first event is that it has renounced', async (t) => {
  const stage = await pairedStage({ pace: 1, rate: 3 })
  stage.pair.block('a', 4 * hangAfterMs)
  await until(stage, () => roleOf(stage, 'b') === 'primary', 3 * hangAfterMs)
  const begun = () =>
    [...stage.sink.begun.values()].flat().filter(({ member }) => member.startsWith('a'))
  const before = begun().length
  await stage.play(stage.clock.now() + 4 * hangAfterMs)
  t.not(roleOf(stage, 'a'), 'primary')
  t.equal(begun().length, before, 'it has begun nothing since')
  await finish(stage)
  t.same(stage.problems, [])
})

for (const ms of [0.5, 1.5, 3, 8].map((part) => part * hangAfterMs)) {
  t.test(
    `a standby whose loop stands still for ${ms} ms costs no more than its time-out`,
    async (t) => {
      for (let seed = 1; seed <= 5; seed += 1) {
        const stage = await pairedStage({ seed, pace: 1 })
        stage.pair.block('b', ms)
        const primary = stage.pair.member('a')
        // The time-out of acknowledgements is a window; it is looked at four times in one.
        const mostMs = 1.6 * windowMs
        const took = await until(stage, () => primary?.mode === 'solo', ms)
        if (ms > mostMs) t.ok(took <= mostMs, `a goes on alone after ${took} ms`)
        t.equal(stage.takeovers.length, 0)
        await finish(stage)
        t.same(stage.problems, [], `seed ${seed}`)
      }
    },
  )
}

t.test('a block that was announced is no hang', async (t) => {
  const stage = await pairedStage({ pace: 0.1 })
  const a = stage.pair.member('a')
  a?.beats.announceBlock(4 * hangAfterMs)
  stage.pair.block('a', 4 * hangAfterMs)
  await stage.play(stage.clock.now() + 4 * hangAfterMs)
  t.equal(stage.takeovers.length, 0)
  t.equal(roleOf(stage, 'a'), 'primary')
  await finish(stage)
  t.same(stage.problems, [])
  stage.pair.member('a')?.beats.announceBlock(hangAfterMs)
  stage.pair.block('a', 4 * hangAfterMs)
  await stage.play(stage.clock.now() + 3 * hangAfterMs)
  t.match(stage.takeovers, [{ verdict: 'hung' }], 'but one that lasts longer is')
})

t.test(
  'who asked and dies takes the rule with it: nobody rules, and the other one waits',
  async (t) => {
    const stage = await pairedStage({ pace: 0.2 })
    stage.pair.block('a', 6 * hangAfterMs)
    const given = () => stage.pair.member('a')?.beats.view().renouncedNatively !== 0n
    while (!given()) await stage.clock.run(stage.clock.now() + 0.05)
    t.equal(roleOf(stage, 'b'), 'standby', 'b does not know it yet')
    stage.downUntil.set('b', Number.POSITIVE_INFINITY)
    stage.pair.kill('b')
    await stage.play(stage.clock.now() + 8 * hangAfterMs)
    t.equal(roleOf(stage, 'a'), 'fenced')
    stage.pair.start('b')
    await stage.play(stage.clock.now() + 5 * windowMs)
    t.equal(roleOf(stage, 'a'), 'fenced', 'an operator decides')
    t.equal(roleOf(stage, 'b'), 'starting', 'a blank one begins nothing over it')
    t.same(stage.problems, [])
  },
)

t.test('poison-or-bystander: retry processes the frame again', async (t) => {
  const stage = await pairedStage(poisoned(3 * hangAfterMs))
  while (stage.takeovers.length === 0) await stage.play(stage.clock.now() + 1)
  const suspect = stage.takeovers[0]?.suspect ?? 0
  t.equal(stage.takeovers[0]?.verdict, 'hung')
  t.ok(suspect >= poison.seq, 'the frame is named')
  await finish(stage)
  t.same(stage.problems, [])
  t.equal(stage.takeovers.length, 1, 'alone, the second one hangs without being taken over')
  const held = stage.pair.primary?.server.held
  t.ok(held && logOf(held.state).includes(idOf(poison)), 'it is in the history')
  t.same(stage.skippedIds(), [])
})

t.test('poison-or-bystander: skip leaves out that frame and no other', async (t) => {
  const stage = await pairedStage({ ...poisoned(3 * hangAfterMs), onSuspect: 'skip' })
  while (stage.takeovers.length === 0) await stage.play(stage.clock.now() + 1)
  await finish(stage)
  t.same(stage.problems, [])
  t.same(stage.skippedIds(), [idOf(poison)])
  const told = stage.told.filter(({ event }) => event.type === 'skipped')
  t.match(told, [{ member: 'b', event: { source: 'source 0', seq: poison.seq } }])
  const [a, b] = [stage.pair.member('a')?.server, stage.pair.member('b')?.server]
  t.same(a?.skipped, b?.skipped, 'whoever returns knows of it')
  const logs = [a, b].map((server) => server?.held && logOf(server.held.state))
  t.same(logs[0], logs[1], 'and holds the same state')
  t.notOk(logs[0]?.includes(idOf(poison)), 'without that input')
})

t.test('poison-or-bystander: halt stops before the frame and waits', async (t) => {
  const stage = await pairedStage({ ...poisoned(3 * hangAfterMs), onSuspect: 'halt' })
  while (roleOf(stage, 'b') === 'standby') await stage.play(stage.clock.now() + 1)
  await stage.play(stage.clock.now() + 10 * hangAfterMs)
  t.equal(roleOf(stage, 'b'), 'fenced')
  t.equal(roleOf(stage, 'a'), 'fenced')
  t.same(stage.faults, ['b ERR_HOTPAIR_SUSPECT'])
  const held = stage.pair.member('b')?.server.held
  const log = held ? [...logOf(held.state)] : []
  t.equal(log.at(-1), idOf({ ...poison, seq: poison.seq - 1 }), 'it stands before the frame')
})

t.test('poison-or-bystander: who hangs or dies beside a frame makes none suspect', async (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const stage = await pairedStage({ seed, onSuspect: 'skip', pace: 1, rate: 3 })
    await stage.clock.run(stage.clock.now() + stage.random() * 20)
    if (seed % 2 === 0) stage.pair.kill('a')
    else stage.pair.block('a', 2 * hangAfterMs)
    while (stage.takeovers.length === 0) await stage.play(stage.clock.now() + 1)
    t.equal(stage.takeovers[0]?.suspect, undefined)
    await finish(stage)
    t.same(stage.problems, [], `seed ${seed}`)
    t.same(stage.skippedIds(), [])
  }
})
