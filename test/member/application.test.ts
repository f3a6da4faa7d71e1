/**
 * What an application does wrong, seen through a whole pair: `process` throws or waits, `send`
 * comes too late, `deliver` fails in every way it can, the state cannot be cloned.
 *
 * The rule behind all of it: the fault is told with its frame or channel, alike on both members
 * where it happens on both, and the stream goes on alike.
 */

import type { App, Output, PairError, ProcessContext } from 'hotpair'
import t from 'tap'
import {
  type Count,
  codeOf,
  collect,
  echo,
  eventually,
  nextEvent,
  open,
  openPair,
  optionsOf,
  portsOfPair,
  soon,
  textOf,
} from './support.js'

const text = (data: Uint8Array) => Buffer.from(data).toString()

t.test('a process that throws loses its outputs, on both members alike', async (t) => {
  const app = (outputs: Output[]): App<Count> => ({
    ...echo(outputs),
    process(state, frame, ctx) {
      echo(outputs).process(state, frame, ctx)
      if (text(frame.data) === 'bad') throw new Error('a bad record')
    },
  })
  const { first, second, outputs } = await openPair(t, app)
  const told = await Promise.all(
    [first, second].map(async (member) => {
      const fault = nextEvent(member, 'fault')
      if (member === first) for (const data of ['one', 'bad', 'two']) await give(member, data)
      return await fault
    }),
  )
  for (const { error, frameNo } of told) {
    t.equal(error.code, 'ERR_HOTPAIR_PROCESS_THREW')
    t.equal(frameNo, 2)
    t.match(error.message, 'a bad record')
    t.equal(error.cause instanceof Error && error.cause.message, 'a bad record')
  }
  await eventually(() => outputs.length === 2, 'the outputs of the other two frames arrive')
  t.same(outputs.map(textOf), ['one', 'two'])
  t.same(
    outputs.map(({ number }) => number),
    [1, 2],
    'the numbers have no gap',
  )
  await eventually(() => second.read((_, frameNo) => frameNo) === 3, 'the standby has all frames')
  t.same(second.read(copy), { count: 3, texts: ['one', 'bad', 'two'] }, 'what it changed stays')
  t.same(first.read(copy), second.read(copy))
  await soon(first.close(), 'the primary is closed')
  await soon(second.until('primary'), 'the standby rules')
  await give(second, 'three')
  await eventually(() => outputs.length === 3, 'the next output arrives from the other member')
  t.equal(outputs[2]?.number, 3, 'and goes on with the next number')
})

t.test('a process that returns a promise is told so; its rejection harms nobody', async (t) => {
  const app = (outputs: Output[]): App<Count> => ({
    ...echo(outputs),
    process(state, frame, ctx) {
      echo(outputs).process(state, frame, ctx)
      // A mistake that the type of `process` lets pass: a promise where nothing is expected.
      if (text(frame.data) === 'late') return Promise.reject(new Error('nobody waits for this'))
      return undefined
    },
  })
  const { first, second, outputs } = await openPair(t, app)
  const faults = [nextEvent(first, 'fault'), nextEvent(second, 'fault')]
  for (const data of ['late', 'one']) await give(first, data)
  for (const { error, frameNo } of await Promise.all(faults)) {
    t.equal(error.code, 'ERR_HOTPAIR_PROCESS_ASYNC')
    t.equal(frameNo, 1)
    t.match(error.message, 'synchronous')
  }
  await eventually(() => outputs.length === 1, 'the output of the other frame arrives')
  t.same(outputs.map(textOf), ['one'])
})

t.test('send outside its call of process is refused with a sentence', async (t) => {
  const kept: ProcessContext[] = []
  const app = (outputs: Output[]): App<Count> => ({
    ...echo(outputs),
    process(state, frame, ctx) {
      echo(outputs).process(state, frame, ctx)
      kept.push(ctx)
    },
  })
  const { first, outputs } = await openPair(t, app)
  await give(first, 'one')
  t.throws(() => kept[0]?.send(Buffer.from('late')), {
    code: 'ERR_HOTPAIR_SEND_OUTSIDE',
    message: /frame 1 had returned/,
  })
  await give(first, 'two')
  await eventually(() => outputs.length === 2, 'both outputs arrive')
  t.same(outputs.map(textOf), ['one', 'two'])
})

t.test('a wrong output is a fault of its frame', async (t) => {
  const wrongs: Record<string, (ctx: ProcessContext) => void> = {
    // As from JavaScript.
    text: (ctx) => ctx.send('text' as never),
    unnamed: (ctx) => ctx.send(Buffer.from('x'), { channel: '' }),
    'long name': (ctx) => ctx.send(Buffer.from('x'), { channel: 'x'.repeat(65) }),
    'too large': (ctx) => ctx.send(Buffer.alloc(1_048_577)),
    'one channel more': (ctx) => ctx.send(Buffer.from('x'), { channel: 'third' }),
  }
  const app = (outputs: Output[]): App<Count> => ({
    ...echo(outputs),
    process(state, frame, ctx) {
      state.count += 1
      ctx.send(Buffer.from('dropped'))
      ctx.send(Buffer.from('dropped'), { channel: 'second' })
      const wrong = wrongs[text(frame.data)]
      if (wrong) wrong(ctx)
    },
  })
  const limits = { outboxBytes: 2 * 1_048_576, channels: 2 }
  const { first, second, outputs } = await openPair(t, app, { limits })
  const faults = collect(first, 'fault')
  const same = collect(second, 'fault')
  await give(first, 'right')
  for (const data of Object.keys(wrongs)) await give(first, data)
  await eventually(() => same.length === faults.length, 'both members tell the same faults')
  t.equal(faults.length, Object.keys(wrongs).length, 'one fault a frame')
  const told = ({ error, frameNo }: { error: PairError; frameNo: number | undefined }) => [
    frameNo,
    error.code,
    error.message,
  ]
  t.same(faults.map(told), same.map(told), 'in the same words')
  t.same(outputs.map(textOf), ['dropped', 'dropped'], 'only the right frame has outputs')
})

