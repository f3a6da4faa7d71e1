/**
 * Inputs that are refused: too large, malformed, out of order, too many, too late. Each rejection
 * has a code, nothing is half accepted, and the same (source, seq) is taken when it comes again.
 */

import { type App, InputError, type Output } from 'hotpair'
import t from 'tap'
import {
  type Count,
  codeOf,
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

t.test('an input that is no input is refused, and nothing of it is taken', async (t) => {
  const { first, second, outputs } = await openPair(t, echo, { limits: { inputBytes: 8 } })
  const id = { source: 's', seq: 1 }
  const rows: [unknown, unknown, string][] = [
    ['text', id, 'ERR_HOTPAIR_INPUT'],
    [undefined, id, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: '', seq: 1 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: 'x'.repeat(513), seq: 1 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: 'half \ud83d', seq: 1 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: 's', seq: -1 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: 's', seq: 1.5 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: 's', seq: 2 ** 48 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { source: 's' }, 'ERR_HOTPAIR_INPUT'],
    [bytes('x'), { seq: 1 }, 'ERR_HOTPAIR_INPUT'],
    [bytes('123456789'), id, 'ERR_HOTPAIR_INPUT_TOO_LARGE'],
  ]
  for (const member of [first, second]) {
    for (const [data, given, code] of rows) {
      // As from JavaScript.
      t.equal(await codeOf(member.receive(data as never, given as never)), code)
    }
  }
  const [one, two] = await soon(
    Promise.all([first.receive(bytes('12345678'), id), second.receive(bytes('12345678'), id)]),
    'the right one is taken by both, under the number that was refused before',
  )
  t.equal(one.frameNo, 1)
  t.equal(two.frameNo, 1)
  await eventually(() => outputs.length === 1, 'it is answered once')
})

t.test('a gap is refused with the number that is expected', async (t) => {
  const { first, second, outputs } = await openPair(t, echo)
  const give = (seq: number) => first.receive(bytes(`${seq}`), { source: 's', seq })
  await soon(give(5), 'the first of a source is taken as it comes')
  const error = await give(7).catch((error: unknown) => error)
  t.ok(error instanceof InputError)
  if (error instanceof InputError) {
    t.equal(error.code, 'ERR_HOTPAIR_INPUT_GAP')
    t.equal(error.expectedSeq, 6)
    t.match(error.message, 'source "s" sent 7 where 6 is next')
  }
  t.equal((await give(6)).duplicate, false)
  t.equal((await give(7)).duplicate, false)
  t.equal((await give(6)).duplicate, true, 'what was accepted is accepted again')
  const known = await soon(
    second.receive(bytes('7'), { source: 's', seq: 7 }),
    'the standby knows it',
  )
  t.same([known.duplicate, known.frameNo], [true, 3])
  const old = await soon(first.receive(bytes('x'), { source: 's', seq: 0 }), 'an old one is known')
  t.same([old.duplicate, old.frameNo], [true, undefined], 'its frame is forgotten')
  await eventually(() => outputs.length === 3, 'three outputs')
  t.same(outputs.map(textOf), ['5', '6', '7'])
})

t.test('a standby takes only what has an identity', async (t) => {
  const { first, second } = await openPair(t, echo)
  t.equal(await codeOf(second.receive(bytes('x'))), 'ERR_HOTPAIR_NOT_PRIMARY')
  const { frameNo } = await soon(first.receive(bytes('x')), 'the primary takes it')
  t.equal(frameNo, 1)
})

t.test('an input that only the standby was given reaches the primary after a window', async (t) => {
  const { second, outputs } = await openPair(t, echo)
  const received = await soon(
    second.receive(bytes('one'), { source: 's', seq: 1 }),
    'it is forwarded and accepted',
  )
  t.equal(received.frameNo, 1)
  await eventually(() => outputs.length === 1, 'its output arrives')
  const gap = await second.receive(bytes('three'), { source: 's', seq: 3 }).catch((e: unknown) => e)
  t.ok(gap instanceof InputError && gap.code === 'ERR_HOTPAIR_INPUT_GAP', `${gap}`)
  if (gap instanceof InputError) t.equal(gap.expectedSeq, 2)
})

t.test('a full queue refuses, and takes the same inputs when there is room', async (t) => {
  const { first, second, outputs } = await openPair(t, echo, { limits: { queueBytes: 4_096 } })
  const data = Buffer.alloc(1_000, 'x')
  // In one turn, before any of them can be numbered.
  const given = (member: typeof first, source: string) =>
    Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        codeOf(member.receive(data, { source, seq: index + 1 })),
      ),
    )
  for (const member of [first, second]) {
    const source = member === first ? 'one' : 'two'
    const answers = await given(member, source)
    const refused = answers.filter((answer) => answer === 'ERR_HOTPAIR_QUEUE_FULL').length
    t.equal(refused, 5, `3 times 1,000 bytes and their bookkeeping fit on member ${source}`)
    for (let seq = 4; seq <= 8; seq += 1) {
      const received = await soon(member.receive(data, { source, seq }), `input ${seq} is taken`)
      t.equal(received.duplicate, false, `input ${seq} had not been taken before`)
    }
  }
  await eventually(() => outputs.length === 16, 'each input has its output, once')
  t.equal(second.status().counts.heldBytes, 0, 'nothing stays held')
})

