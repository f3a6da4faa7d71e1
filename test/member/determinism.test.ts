/**
 * What keeps two members alike, seen through a whole pair: timers come as frames on both, digests
 * find what differs, the trap says where it comes from.
 */

import type { App, PairError } from 'hotpair'
import t from 'tap'
import {
  collect,
  eventually,
  nextEvent,
  open,
  openPair,
  optionsOf,
  portsOfPair,
} from './support.js'

interface Log {
  readonly entries: string[]
  own: number
}

/** Writes down what comes; `later` sets a timer, `wild` lets the members differ. */
function logging(wild: () => number = () => 0): App<Log> {
  return {
    init: () => ({ entries: [], own: 0 }),
    process(state, { data, timer }, ctx) {
      const word = Buffer.from(data).toString()
      state.entries.push(timer === undefined ? word : `${timer}:${word}`)
      if (word === 'later') ctx.setTimer('bell', 30, Buffer.from('rung'))
      if (word === 'wild') state.own = wild()
    },
    deliver: () => {},
  }
}

t.test('a timer is processed on both members, and goes on with the one that is left', async (t) => {
  const { first, second } = await openPair(t, () => logging())
  const source = { source: 's', seq: 1 }
  await first.receive(Buffer.from('later'), source)
  for (const member of [first, second]) {
    const rung = () => member.read(({ entries }) => entries.includes('bell:rung')) ?? false
    await eventually(rung, 'the timer has fired')
  }
  await first.receive(Buffer.from('later'), { source: 's', seq: 2 })
  const taken = nextEvent(second, 'role')
  await first.close()
  await taken
  const count = () => second.read(({ entries }) => entries.filter((e) => e === 'bell:rung').length)
  await eventually(() => count() === 2, 'the other one has fired, once')
})

t.test('states that differ are found and named, and the standby loads again', async (t) => {
  let next = 0
  const { first, second } = await openPair(t, () => logging(() => ++next), { digestEvery: 5 })
  const fault = nextEvent(second, 'fault')
  for (const word of ['a', 'b', 'wild', 'c', 'd', 'e', 'f', 'g']) {
    await first.receive(Buffer.from(word))
  }
  const { error, frameNo } = await fault
  t.equal(error.code, 'ERR_HOTPAIR_DIVERGED')
  t.ok(Number(frameNo) >= 3 && Number(frameNo) <= 7, `frame ${frameNo}`)
  await eventually(() => second.read(({ own }) => own) === first.read(({ own }) => own), 'alike')
})

t.test(
  'the trap tells of a clock in process, and lets the rest of the process alone',
  async (t) => {
    const ports = await portsOfPair()
    const app: App<Log> = {
      ...logging(),
      process(state) {
        state.own = Date.now()
      },
    }
    const options = optionsOf('a', ports, app, { trap: 'report', startWindowMs: 600 })
    const member = await open(t, options)
    const faults: PairError[] = []
    member.on('fault', ({ error }) => faults.push(error))
    await member.until('primary')
    for (let count = 0; count < 3; count += 1) await member.receive(Buffer.from('x'))
    t.ok(Date.now() > 0)
    t.equal(faults.length, 1, 'one place is told once')
    t.match(faults[0], {
      code: 'ERR_HOTPAIR_NONDETERMINISM',
      message: /frame 1 called Date\.now\(\)/,
    })
    await member.close()
    t.match(String(Date.now), /native code/)
    t.equal(Object.getOwnPropertyDescriptor(Date, 'now')?.value.name, 'now')
  },
)

t.test('in mode throw the frame fails, alike on both members', async (t) => {
  const clock = (): App<Log> => ({
    ...logging(),
    process(state, frame, ctx) {
      logging().process(state, frame, ctx)
      if (Buffer.from(frame.data).toString() === 'clock') state.own = Math.random()
      state.entries.push('reached')
    },
  })
  const { first, second } = await openPair(t, clock, { trap: 'throw', digestEvery: 1 })
  const faults = [collect(first, 'fault'), collect(second, 'fault')]
  await first.receive(Buffer.from('clock'))
  await first.receive(Buffer.from('x'))
  const read = (member: typeof first) => member.read(({ entries }) => [...entries])
  await eventually(() => read(second)?.length === 3, 'the standby has both frames')
  t.same(read(first), ['clock', 'x', 'reached'])
  t.same(read(second), read(first))
  for (const events of faults) {
    t.match(events, [{ error: { code: 'ERR_HOTPAIR_PROCESS_THREW', cause: { message: /Math/ } } }])
  }
})
