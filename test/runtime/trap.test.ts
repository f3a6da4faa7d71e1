/**
 * The development trap: what differs between the members is caught while a frame is in process,
 * and nothing else is touched.
 */

import crypto, { randomUUID } from 'node:crypto'
import { setTimeout as startTimer } from 'node:timers'
import t from 'tap'
import type { PairError } from '#lib/errors.js'
import { setTrap, type TrapOptions, type TrapUser } from '#lib/runtime/trap.js'

const untouched = { Date, random: Math.random, setTimeout, uuid: randomUUID }
const originalNow = Object.getOwnPropertyDescriptor(performance, 'now')

interface Caught {
  readonly errors: PairError[]
  readonly trap: TrapUser
}

function caughtBy(mode: TrapOptions['mode'] = 'report'): Caught {
  const errors: PairError[] = []
  return { errors, trap: setTrap({ mode, report: (error) => errors.push(error) }) }
}

const calls: readonly [string, () => unknown, string][] = [
  ['Date.now()', () => Date.now(), 'ctx.now'],
  ['new Date()', () => new Date(), 'ctx.now'],
  ['Date()', () => Date(), 'ctx.now'],
  ['performance.now()', () => performance.now(), 'ctx.now'],
  ['process.hrtime()', () => process.hrtime(), 'ctx.now'],
  ['process.hrtime.bigint()', () => process.hrtime.bigint(), 'ctx.now'],
  ['Math.random()', () => Math.random(), 'ctx.random()'],
  ['crypto.randomUUID()', () => globalThis.crypto.randomUUID(), 'ctx.uuid()'],
  ['crypto.getRandomValues()', () => globalThis.crypto.getRandomValues(new Uint8Array(1)), 'ctx'],
  ['crypto.randomUUID()', () => crypto.randomUUID(), 'ctx.uuid()'],
  ['crypto.randomUUID()', () => randomUUID(), 'ctx.uuid()'],
  ['crypto.randomBytes()', () => crypto.randomBytes(1), 'ctx.random()'],
  ['setTimeout()', () => clearTimeout(setTimeout(() => {}, 1)), 'ctx.setTimer()'],
  ['setTimeout()', () => clearTimeout(startTimer(() => {}, 1)), 'ctx.setTimer()'],
  ['setInterval()', () => clearInterval(setInterval(() => {}, 1)), 'ctx.setTimer()'],
  ['setImmediate()', () => clearImmediate(setImmediate(() => {})), 'ctx.setTimer()'],
  ['queueMicrotask()', () => queueMicrotask(() => {}), 'outside of a frame'],
  ['process.nextTick()', () => process.nextTick(() => {}), 'outside of a frame'],
  ['fetch()', () => fetch('data:,').catch(() => {}), 'receive()'],
]
for (const [name, call, instead] of calls) {
  t.test(`${name} is reported with the frame, the place and what to use`, (t) => {
    const { errors, trap } = caughtBy()
    t.teardown(() => trap.close())
    call()
    t.strictSame(errors, [], 'no frame is in process')
    trap.markFrame(7)
    call()
    trap.markFrame(0)
    call()
    t.equal(errors.length, 1)
    t.match(errors[0], { code: 'ERR_HOTPAIR_NONDETERMINISM' })
    const [error] = errors
    t.ok(error?.message.startsWith(`process() of frame 7 called ${name}, which differs`))
    t.ok(error?.message.includes(instead), String(error?.message))
    t.match(error?.message, /at .*trap\.test\.[jt]s:\d+:\d+\)$/)
    t.end()
  })
}

