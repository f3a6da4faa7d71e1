/**
 * The timers of the program: the table that both members hold alike, and what `process` may do to
 * it.
 */

import t from 'tap'
import type { App, Frame, ProcessContext } from '#lib/options.js'
import { Application } from '#lib/server/application.js'
import { longestDelayMs, type TimerEntry, Timers } from '#lib/server/timers.js'
import { Arena } from '#lib/sync/arena.js'
import { historyId } from '#lib/units.js'

const nothing = new Uint8Array(0)

/** Everything due at `stamp`, in the order in which it is handed out. */
function due(timers: Timers, stamp: number): string[] {
  const names: string[] = []
  for (let entry = timers.takeDue(stamp); entry; entry = timers.takeDue(stamp)) {
    names.push(entry.name)
  }
  return names
}

t.test('timers come in order of due time, then name, and not before', (t) => {
  const timers = new Timers(10)
  for (const [name, at] of [
    ['late', 30],
    ['b', 20],
    ['a', 20],
    ['B', 20],
    ['early', 10],
  ] as const) {
    timers.set(name, at, nothing)
  }
  t.equal(timers.earliest, 10)
  t.strictSame(due(timers, 9), [])
  t.strictSame(due(timers, 20), ['early', 'B', 'a', 'b'])
  t.equal(timers.earliest, 30)
  t.equal(timers.size, 5, 'handed out, they stay until their frames are processed')
  t.end()
})

t.test('a frame of a setting that does not stand any more is passed over', (t) => {
  const timers = new Timers(10)
  timers.set('x', 10, nothing)
  const first = timers.takeDue(10)
  t.equal(timers.takeDue(10), undefined, 'handed out once')
  timers.set('x', 15, Uint8Array.of(7))
  t.notOk(timers.fire('x', first?.setting ?? 0), 'set again')
  t.equal(timers.earliest, 15)
  const second = timers.takeDue(15)
  t.strictSame(second?.data, Uint8Array.of(7))
  timers.clear('x')
  t.notOk(timers.fire('x', second?.setting ?? 0), 'cleared')
  timers.set('x', 20, nothing)
  const third = timers.takeDue(20)
  t.ok(timers.fire('x', third?.setting ?? 0))
  t.notOk(timers.fire('x', third?.setting ?? 0), 'and only once')
  t.equal(timers.size, 0)
  t.end()
})

t.test('above the bound no further name is set; a known one may be set again', (t) => {
  const timers = new Timers(2)
  t.ok(timers.set('a', 1, nothing))
  t.ok(timers.set('b', 2, nothing))
  t.notOk(timers.set('c', 3, nothing))
  t.ok(timers.set('a', 4, nothing))
  timers.clear('b')
  t.ok(timers.set('c', 3, nothing))
  t.end()
})

t.test('the table goes through a load and counts on', (t) => {
  const timers = new Timers(10)
  timers.set('b', 20, Uint8Array.of(1))
  timers.set('a', 10, nothing)
  timers.set('b', 5, Uint8Array.of(2))
  const other = new Timers(10)
  other.set('gone', 1, nothing)
  other.reset(timers.list())
  t.strictSame(other.list(), timers.list())
  t.equal(other.settings, 3)
  t.strictSame(due(other, 100), ['b', 'a'])
  other.set('c', 1, nothing)
  t.equal(other.list().entries.at(-1)?.setting, 4)
  t.end()
})

t.test('whatever is set, cleared and fired: as a plain list would have it', (t) => {
  let seed = 20_261_123
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return Math.floor((seed / 0x8000_0000) * below)
  }
  const timers = new Timers(50)
  const table = new Map<string, TimerEntry>()
  const numbered = new Set<TimerEntry>()
  let fired = 0
  for (let now = 0; now < 20_000; now += 1) {
    const name = `t${random(60)}`
    const kind = random(10)
    if (kind < 6) {
      const at = now + random(30)
      const isTaken = timers.set(name, at, nothing)
      if (isTaken !== (table.has(name) || table.size < 50)) t.fail(`${now}: ${name}`)
      if (isTaken) {
        table.set(name, { name, due: at, setting: timers.settings, data: nothing })
      }
    } else if (kind < 7) {
      timers.clear(name)
      table.delete(name)
    } else {
      const next = [...table.values()]
        .filter((entry) => entry.due <= now && !numbered.has(entry))
        .sort((one, other) => one.due - other.due || (one.name < other.name ? -1 : 1))[0]
      const taken = timers.takeDue(now)
      if (taken?.setting !== next?.setting) t.fail(`${now}: ${taken?.name}, not ${next?.name}`)
      if (next === undefined || taken === undefined) continue
      numbered.add(next)
      // Every other one is processed at once; the others meet what comes between.
      if (random(2) === 0) {
        if (timers.fire(taken.name, taken.setting)) table.delete(taken.name)
        fired += 1
      }
    }
  }
  t.ok(fired > 1_000, `${fired} were fired`)
  t.strictSame(
    timers.list().entries,
    [...table.values()].sort((one, other) => one.setting - other.setting),
  )
  t.end()
})

