/**
 * A pair at its limits in virtual time: who may accept while its right is in doubt, a standby that
 * is slow, stuck, or loses step again and again, and receivers that answer nothing.
 */

import t, { type Test } from 'tap'
import type { MemberId } from '#lib/units.js'
import { calm, type Plan, plainOrders } from './plan.js'
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

async function pairedStage(changes: Partial<Plan> = {}): Promise<Stage> {
  const stage = await soloStage(changes)
  stage.pair.start('b')
  stage.downUntil.clear()
  while (!stage.pair.isPaired) await stage.play(stage.clock.now() + 1)
  return stage
}

/** What `member` has told of resyncs: reason, count and wait of each. */
function resyncsOf(stage: Stage, member: MemberId) {
  return stage.told.flatMap(({ at, member: teller, event }) =>
    teller === member && event.type === 'resync' ? [{ at, ...event }] : [],
  )
}

function alarmsOf(stage: Stage, member: MemberId): readonly string[] {
  return stage.told.flatMap(({ member: teller, event }) => {
    const isAlarm = event.type === 'fault' && event.error.code === 'ERR_HOTPAIR_RESYNC'
    return teller === member && isAlarm ? [event.error.message] : []
  })
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

t.test(
  'outputs go on past a standby that takes no notices, with no input to wait for',
  async (t) => {
    const orders = plainOrders(1).map((order) => ({ ...order, copies: 50 }))
    const stage = await pairedStage({ sources: [orders], inFlight: 1, pace: 0 })
    const [order] = orders
    const a = stage.pair.member('a')
    if (a === undefined || order === undefined) throw new Error('no pair')
    let isAccepted = false
    void a.receive(encode(order), 'source 0', order.seq).then(() => {
      isAccepted = true
    })
    while (!isAccepted) await stage.clock.run(stage.clock.now() + 0.05)
    stage.pair.block('b', 20 * windowMs)
    const begun = stage.clock.now()
    while (a.server.counts.pending > 0 && stage.clock.now() < begun + 19 * windowMs) {
      await stage.clock.run(stage.clock.now() + 1)
    }
    t.equal(a.server.counts.pending, 0, 'all is sent while b still stands')
    const tookMs = stage.clock.now() - begun
    // ackTimeout is a window, looked at four times; then b is found hung, or asked, within another.
    t.ok(tookMs < 4 * windowMs, `after ${tookMs.toFixed(0)} ms`)
  },
)

t.test('who loses step over and over waits longer each time, and both say why', async (t) => {
  const orders = plainOrders(4_000).map((order) => ({ ...order, diverges: order.seq < 3_000 }))
  const stage = await pairedStage({ sources: [orders], rate: 1, pace: 1 })
  const source = stage.sources[0]
  while (source && source.accepted.size < 3_000) await stage.play(stage.clock.now() + 10)
  const resyncs = resyncsOf(stage, 'b')
  t.ok(resyncs.length >= 5, `${resyncs.length} resyncs in 3 s`)
  t.strictSame(
    resyncs.slice(0, 5).map(({ reason, inARow, member }) => [reason, inARow, member]),
    [1, 2, 3, 4, 5].map((count) => ['divergence', count, 'b']),
  )
  for (const [index, { at, waitMs, inARow }] of resyncs.entries()) {
    const bound = inARow < 3 ? 0 : windowMs * Math.min(60, 2 ** (inARow - 3))
    t.ok(waitMs >= bound / 2 && waitMs <= bound, `${waitMs} ms, at most ${bound}`)
    const next = resyncs[index + 1]
    if (next) t.ok(next.at - at >= waitMs, 'and it did wait')
  }
  const counts = resyncs.map(({ inARow }) => inARow)
  const heard = resyncsOf(stage, 'a').map(({ inARow }) => inARow)
  t.strictSame(heard, counts, 'the primary has told the same')
  for (const id of ['a', 'b'] as const) {
    const alarms = alarmsOf(stage, id)
    t.equal(alarms.length, counts.length - 2, `${id} has raised the alarm`)
    t.match(alarms[0], /^member b has lost step 3 times in a row .* an output differed/)
  }
  while (!stage.pair.isPaired) await stage.play(stage.clock.now() + 10)
  await stage.play(stage.clock.now() + 11 * windowMs)
  t.match(stage.pair.member('b')?.state, { resyncs: 0 }, 'whole for a while: forgotten')
  await finish(t, stage)
})

t.test('a primary whose deliveries are stuck gives the rule away, once', async (t) => {
  const timeoutMs = 200
  const stage = await pairedStage({
    sources: [plainOrders(1_500)],
    rate: 1,
    pace: 0.5,
    deliverTimeoutMs: timeoutMs,
    onStuckDeliver: 'switch',
  })
  const { pair, sink, clock } = stage
  const ruling = () => pair.primary?.id
  await stage.play(clock.now() + 50)
  sink.hanging.add('a')
  await stage.play(clock.now() + 1.5 * timeoutMs)
  t.equal(ruling(), 'b', 'from b the receivers can be reached')
  const causes = stage.told.flatMap(({ member, event }) =>
    event.type === 'role' ? [`${member} ${event.cause}`] : [],
  )
  t.ok(causes.includes('a deliver-stuck'), causes.join(', '))
  await stage.play(clock.now() + 100)
  t.ok(pair.isPaired, 'a has loaded')
  sink.hanging.add('b')
  await stage.play(clock.now() + 2 * timeoutMs)
  t.equal(ruling(), 'a', 'b has delivered, so it may give the rule back')
  await stage.play(clock.now() + 6 * timeoutMs)
  t.equal(ruling(), 'a', 'a has not: it keeps the rule while the receivers are down')
  t.ok(pair.isPaired)
  sink.hanging.clear()
  await stage.play(clock.now() + 2 * timeoutMs)
  sink.hanging.add('a')
  await stage.play(clock.now() + 2 * timeoutMs)
  t.equal(ruling(), 'b', 'once it has, it may')
  sink.hanging.clear()
  await finish(t, stage)
})

t.test('a receiver that is asked gets nothing twice that it says it has', async (t) => {
  let asked = 0
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = await pairedStage({
      seed,
      pace: 0.5,
      deliverMs: 3,
      inFlight: 64,
      inDoubt: { default: 'ask' },
    })
    await stage.play(stage.clock.now() + 20)
    for (let round = 0; round < 3; round += 1) {
      const { primary } = stage.pair
      if (primary === undefined || !stage.pair.isPaired) break
      stage.pair.kill(primary.id)
      await stage.play(stage.clock.now() + 60)
    }
    await finish(t, stage)
    asked += stage.sink.confessed.size
    const policies = stage.takeovers.flatMap(({ inDoubt }) => inDoubt)
    t.ok(policies.every(({ channel, policy }) => (channel === 'default') === (policy === 'ask')))
  }
  t.ok(asked > 10, `${asked} outputs were there`)
})