t.test('a deliver that throws, rejects or never settles holds its channel alone', async (t) => {
  const attempts: string[] = []
  const failures = ['throws', 'rejects', 'never']
  const app = (outputs: Output[]): App<Count> => ({
    ...echo(outputs),
    process(_, frame, ctx) {
      ctx.send(frame.data, { channel: 'ill' })
      ctx.send(frame.data, { channel: 'well' })
    },
    deliver(output, { signal }) {
      if (output.channel === 'well') return void outputs.push(output)
      attempts.push(`${output.number}${output.isRepeat ? ' again' : ''}`)
      const how = attempts.length <= failures.length ? failures[attempts.length - 1] : undefined
      if (how === 'throws') throw new Error('it throws')
      if (how === 'rejects') return Promise.reject(new Error('it rejects'))
      if (how === 'never') return new Promise(() => signal.aborted)
      return void outputs.push(output)
    },
  })
  // One at a time, so that each attempt is the next of the list.
  const { first, outputs } = await openPair(t, app, { deliverTimeoutMs: 100, inFlight: 1 })
  const faults = collect(first, 'fault')
  await give(first, 'one')
  await give(first, 'two')
  const of = (channel: string) => outputs.filter((output) => output.channel === channel).map(textOf)
  await eventually(() => of('well').length === 2, 'the other channel does not wait')
  await eventually(() => of('ill').length === 2, 'the failing channel comes through')
  t.same(of('ill'), ['one', 'two'], 'nothing is lost, nothing is out of order')
  t.same(of('well'), ['one', 'two'])
  t.same(attempts, ['1', '1 again', '1 again', '1 again', '2'])
  t.same(
    faults.map(({ error, channel, frameNo }) => [error.code, channel, frameNo]),
    failures.map(() => ['ERR_HOTPAIR_DELIVER', 'ill', 1]),
  )
  t.match(faults[0]?.error.message, 'it throws')
  t.match(faults[1]?.error.message, 'it rejects')
  t.match(faults[2]?.error.message, 'did not settle within 100 ms')
})

t.test('a state that cannot be cloned is told; when it is mended, they pair', async (t) => {
  const ports = await portsOfPair()
  const outputs: Output[] = []
  interface Odd extends Count {
    helper: (() => void) | undefined
  }
  const app: App<Odd> = {
    ...echo(outputs),
    init: () => ({ count: 0, texts: [], helper: () => {} }),
    process(state, frame, ctx) {
      echo(outputs).process(state, frame, ctx)
      if (text(frame.data) === 'mend') state.helper = undefined
    },
  }
  const first = await open(t, optionsOf('a', ports, app))
  await soon(first.until('primary'), 'member a rules')
  const faults = collect(first, 'fault')
  const second = await open(t, optionsOf('b', ports, app))
  await eventually(() => faults.length >= 2, 'the standby asks again and the reason is told again')
  for (const { error } of faults) {
    t.equal(error.code, 'ERR_HOTPAIR_STATE')
    t.match(error.message, 'cannot be cloned')
  }
  t.equal(second.role, 'loading')
  await give(first, 'one')
  await eventually(() => outputs.length === 1, 'the primary works on alone')
  await give(first, 'mend')
  await soon(second.until('standby'), 'they pair when the state can be cloned')
  t.same(second.read(copy), { count: 2, texts: ['one', 'mend'] })
  const before = faults.length
  await give(first, 'two')
  await eventually(() => outputs.length === 3, 'and work on')
  t.equal(faults.length, before)
})

t.test('a prepare that fails is told, and the member goes on', async (t) => {
  const ports = await portsOfPair()
  const outputs: Output[] = []
  for (const prepare of [
    () => Promise.reject(new Error('no line')),
    () => {
      throw new Error('no line')
    },
  ]) {
    const first = await open(t, optionsOf('a', ports, { ...echo(outputs), prepare }))
    const fault = await nextEvent(first, 'fault')
    t.match(fault.error.message, 'prepare() failed: no line')
    await soon(first.until('primary'), 'it rules')
    await give(first, 'one')
    await first.close()
  }
})

t.test('an init that throws ends the member with a sentence', async (t) => {
  const ports = await portsOfPair()
  const init = () => {
    throw new Error('no such file')
  }
  const first = await open(t, optionsOf('a', ports, { ...echo([]), init }))
  const faults = collect(first, 'fault')
  t.equal(await codeOf(first.until('primary')), 'ERR_HOTPAIR_CLOSED')
  t.match(faults[0]?.error.message, 'no such file')
  t.equal(first.role, 'stopped')
  t.equal(await codeOf(give(first, 'one')), 'ERR_HOTPAIR_CLOSED')
})

/** Hands `data` to a member that rules. */
async function give(
  member: { receive(data: Uint8Array): Promise<unknown> },
  data: string,
): Promise<void> {
  await soon(member.receive(Buffer.from(data)), `input '${data}' is accepted`)
}

function copy({ count, texts }: Count): Count {
  return { count, texts: [...texts] }
}