t.test('what is given arguments, or compared, works as ever', (t) => {
  const { errors, trap } = caughtBy()
  t.teardown(() => trap.close())
  trap.markFrame(1)
  class Day extends Date {}
  const date = new Date(7)
  t.ok(date instanceof Date && date instanceof untouched.Date)
  t.equal(date.constructor, Date)
  t.equal(new Day(8).getTime(), 8)
  t.ok(new Day(8) instanceof Day)
  t.equal(Date.UTC(1970, 0), 0)
  t.equal(Date.parse('1970-01-01'), 0)
  t.equal(Math.max(1, 2), 2)
  trap.markFrame(0)
  t.strictSame(errors, [])
  t.end()
})

t.test('one place is told once, another place again', (t) => {
  const { errors, trap } = caughtBy()
  t.teardown(() => trap.close())
  for (let frameNo = 1; frameNo <= 5; frameNo += 1) {
    trap.markFrame(frameNo)
    Math.random()
    trap.markFrame(0)
  }
  t.equal(errors.length, 1)
  trap.markFrame(6)
  Math.random()
  trap.markFrame(0)
  t.equal(errors.length, 2)
  t.end()
})

t.test('in mode throw the call does not come back, each time', (t) => {
  const { errors, trap } = caughtBy('throw')
  t.teardown(() => trap.close())
  trap.markFrame(3)
  for (let count = 0; count < 2; count += 1) {
    t.throws(() => Date.now(), { code: 'ERR_HOTPAIR_NONDETERMINISM', message: /frame 3/ })
  }
  trap.markFrame(0)
  t.strictSame(errors, [])
  t.end()
})

t.test('who is told may look at the clock', (t) => {
  const times: number[] = []
  const trap = setTrap({ mode: 'report', report: () => times.push(Date.now()) })
  t.teardown(() => trap.close())
  trap.markFrame(1)
  Math.random()
  trap.markFrame(0)
  t.equal(times.length, 1)
  t.end()
})

t.test('what Node does by itself on behalf of the program is passed through', async (t) => {
  const { errors, trap } = caughtBy('throw')
  t.teardown(() => trap.close())
  trap.markFrame(1)
  const { Readable } = await import('node:stream')
  trap.markFrame(1)
  Readable.from(['a']).destroy()
  trap.markFrame(0)
  t.strictSame(errors, [])
})

t.test('several members share it, each is told of its own, and the last takes it away', (t) => {
  const first = caughtBy()
  const second = caughtBy()
  first.trap.markFrame(1)
  Math.random()
  first.trap.markFrame(0)
  second.trap.markFrame(2)
  Math.random()
  second.trap.markFrame(0)
  t.match(first.errors, [{ message: /frame 1/ }])
  t.match(second.errors, [{ message: /frame 2/ }])
  first.trap.close()
  first.trap.close()
  t.not(Math.random, untouched.random)
  second.trap.close()
  t.equal(Math.random, untouched.random)
  t.equal(Date, untouched.Date)
  t.equal(new Date(1).constructor, untouched.Date)
  t.equal(setTimeout, untouched.setTimeout)
  t.equal(randomUUID, untouched.uuid)
  t.strictSame(Object.getOwnPropertyDescriptor(performance, 'now'), originalNow)
  t.end()
})

t.test('what somebody else has put over it stays', (t) => {
  const { trap } = caughtBy()
  const theirs = () => 0.5
  const ours = Math.random
  Math.random = theirs
  trap.close()
  t.equal(Math.random, theirs)
  Math.random = untouched.random
  t.ok(ours() < 1, 'ours only passes through')
  t.end()
})

t.test('what is not there in this version of Node is left out', (t) => {
  const { errors, trap } = caughtBy()
  trap.close()
  Object.assign(globalThis, { Temporal: { Now: { instant: () => 5 } } })
  const again = caughtBy()
  again.trap.markFrame(1)
  const value: unknown = Reflect.get(globalThis, 'Temporal').Now.instant()
  again.trap.close()
  Reflect.deleteProperty(globalThis, 'Temporal')
  t.equal(value, 5)
  t.strictSame(errors, [])
  t.match(again.errors, [{ message: /Temporal\.Now\.instant\(\)/ }])
  t.end()
})