t.test('a deliver that stands still stops the intake within its bound', async (t) => {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const app = (outputs: Output[]): App<Count> => ({
    ...echo(outputs),
    process: (_, frame, ctx) => ctx.send(frame.data),
    deliver: async (output) => {
      await opened
      outputs.push(output)
    },
  })
  const limits = { outboxBytes: 2 * 1_048_576, queueBytes: 65_536, inputBytes: 16_384 }
  const { first, outputs } = await openPair(t, app, { limits })
  const give = (seq: number) => codeOf(first.receive(Buffer.alloc(16_384), { source: 's', seq }))
  const given: Promise<unknown>[] = []
  // An input that still waits in the next turn is one that the intake does not take.
  while (first.status().counts.waiting === 0) {
    await given.at(-1)
    given.push(give(given.length + 1))
    await new Promise((turn) => setImmediate(turn))
  }
  const accepted = given.length - 1
  const { outboxBytes } = first.status().counts
  t.ok(outboxBytes <= limits.outboxBytes, `the outbox holds ${outboxBytes} bytes`)
  t.ok(accepted > 16, `${accepted} inputs were accepted before the intake waited`)
  for (let more = 0; more < 8; more += 1) given.push(give(given.length + 1))
  t.equal(await given.at(-1), 'ERR_HOTPAIR_QUEUE_FULL', 'and then the queue is full')
  open()
  const answers = await soon(Promise.all(given), 'those that waited are answered')
  const taken = answers.filter((answer) => typeof answer === 'object').length
  t.ok(taken > accepted, `${taken} of ${given.length} were accepted in the end`)
  await eventually(() => outputs.length === taken, 'every accepted one has its output')
  t.same(
    outputs.map(({ number }) => number),
    outputs.map((_, index) => index + 1),
    'in order and without a gap',
  )
})

t.test('a closing member refuses; what it held is refused with the same code', async (t) => {
  const { first, second } = await openPair(t, echo)
  // The primary never gets this one before the standby closes.
  const held = codeOf(second.receive(bytes('x'), { source: 's', seq: 1 }))
  const closed = second.close()
  t.equal(await held, 'ERR_HOTPAIR_CLOSED')
  t.equal(await codeOf(second.receive(bytes('x'), { source: 's', seq: 1 })), 'ERR_HOTPAIR_CLOSED')
  await soon(closed, 'the standby is closed')
  const { duplicate } = await soon(
    first.receive(bytes('x'), { source: 's', seq: 1 }),
    'the primary takes the same input',
  )
  t.equal(duplicate, false)
})

t.test('a member that looks for the other holds inputs until somebody rules', async (t) => {
  const ports = await portsOfPair()
  const outputs: Output[] = []
  const first = await open(t, optionsOf('a', ports, echo(outputs)))
  t.equal(first.role, 'starting')
  t.equal(await codeOf(first.receive(bytes('x'))), 'ERR_HOTPAIR_NOT_PRIMARY')
  const { frameNo } = await soon(
    first.receive(bytes('one'), { source: 's', seq: 1 }),
    'it is taken when the member rules',
  )
  t.equal(frameNo, 1)
  t.equal(first.role, 'primary')
})