const frame: Frame = {
  frameNo: 7,
  now: 1_000,
  source: undefined,
  seq: undefined,
  timer: undefined,
  data: nothing,
}

function running(timers: Timers, process: (ctx: ProcessContext) => void): Application<number[]> {
  const app: App<number[]> = {
    init: () => [],
    process: (_state, _frame, ctx) => process(ctx),
    deliver: () => {},
  }
  const application = new Application(app, { timers, outputBytes: 100, arena: new Arena() })
  application.begin(historyId('1'.padStart(32, '0')), [])
  return application
}

t.test('process sets timers by pair time, with a copy of the data', (t) => {
  const timers = new Timers(10)
  const buffer = Uint8Array.of(1, 2)
  const application = running(timers, (ctx) => {
    ctx.setTimer('soon', 0.2)
    ctx.setTimer('then', 500, buffer)
    buffer[0] = 9
    ctx.setTimer('never', 1)
    ctx.clearTimer('never')
    ctx.clearTimer('unknown')
  })
  t.equal(application.apply(frame).fault, undefined)
  t.strictSame(
    timers.list().entries.map(({ name, due, data }) => [name, due, [...data]]),
    [
      ['soon', 1_001, []],
      ['then', 1_500, [1, 2]],
    ],
  )
  t.end()
})

const wrong: readonly [string, (ctx: ProcessContext) => void][] = [
  ['without a name', (ctx) => ctx.setTimer('', 1)],
  ['with a name that is too long', (ctx) => ctx.setTimer('n'.repeat(65), 1)],
  ['with half a surrogate pair', (ctx) => ctx.setTimer('\ud800', 1)],
  ['with a name that is no text', (ctx) => ctx.setTimer(7 as unknown as string, 1)],
  ['with a delay below 0', (ctx) => ctx.setTimer('x', -1)],
  ['with no number as its delay', (ctx) => ctx.setTimer('x', Number.NaN)],
  ['beyond ten years', (ctx) => ctx.setTimer('x', longestDelayMs + 1)],
  ['with too much data', (ctx) => ctx.setTimer('x', 1, new Uint8Array(4_097))],
  ['with data that is no bytes', (ctx) => ctx.setTimer('x', 1, 'text' as unknown as Uint8Array)],
  ['above the bound', (ctx) => ctx.setTimer('second', 1)],
  ['when it is cleared without a name', (ctx) => ctx.clearTimer('')],
]
for (const [name, act] of wrong) {
  t.test(`a timer is refused ${name}, and nothing is changed`, (t) => {
    const timers = new Timers(1)
    timers.set('first', 5, nothing)
    const before = timers.list()
    const { fault } = running(timers, act).apply(frame)
    t.match(fault?.cause, { code: 'ERR_HOTPAIR_TIMER' })
    t.strictSame(timers.list(), before)
    t.end()
  })
}

t.test('the longest names, data and delays are taken', (t) => {
  const timers = new Timers(1)
  const set = (ctx: ProcessContext) =>
    ctx.setTimer('\u{1f550}'.repeat(32), longestDelayMs, new Uint8Array(4_096))
  t.equal(running(timers, set).apply(frame).fault, undefined)
  t.equal(timers.size, 1)
  t.end()
})

t.test('once the frame is over nothing is set or cleared', (t) => {
  const timers = new Timers(10)
  let kept: ProcessContext | undefined
  running(timers, (ctx) => {
    kept = ctx
    ctx.setTimer('x', 1)
  }).apply(frame)
  t.throws(() => kept?.setTimer('y', 1), { code: 'ERR_HOTPAIR_TIMER', message: /frame 7/ })
  t.throws(() => kept?.clearTimer('x'), { code: 'ERR_HOTPAIR_TIMER' })
  t.equal(timers.size, 1)
  t.end()
})
