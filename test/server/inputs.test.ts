/**
 * Inputs on their way in: the intake of a primary, and the copies that another member holds.
 */

import t from 'tap'
import { Held } from '#lib/server/held.js'
import { type Input, Intake, type Received } from '#lib/server/intake.js'
import { instant } from '#lib/units.js'

/** An input whose answer is written down. */
class Asked implements Input {
  readonly data: Uint8Array
  readonly source: string | undefined
  readonly seq: number
  readonly said: (Received | Error)[] = []
  readonly answer = {
    resolve: (received: Received): void => {
      this.said.push(received)
    },
    reject: (error: Error): void => {
      this.said.push(error)
    },
  }

  constructor(source: string | undefined, seq: number, size = 8) {
    this.source = source
    this.seq = seq
    this.data = new Uint8Array(size)
  }
}

const now = instant(0)
const keys = (inputs: readonly Input[]) => inputs.map(({ source, seq }) => `${source}${seq}`)

// ---- the intake of a primary ----

t.test('an input is answered when its frame is committed, in order', (t) => {
  const intake = new Intake(10_000)
  const inputs = [new Asked('s', 1), new Asked('s', 2)]
  for (const input of inputs) intake.push(input)
  t.equal(intake.waitingCount, 2)
  t.equal(intake.waitingBytes, 2 * (8 + 128))
  for (const [index, input] of inputs.entries()) {
    t.equal(intake.shift(), input)
    intake.await(input, index + 5)
  }
  t.equal(intake.shift(), undefined)
  t.equal(intake.waitingBytes, 0)
  intake.commit(4, 101)
  t.strictSame(inputs[0]?.said, [])
  intake.commit(5, 101)
  t.strictSame(inputs[0]?.said, [{ frameNo: 5, epoch: 101, duplicate: false }])
  t.strictSame(inputs[1]?.said, [])
  intake.commit(9, 103)
  t.strictSame(inputs[1]?.said, [{ frameNo: 6, epoch: 103, duplicate: false }])
  t.end()
})

t.test('a duplicate waits until what it repeats is committed', (t) => {
  const intake = new Intake(10_000)
  const first = new Asked('s', 1)
  const again = new Asked('s', 1)
  const older = new Asked('s', 0)
  intake.await(first, 5)
  intake.awaitDuplicate(again, 5, true)
  intake.awaitDuplicate(older, 5, false)
  t.strictSame(again.said, [])
  intake.commit(5, 101)
  t.strictSame(again.said, [{ frameNo: 5, epoch: 101, duplicate: true }])
  t.strictSame(older.said, [{ frameNo: undefined, epoch: 101, duplicate: true }])
  t.end()
})

t.test('above the bound an input is refused whole, and the queue is as before', (t) => {
  const intake = new Intake(300)
  const taken = new Asked(undefined, 0, 100)
  const refused = new Asked(undefined, 0, 100)
  intake.push(taken)
  intake.push(refused)
  t.match(refused.said, [{ code: 'ERR_HOTPAIR_QUEUE_FULL', message: /300 bytes/ }])
  t.strictSame(taken.said, [])
  t.equal(intake.waitingCount, 1)
  intake.shift()
  intake.push(new Asked(undefined, 0, 100))
  t.equal(intake.waitingCount, 1, 'there is room again')
  t.end()
})

t.test('what is not answered can be taken out, the oldest first', (t) => {
  const intake = new Intake(10_000)
  const [numbered, waiting] = [new Asked('s', 1), new Asked('s', 2)]
  intake.push(numbered)
  intake.push(waiting)
  intake.shift()
  intake.await(numbered, 1)
  t.strictSame(intake.drain(), [numbered, waiting])
  t.strictSame(intake.drain(), [])
  t.equal(intake.waitingBytes, 0)
  intake.commit(9, 101)
  t.strictSame(numbered.said, [], 'it is the caller who answers now')
  t.end()
})

// ---- copies held by another member ----

function holding(...inputs: readonly Asked[]): Held {
  const held = new Held(100_000)
  for (const input of inputs) held.hold(input, input.source ?? '', now)
  return held
}

