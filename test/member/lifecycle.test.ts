/**
 * Opening, watching and closing members: what a user holds must end when he ends it, and no sooner.
 *
 * Signals, events, waiting, the stream of inputs, reading the state, disposing; and that many
 * openings in a row leave nothing behind: no descriptor, no timer, no port.
 */

import { readdirSync } from 'node:fs'
import { type Member, type Output, openMember, type PairEvent } from 'hotpair'
import t from 'tap'
import {
  type Count,
  codeOf,
  collect,
  echo,
  eventually,
  open,
  openPair,
  optionsOf,
  portsOfPair,
  soon,
  textOf,
} from './support.js'

const bytes = (text: string) => Buffer.from(text)

t.test('who awaits openMember hears everything from the first event on', async (t) => {
  const { a, b } = await portsOfPair()
  const first = await open(t, optionsOf('a', { a, b }, echo([])))
  const events = collect(first, 'role')
  await soon(first.until('primary'), 'it rules')
  t.match(events, [{ role: 'primary', from: 'starting', cause: 'first-up', verdict: undefined }])
  t.equal(first.epoch, events[0]?.epoch)
  t.equal(first.history, events[0]?.history)
  t.equal(first.mode, 'solo')
})

t.test('a signal that has aborted opens nothing', async (t) => {
  const ports = await portsOfPair()
  const reason = new Error('not wanted')
  const signal = AbortSignal.abort(reason)
  const error = await openMember(optionsOf('a', ports, echo([]), { signal })).catch((e) => e)
  t.equal(error, reason)
  await open(t, optionsOf('a', ports, echo([])))
})

t.test('a signal that aborts while opening leaves nothing open', async (t) => {
  const ports = await portsOfPair()
  const aborter = new AbortController()
  const opening = openMember(optionsOf('a', ports, echo([]), { signal: aborter.signal }))
  aborter.abort(new Error('not wanted'))
  await t.rejects(soon(opening, 'it is told'), { message: 'not wanted' })
  await open(t, optionsOf('a', ports, echo([])))
})

t.test('a signal that aborts later closes the member', async (t) => {
  const ports = await portsOfPair()
  const aborter = new AbortController()
  const first = await open(t, optionsOf('a', ports, echo([]), { signal: aborter.signal }))
  aborter.abort()
  await soon(first.close(), 'it is closed')
  t.equal(first.role, 'stopped')
  await open(t, optionsOf('a', ports, echo([])))
})

t.test('close is one promise for all, at once after opening and in any role', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([])))
  const closed = first.close()
  t.equal(first.close(), closed)
  t.equal(first[Symbol.asyncDispose](), closed)
  await soon(closed, 'a member that has just been opened is closed')
  t.equal(first.role, 'stopped')
  t.equal(first.status().role, 'stopped', 'status can be asked for afterwards')
  await soon(first.close(), 'closing again is nothing')
})

t.test('await using closes at the end of the block', async (t) => {
  const ports = await portsOfPair()
  let kept: Member<Count> | undefined
  {
    await using member = await openMember(optionsOf('a', ports, echo([])))
    kept = member
    t.equal(member.role, 'starting')
  }
  t.equal(kept.role, 'stopped')
})

t.test('until resolves, aborts, and ends with the member', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([])))
  await soon(first.until('ruled'), 'it rules, so somebody does')
  await soon(first.until('primary'), 'what is reached is reached at once')
  const aborter = new AbortController()
  const paired = first.until('paired', { signal: aborter.signal })
  aborter.abort(new Error('waited long enough'))
  await t.rejects(paired, { message: 'waited long enough' })
  const gone = AbortSignal.abort(new Error('gone'))
  await t.rejects(first.until('paired', { signal: gone }), { message: 'gone' })
  const never = codeOf(first.until('standby'))
  await first.close()
  t.equal(await never, 'ERR_HOTPAIR_CLOSED')
  t.equal(await codeOf(first.until('standby')), 'ERR_HOTPAIR_CLOSED')
})

t.test('a standby sees that somebody rules, and its pair whole', async (t) => {
  const { second } = await openPair(t, echo)
  await soon(second.until('ruled'), 'the other rules')
  await soon(second.until('paired'), 'the pair is whole')
})

t.test('events come in order, and end with the member', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([])))
  const read: PairEvent[] = []
  const reading = (async () => {
    for await (const event of first.events()) read.push(event)
  })()
  await soon(first.until('primary'), 'it rules')
  await first.close()
  await soon(reading, 'the reader is done')
  t.same(
    read.map((event) => (event.type === 'role' ? event.role : event.type)),
    ['primary', 'mode', 'stopped'],
  )
  const after: PairEvent[] = []
  for await (const event of first.events()) after.push(event)
  t.same(after, [], 'there are none afterwards')
})

