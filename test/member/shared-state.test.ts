/**
 * Real members whose state lies in shared memory: loaded while it is written, over plain
 * connections and with a secret, compared, taken over, and given back.
 */

import { type App, type Member, type Output, type StateOf, sharedState } from 'hotpair'
import t, { type Test } from 'tap'
import {
  collect,
  eventually,
  nextEvent,
  open,
  openPair,
  optionsOf,
  portsOfPair,
  soon,
} from './support.js'

const cells = 131_072
const schema = { count: 'u32', total: 'f64', cells: { f64: cells } } as const
const plan = sharedState(schema)
type State = StateOf<typeof schema>

/** Each input writes to two cells far apart, one of them a number that is none. */
function app(outputs: Output[], init = 1): App<State> {
  return {
    state: plan,
    init(state) {
      state.total = init
    },
    process(state, frame, ctx) {
      state.count += 1
      state.total += frame.data[0] ?? 0
      const at = Math.imul(state.count, 0x9e37_79b1) >>> 0
      state.cells[at % cells] = state.total
      state.cells[(at + 7) % cells] = Math.sqrt(-state.count)
      ctx.send(Buffer.from(`${state.count}:${state.total}`))
    },
    deliver: (output) => void outputs.push(output),
  }
}

const digestOften = { digestEvery: 50 }

/** Gives `member` inputs until `stop` is called. */
function feed(member: () => Member<State>): { stop(): Promise<number> } {
  let isOver = false
  let seq = 0
  const run = async () => {
    while (!isOver) {
      seq += 1
      const input = () => member().receive(Uint8Array.of(seq % 5), { source: 's', seq })
      await input().catch(() => {
        seq -= 1
      })
      // A real input comes from outside: the event loop turns.
      if (seq % 20 === 0) await new Promise((turn) => setImmediate(turn))
    }
    return seq
  }
  const ran = run()
  return {
    stop: () => {
      isOver = true
      return soon(ran, 'the last input is answered')
    },
  }
}

function sums(member: Member<State>) {
  return member.read(({ count, total, cells }, frameNo) => {
    let sum = 0
    let none = 0
    for (const cell of cells) {
      if (Number.isNaN(cell)) none += 1
      else sum += cell
    }
    return { count, total, sum, none, frameNo }
  })
}

async function areEqual(t: Test, one: Member<State>, other: Member<State>) {
  await eventually(
    () => one.status().counts.frameNo === other.status().counts.frameNo,
    'both have processed the same',
  )
  t.strictSame(sums(one), sums(other))
}

for (const [name, secret] of [
  ['plain', undefined],
  ['with a secret', 'sixteen letters and more'],
] as const) {
  t.test(`${name}: loaded while it is written, then equal by digests`, async (t) => {
    const ports = await portsOfPair()
    const outputs: Output[] = []
    const changes = { ...digestOften, secret }
    const first = await open(t, optionsOf('a', ports, app(outputs), changes))
    await soon(first.until('primary'), 'member a rules')
    const feeding = feed(() => first)
    const second = await open(t, optionsOf('b', ports, app(outputs), changes))
    const faults = [collect(first, 'fault'), collect(second, 'fault')]
    await soon(second.until('standby'), 'b has loaded')
    await eventually(
      () => second.status().counts.comparedAt > 0 && first.status().counts.comparedAt > 100,
      'digests were compared',
    )
    const count = await feeding.stop()
    await areEqual(t, first, second)
    t.equal(
      second.read(({ count }) => count),
      count,
    )
    t.strictSame(faults, [[], []])
    const { shared } = first.status()
    t.ok((shared?.bytes ?? 0) >= plan.bytes)
    t.equal(shared?.load, undefined)
    t.equal(shared?.refusal === undefined, shared?.way === 'write-protection')
  })

  t.test(`${name}: the rule goes there and back, and the state with it`, async (t) => {
    const { first, second, outputs } = await openPair<State>(t, app, { ...digestOften, secret })
    let ruling = first
    const feeding = feed(() => ruling)
    await eventually(() => outputs.length > 50, 'some outputs')
    await soon(first.switchover(), 'the rule goes to b')
    ruling = second
    await eventually(() => outputs.length > 100, 'more outputs')
    await soon(second.until('paired'), 'b is paired')
    await soon(second.switchover(), 'and back')
    ruling = first
    await feeding.stop()
    await areEqual(t, first, second)
  })
}

t.test('a state that only one member has changed is found by digests, and mended', async (t) => {
  const { first, second } = await openPair<State>(t, app, digestOften)
  const feeding = feed(() => first)
  await eventually(() => first.status().counts.frameNo > 30, 'frames')
  // What only one member has done makes it load again.
  second.read((state) => {
    state.total += 1_000
  })
  await nextEvent(second, 'role', ({ role }) => role === 'loading')
  await soon(second.until('standby'), 'it is mended')
  await feeding.stop()
  await areEqual(t, first, second)
})

t.test('when the primary closes, the other goes on from the same bytes', async (t) => {
  const { ports, first, second, outputs } = await openPair<State>(t, app)
  for (let seq = 1; seq <= 20; seq += 1) {
    await first.receive(Uint8Array.of(1), { source: 's', seq })
  }
  const kept = first.read((state) => state)
  await soon(first.close(), 'a is closed')
  t.equal(
    first.read(({ count }) => count),
    undefined,
    'nothing is read from a closed member',
  )
  t.equal(kept?.cells.length, 0, 'its views are detached')
  await soon(second.until('primary'), 'b rules')
  await soon(second.receive(Uint8Array.of(1), { source: 's', seq: 21 }), 'an input')
  await eventually(() => outputs.length === 21, 'an output each')
  t.equal(
    second.read(({ count }) => count),
    21,
  )
  const again = await open(t, optionsOf('a', ports, app(outputs, 77)))
  await soon(again.until('standby'), 'a is back')
  await areEqual(t, second, again)
})

t.test('members that lay their state out otherwise refuse each other, by name', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, app([])))
  await soon(first.until('primary'), 'member a rules')
  const other = sharedState({ count: 'u32', total: 'f64', cells: { f64: cells + 1 } })
  const wrong = { ...app([]), state: other } as App<State>
  const second = await open(t, optionsOf('b', ports, wrong))
  const { code, message } = await nextEvent(second, 'refused')
  t.equal(code, 'ERR_HOTPAIR_PEER_SETTINGS')
  t.match(message, /state is "shared \d+ [0-9a-f]{16}" on a and "shared \d+ [0-9a-f]{16}" on b/)
})