t.test('a copy is answered when its twin is announced, and older ones with it', (t) => {
  const inputs = [new Asked('s', 1), new Asked('s', 2), new Asked('s', 3)]
  const held = holding(...inputs)
  held.announced('s', 2, 9, 101)
  t.strictSame(inputs[0]?.said, [{ frameNo: undefined, epoch: 101, duplicate: true }])
  t.strictSame(inputs[1]?.said, [{ frameNo: 9, epoch: 101, duplicate: false }])
  t.strictSame(inputs[2]?.said, [])
  held.announced('s', 3, 10, 101)
  t.equal(held.bytes, 0)
  held.announced('s', 4, 11, 101)
  held.announced('other', 1, 12, 101)
  t.equal(inputs[2]?.said.length, 1)
  t.end()
})

t.test('a second copy is answered with the first, and the source goes on after it', (t) => {
  const [first, second, third] = [new Asked('s', 1), new Asked('s', 2), new Asked('s', 3)]
  const [again, after] = [new Asked('s', 1), new Asked('s', 4)]
  const held = holding(first, second, third, again, after)
  t.strictSame(after.said, [], 'a retry is no step back')
  held.announced('s', 1, 7, 101)
  t.strictSame(first.said, [{ frameNo: 7, epoch: 101, duplicate: false }])
  t.strictSame(again.said, first.said)
  t.strictSame(keys(held.drain()), ['s2', 's3', 's4'])
  t.equal(held.bytes, 0)
  t.end()
})

t.test('second copies count against the bound, too', (t) => {
  const held = new Held(1_000)
  const copies = Array.from({ length: 10 }, () => new Asked('s', 1))
  for (const copy of copies) held.hold(copy, 's', now)
  t.ok(held.bytes <= 1_000)
  t.match(copies.at(-1)?.said, [{ code: 'ERR_HOTPAIR_QUEUE_FULL' }])
  held.refused('s', 1, new Error('no'))
  t.equal(held.bytes, 0)
  t.match(copies[1]?.said, [{ message: 'no' }])
  t.end()
})

t.test('one that comes late is put in its place', (t) => {
  const held = holding(new Asked('s', 7), new Asked('x', 1), new Asked('s', 6), new Asked('s', 8))
  t.strictSame(keys(held.drain()), ['s6', 'x1', 's7', 's8'])
  t.end()
})

t.test('a gap is refused with the number that is next (D3)', (t) => {
  const skipped = new Asked('s', 3)
  holding(new Asked('s', 1), skipped)
  t.match(skipped.said, [{ code: 'ERR_HOTPAIR_INPUT_GAP', expectedSeq: 2 }])
  t.end()
})

t.test('above the bound a copy is refused, whatever its source', (t) => {
  const held = new Held(500)
  held.hold(new Asked('s', 1, 100), 's', now)
  const refused = new Asked('x', 1, 200)
  held.hold(refused, 'x', now)
  t.match(refused.said, [{ code: 'ERR_HOTPAIR_QUEUE_FULL' }])
  t.end()
})

t.test('what the primary refuses is refused here; what it does not speak of stays', (t) => {
  const [first, second] = [new Asked('s', 1), new Asked('s', 2)]
  const held = holding(first, second)
  held.refused('s', 2, new Error('not the first'))
  held.refused('x', 1, new Error('unknown'))
  t.strictSame(second.said, [])
  held.refused('s', 1, new Error('no'))
  t.match(first.said, [{ message: 'no' }])
  t.strictSame(keys(held.drain()), ['s2'])
  t.end()
})

t.test('what has waited for a window is forwarded, once a window and in parts (D2)', (t) => {
  const held = new Held(10_000)
  held.hold(new Asked('s', 1), 's', instant(0))
  held.hold(new Asked('s', 2), 's', instant(10))
  held.hold(new Asked('x', 1), 'x', instant(20))
  const due = (before: number, at: number, most = 10_000) =>
    keys(held.overdue(instant(before), instant(at), most))
  t.strictSame(due(0, 100), ['s1'])
  t.strictSame(due(50, 150), ['s2', 'x1'], 'one that was just forwarded is on its way before')
  t.strictSame(due(120, 200), ['s1'])
  t.strictSame(due(160, 210), ['s2', 'x1'])
  t.strictSame(due(160, 210), [])
  t.strictSame(due(300, 400, 300), ['s1', 's2'], 'about as many bytes as are asked for')
  t.strictSame(due(300, 410, 300), ['x1'])
  t.end()
})