t.test('events end with their signal or their reader', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([])))
  const aborter = new AbortController()
  const reading = (async () => {
    for await (const _ of first.events({ signal: aborter.signal })) aborter.abort()
    return 'done'
  })()
  const waiting = (async () => {
    for await (const event of first.events()) return event.type
    return 'none'
  })()
  t.equal(await soon(reading, 'the signal ends it'), 'done')
  t.equal(await soon(waiting, 'the reader ends it'), 'role')
  for await (const _ of first.events({ signal: AbortSignal.abort() })) t.fail('it has aborted')
})

t.test('a reader that sleeps loses the oldest events and no memory', async (t) => {
  const app = (outputs: Output[]) => ({
    ...echo(outputs),
    process: () => {
      throw new Error('every time')
    },
  })
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, app([])))
  await soon(first.until('primary'), 'it rules')
  const events = first.events()[Symbol.asyncIterator]()
  // The first step begins the reading; the buffer is filled while nobody takes another.
  const begun = events.next()
  for (let count = 0; count < 1_100; count += 1) await first.receive(bytes('x'))
  t.match(await begun, { value: { type: 'fault', frameNo: 1 } })
  const { value } = await events.next()
  t.equal(value?.type === 'fault' && value.frameNo, 101, 'the last 1,000 of 1,100 are kept')
  await events.return?.()
})

t.test('a listener that was taken off hears nothing', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([])))
  const listener = () => t.fail('it was taken off')
  first.on('role', listener).off('role', listener).off('mode', listener)
  await soon(first.until('primary'), 'it rules')
})

t.test('intake takes a stream on both members, and tells what was refused', async (t) => {
  const { first, second, outputs } = await openPair(t, echo)
  const streams = [first, second].map((member) => member.intake({ highWaterMark: 4 }))
  for (const stream of streams) {
    for (let seq = 0; seq < 100; seq += 1) stream.write({ data: bytes(`${seq}`), source: 's', seq })
  }
  const done = streams.map((stream) => new Promise<void>((resolve) => stream.end(resolve)))
  await soon(Promise.all(done), 'both streams are through')
  t.equal(
    first.read((state) => state.count),
    100,
    'when the stream has finished, all is accepted',
  )
  await eventually(() => outputs.length === 100, 'each has its output once')
  t.same(
    outputs.map(textOf),
    Array.from({ length: 100 }, (_, seq) => `${seq}`),
  )
  const broken = first.intake()
  const failed = new Promise<unknown>((resolve) => broken.once('error', resolve))
  broken.write({ data: bytes('x'), source: 's', seq: 200 })
  t.match(await soon(failed, 'a gap is told'), { code: 'ERR_HOTPAIR_INPUT_GAP', expectedSeq: 100 })
})

t.test('read shows the state and its frame on both, and nothing before there is one', async (t) => {
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([])))
  t.equal(
    first.read(() => 'a state'),
    undefined,
  )
  await soon(first.until('primary'), 'it rules')
  await first.receive(bytes('one'))
  t.same(
    first.read((state, frameNo) => [state.texts.length, frameNo]),
    [1, 1],
  )
  t.throws(
    () =>
      first.read(() => {
        throw new Error('in the reader')
      }),
    { message: 'in the reader' },
  )
})

t.test('two pairs live in one process', async (t) => {
  const [one, two] = await Promise.all([
    openPair(t, echo, { pair: 'one' }),
    openPair(t, echo, { pair: 'two' }),
  ])
  await one.first.receive(bytes('of one'))
  await two.first.receive(bytes('of two'))
  await soon(one.first.close(), 'one primary is closed')
  await soon(one.second.until('primary'), 'its standby rules')
  await one.second.receive(bytes('of one'))
  t.equal(two.first.mode, 'paired', 'the other pair has seen nothing')
  await two.first.receive(bytes('of two'))
  await eventually(() => one.outputs.length + two.outputs.length === 4, 'four outputs')
  t.same([...one.outputs, ...two.outputs].map(textOf), ['of one', 'of one', 'of two', 'of two'])
})

t.test('fifty openings leave no descriptor, no timer and no port behind', async (t) => {
  const ports = await portsOfPair()
  const descriptors = () => readdirSync('/proc/self/fd').length
  const resources = () => process.getActiveResourcesInfo().toSorted()
  const once = async () => {
    const member = await openMember(optionsOf('a', ports, echo([])))
    await member.close()
  }
  // The first ones start what stays: the beat thread and the pool of Node.
  await once()
  await once()
  const before = { descriptors: descriptors(), resources: resources() }
  for (let count = 0; count < 50; count += 1) await once()
  t.equal(descriptors(), before.descriptors, 'descriptors')
  t.same(resources(), before.resources, 'handles')
})
