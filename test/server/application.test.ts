/**
 * The user's program: what it may do wrong is a fault of that frame, and never more.
 */

import t from 'tap'
import type { App, Frame, ProcessContext } from '#lib/options.js'
import { Application } from '#lib/server/application.js'
import { channelNameLength } from '#lib/server/frame-context.js'
import { Timers } from '#lib/server/timers.js'
import { Arena } from '#lib/sync/arena.js'
import { historyId } from '#lib/units.js'

const history = historyId('0123456789abcdef0123456789abcdef')
const frame: Frame = {
  frameNo: 7,
  now: 1_234,
  source: undefined,
  seq: undefined,
  timer: undefined,
  data: Uint8Array.of(1),
}

interface Sum {
  total: number
}

function running(process: (state: Sum, frame: Frame, ctx: ProcessContext) => unknown) {
  const app: App<Sum> = {
    init: () => ({ total: 0 }),
    process: (state, frame, ctx) => process(state, frame, ctx) as undefined,
    deliver: () => {},
  }
  const application = new Application(app, {
    timers: new Timers(2),
    outputBytes: 100,
    arena: new Arena(),
  })
  application.begin(history, { total: 0 })
  return application
}

t.test('a frame changes the state and sends outputs, copied at once', (t) => {
  const buffer = Uint8Array.of(1, 2, 3)
  const application = running((state, { data }, ctx) => {
    state.total += data[0] ?? 0
    t.strictSame([ctx.frameNo, ctx.now], [7, 1_234])
    ctx.send(buffer)
    buffer[0] = 9
    ctx.send(Buffer.from('x'), { channel: 'alarm' })
  })
  const { outputs, fault } = application.apply(frame)
  t.equal(fault, undefined)
  t.strictSame(outputs, [
    { channel: 'default', data: Uint8Array.of(1, 2, 3) },
    { channel: 'alarm', data: Uint8Array.of(120) },
  ])
  t.strictSame(application.held, { state: { total: 1 } })
  t.end()
})

t.test('randomness is alike in every run of a frame, and differs from frame to frame', (t) => {
  const numbers: (number | string)[] = []
  const application = running(
    (_state, _frame, ctx) => numbers.push(ctx.random(), ctx.uuid()) && undefined,
  )
  application.apply(frame)
  application.apply(frame)
  application.apply({ ...frame, frameNo: 8 })
  t.strictSame(numbers.slice(0, 2), numbers.slice(2, 4))
  t.not(numbers[4], numbers[0])
  t.end()
})

t.test('what it throws drops the outputs and keeps what was changed', (t) => {
  const application = running((state, _frame, ctx) => {
    state.total = 5
    ctx.send(Uint8Array.of(1))
    throw new Error('out of range')
  })
  const { outputs, fault } = application.apply(frame)
  t.strictSame(outputs, [])
  t.match(fault, {
    code: 'ERR_HOTPAIR_PROCESS_THREW',
    message: 'process() of frame 7 threw: out of range',
    cause: { message: 'out of range' },
  })
  t.strictSame(application.held, { state: { total: 5 } })
  t.end()
})

t.test('whatever it throws is said', (t) => {
  const application = running(() => {
    throw 'a word'
  })
  t.equal(application.apply(frame).fault?.message, 'process() of frame 7 threw: a word')
  t.end()
})

t.test('a promise is refused, and its rejection harms nobody', async (t) => {
  const application = running(async (_state, _frame, ctx) => {
    ctx.send(Uint8Array.of(1))
    throw new Error('later')
  })
  const { outputs, fault } = application.apply(frame)
  t.strictSame(outputs, [])
  t.match(fault, { code: 'ERR_HOTPAIR_PROCESS_ASYNC' })
  await new Promise((resolve) => setImmediate(resolve))
})

t.test('values that only look like promises are none', (t) => {
  for (const value of [null, 1, Object.fromEntries([['then', 1]]), 'then']) {
    t.equal(running(() => value).apply(frame).fault, undefined)
  }
  t.end()
})

t.test('send is refused once the frame is over', (t) => {
  let kept: ProcessContext | undefined
  const application = running((_state, _frame, ctx) => {
    kept = ctx
  })
  application.apply(frame)
  t.throws(() => kept?.send(Uint8Array.of(1)), { code: 'ERR_HOTPAIR_SEND_OUTSIDE' })
  t.end()
})

const wrong: readonly [string, (ctx: ProcessContext) => void, RegExp][] = [
  ['what is no Uint8Array', (ctx) => ctx.send('text' as unknown as Uint8Array), /a Uint8Array/],
  ['what is too large', (ctx) => ctx.send(new Uint8Array(101)), /101 bytes.*bound of 100/],
  ['a channel without a name', (ctx) => ctx.send(new Uint8Array(1), { channel: '' }), /1 to 64/],
  [
    'a channel of too long a name',
    (ctx) => ctx.send(new Uint8Array(1), { channel: 'c'.repeat(channelNameLength + 1) }),
    /1 to 64/,
  ],
  [
    'a channel that is no text',
    (ctx) => ctx.send(new Uint8Array(1), { channel: 7 as unknown as string }),
    /1 to 64/,
  ],
]
for (const [name, send, why] of wrong) {
  t.test(`send refuses ${name}, to the application's face`, (t) => {
    let refused: unknown
    const application = running((_state, _frame, ctx) => {
      try {
        send(ctx)
      } catch (error) {
        refused = error
      }
      ctx.send(new Uint8Array(100), { channel: 'c'.repeat(channelNameLength) })
    })
    const { outputs, fault } = application.apply(frame)
    t.match(refused, { code: 'ERR_HOTPAIR_OUTPUT', message: why })
    t.equal(fault, undefined, 'an application may catch it')
    t.equal(outputs.length, 1)
    t.end()
  })
}

t.test('without a state there is nothing to process on', (t) => {
  const application = new Application<Sum>(
    { init: () => ({ total: 0 }), process: () => {}, deliver: () => {} },
    { timers: new Timers(2), outputBytes: 100, arena: new Arena() },
  )
  t.equal(application.held, undefined)
  t.throws(() => application.apply(frame), { code: 'ERR_HOTPAIR_INVARIANT' })
  application.rename(history)
  t.throws(() => application.apply(frame), /no state/)
  t.end()
})
