/**
 * Bounds reached on purpose: an outbox that is full, more notices than a packet holds, queues
 * without room, a program that closes its member from inside. At each the pair keeps what it
 * promises, slower.
 */

import t from 'tap'
import { calm, type Plan, plainOrders } from './plan.js'
import { Stage, windowMs } from './stage.js'
import { channelName, type Order } from './world.js'

async function aloneWith(orders: readonly Order[], changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = new Stage(calm({ ...changes, sources: [orders] }))
  stage.pair.start('a')
  stage.downUntil.set('b', Number.POSITIVE_INFINITY)
  while (stage.pair.primary === undefined) await stage.clock.run(stage.clock.now() + 1)
  return stage
}

t.setTimeout(120_000)

t.test('outputs of one turn above the outbox leave when the receivers are back', async (t) => {
  const stage = await aloneWith(plainOrders(100, 100_000), { rate: 100, pace: 1 })
  stage.sink.down.add(channelName(0))
  await stage.play(stage.clock.now() + 200)
  stage.sink.down.clear()
  await stage.play(stage.clock.now() + 3_000)
  t.ok(stage.isDone, `all is accepted: ${stage.describe()}`)
  stage.pair.start('b')
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], 'and sent')
})

t.test('a load that is taken while the outbox is full carries what waits for room', async (t) => {
  const stage = await aloneWith(plainOrders(60, 100_000), { rate: 100, pace: 1 })
  stage.sink.down.add(channelName(0))
  await stage.play(stage.clock.now() + 100)
  stage.pair.start('b')
  await stage.play(stage.clock.now() + 100)
  stage.sink.down.clear()
  await stage.heal()
  stage.downUntil.set('a', stage.clock.now() + windowMs)
  stage.pair.kill('a')
  await stage.play(stage.clock.now() + 3_000)
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], 'nothing is missing at the successor')
})

t.test('more notices than one packet holds are told in several', async (t) => {
  const orders = plainOrders(3).map((order) => ({ ...order, copies: 12_000 }))
  const slow = { synchronous: 1, linkDelayMs: 5, highWaterPieces: 1, chunks: 50 }
  const stage = await aloneWith(orders, slow)
  stage.deafUntil.set('a', stage.clock.now() + 50)
  stage.deafUntil.set('b', Number.POSITIVE_INFINITY)
  stage.pair.start('b')
  await stage.play(stage.clock.now() + 60)
  t.equal(stage.pair.member('b')?.role, 'loading', 'a load is under way')
  await stage.play(stage.clock.now() + 1_000)
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], 'the mirror follows')
})

for (const closes of ['a', 'b'] as const) {
  for (const throws of [false, true]) {
    const how = throws ? 'and throws' : 'and goes on'
    t.test(`a program that closes ${closes} from inside process() ${how}`, async (t) => {
      const orders = plainOrders(200).map((order) =>
        order.seq === 150 ? { ...order, closes, throws } : order,
      )
      const stage = await aloneWith(orders, { pace: 0.2 })
      stage.downUntil.delete('b')
      await stage.play(stage.clock.now() + 1_000)
      while (!stage.isDone) await stage.play(stage.clock.now() + 10)
      await stage.heal()
      stage.check()
      t.same(stage.problems, [], 'the other one goes on')
    })
  }
}

t.test('queues with room for a few inputs refuse the rest, and lose none', async (t) => {
  const orders = plainOrders(300).map((order) => ({ ...order, padding: 'x'.repeat(1_000) }))
  const changes = { queueBytes: 4_096, unacknowledgedBytes: 65_536, rate: 100, linkDelayMs: 5 }
  const stage = await aloneWith(orders, changes)
  stage.downUntil.delete('b')
  await stage.play(stage.clock.now() + 60)
  for (let round = 0; round < 6; round += 1) {
    const victim = stage.pair.primary?.id
    if (victim && stage.pair.isPaired) {
      stage.downUntil.set(victim, stage.clock.now() + 50)
      stage.pair.kill(victim)
    }
    await stage.play(stage.clock.now() + 150)
  }
  while (!stage.isDone && stage.clock.now() < 20_000) await stage.play(stage.clock.now() + 10)
  t.ok(stage.isDone, 'all is accepted in the end')
  await stage.heal()
  stage.check()
  t.same(stage.problems, [], 'once each, in order')
})

t.test(
  'runs of a sender under new names: the oldest are forgotten, none is mixed up',
  async (t) => {
    const sources = Array.from({ length: 12 }, (_, source) =>
      plainOrders(20).map((order) => ({ ...order, source })),
    )
    const stage = new Stage(calm({ sources, pace: 0.5 }))
    const { pair } = stage
    pair.start('a')
    pair.start('b')
    while (!pair.isPaired) await stage.clock.run(stage.clock.now() + 1)
    for (const [index, source] of stage.sources.entries()) {
      while (!source.isDone) {
        await stage.clock.run(stage.clock.now() + 1)
        for (const member of pair.members) source.feed(member, 3, stage.clock.now())
        stage.raise(stage.clock.now())
        if (stage.random() < 0.05 && pair.isPaired && pair.primary) pair.kill(pair.primary.id)
      }
      t.ok(stage.clock.now() < 20_000, `run ${index} is accepted`)
    }
    await stage.heal()
    stage.check()
    t.same(stage.problems, [], 'each input once')
  },
)
