/**
 * `hotpair/testing` itself: that the example holds, that a broken application is found, and that a
 * run is a function of its seed.
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ConfigError } from '#lib/errors.js'
import type { Output } from '#lib/options.js'
import { type SimulatedApp, simulatePair } from '#lib/testing/index.js'
import { Receivers } from '#lib/testing/outside.js'
import { historyId } from '#lib/units.js'

interface Sum {
  total: number
}

const adding: SimulatedApp<Sum> = {
  init: () => ({ total: 0 }),
  process(state, { data }, ctx) {
    state.total += data[0] ?? 0
    ctx.send(Buffer.from(String(state.total)))
  },
}

function texts(pair: { outputs(): readonly { readonly data: Uint8Array }[] }): readonly string[] {
  return pair.outputs().map(({ data }) => Buffer.from(data).toString())
}

t.test('the example passes', async (t) => {
  const path = fileURLToPath(new URL('../../examples/takeover-test.js', import.meta.url))
  // Not as a child of this runner, whose hooks it would inherit.
  const env = { PATH: process.env['PATH'] }
  const { status, stdout } = spawnSync(process.execPath, [path], { encoding: 'utf8', env })
  t.equal(status, 0, stdout)
  t.match(stdout, /pass 4\b/)
})

t.test('through deaths, cuts, hangs and a change of places each output comes once', async (t) => {
  const pair = await simulatePair({ app: adding, seed: 3 })
  const faults = [
    () => pair.restart(pair.primary ?? 'a'),
    () => pair.hang(pair.primary ?? 'a', 800),
    () => pair.stop(pair.primary === 'a' ? 'b' : 'a', 300),
    () => pair.breakLink(),
    () => pair.switchover(),
    () => pair.close(pair.primary ?? 'a'),
  ]
  for (const fault of faults) {
    for (let i = 0; i < 20; i += 1) pair.feed(Uint8Array.of(1))
    await pair.advance(0.3)
    fault()
    for (let i = 0; i < 20; i += 1) pair.feed(Uint8Array.of(1), 'another')
    await pair.advance(100)
    for (const id of ['a', 'b'] as const) pair.start(id)
    await pair.advance(2_000)
    for (const id of ['a', 'b'] as const) pair.start(id)
    await pair.assertWhole()
  }
  t.same(
    texts(pair),
    Array.from({ length: 240 }, (_, i) => String(i + 1)),
  )
  t.ok(pair.isAccepted(120) && pair.isAccepted(120, 'another') && !pair.isAccepted(121))
  t.equal(pair.state('b')?.total, 240)
  t.ok(pair.events.some(({ event }) => event.type === 'switchover'))
})

t.test('a cut that heals: one rules in the end, and nobody sends what contradicts', async (t) => {
  const pair = await simulatePair({ app: adding })
  const first = pair.primary
  pair.feed(Uint8Array.of(5))
  await pair.assertWhole()
  pair.cut(first)
  await pair.advance(40)
  pair.heal()
  await pair.assertWhole()
  t.equal(pair.primary, first, 'shorter than the window: nothing happens')
  t.same(texts(pair), ['5'])
})

t.test('a program that is not deterministic is found', async (t) => {
  let calls = 0
  const app = (): SimulatedApp<Sum> => ({
    init: () => ({ total: 0 }),
    process(state) {
      calls += 1
      state.total = calls
    },
  })
  const pair = await simulatePair({ app })
  for (let i = 0; i < 10; i += 1) pair.feed(Uint8Array.of(1))
  await t.rejects(pair.assertWhole(500), /states of a and b differ/)
})

t.test('an output that a successor makes otherwise is found', async (t) => {
  const app = (member: string): SimulatedApp<Sum> => ({
    init: () => ({ total: 0 }),
    process: (_state, _frame, ctx) => ctx.send(Buffer.from(member)),
  })
  const pair = await simulatePair({ app })
  for (let i = 0; i < 5; i += 1) pair.feed(Uint8Array.of(1))
  await pair.advance(200)
  t.ok(pair.faults.length > 0, 'the members tell of it')
})

t.test('what does not come is told with all that there is', async (t) => {
  const pair = await simulatePair({ app: adding })
  pair.kill('a')
  pair.kill('b')
  pair.feed(Uint8Array.of(1))
  const said = /within 100 ms: at .* ms a is down .* b is down .* 1 inputs not accepted/
  await t.rejects(pair.assertWhole(100), said)
})

t.test('a run is a function of its seed', async (t) => {
  const run = async (seed: number) => {
    const pair = await simulatePair({ app: adding, seed })
    pair.feed(Uint8Array.of(1))
    pair.kill(pair.primary ?? 'a')
    await pair.until(() => pair.outputs().length === 1)
    const [output] = pair.outputs()
    return [pair.nowMs, output?.history, output?.epoch]
  }
  t.same(await run(5), await run(5))
  t.not(String(await run(5)), String(await run(6)))
})

t.test('options that make no sense are refused', async (t) => {
  for (const wrong of [{ seed: 0.5 }, { windowMs: 10 }, { latencyMs: 0 }, { latencyMs: 90 }]) {
    await t.rejects(simulatePair({ app: adding, ...wrong }), ConfigError, JSON.stringify(wrong))
  }
})

t.test(
  'a receiver tells a gap, other bytes under a number, and a repeat without its mark',
  async (t) => {
    const output = (number: number, text: string, isRepeat = false): Output => {
      const reign = { pair: 'p', history: historyId('f'.repeat(32)), epoch: 1, firstOfEpoch: 1 }
      const data = Buffer.from(text)
      return { ...reign, channel: 'c', number, digest: 0, data, frameNo: number, isRepeat }
    }
    const receivers = new Receivers()
    receivers.take(output(1, 'one'), 'a')
    receivers.take(output(1, 'one', true), 'b')
    receivers.refuse('c')
    t.notOk(receivers.take(output(2, 'two'), 'b'), 'lost, and told')
    receivers.accept('c')
    t.same(receivers.violations, [], 'so far all is well')
    receivers.take(output(1, 'eins', true), 'b')
    receivers.take(output(1, 'one'), 'b')
    receivers.take(output(3, 'three'), 'b')
    t.same(receivers.violations, [
      "output 1 of 'c', sent by b, had other bytes when a sent it",
      "output 1 of 'c', sent by b, came again and was not marked as a repeat",
      "output 3 of 'c', sent by b, came right behind number 1",
    ])
    t.same(
      receivers.stream('c').map(({ number }) => number),
      [1, 3],
    )
    t.equal(receivers.delivered.length, 5)
  },
)
