/**
 * The receiver's helper: which verdict each envelope gets, and what stands behind the helper after
 * any mixture of repeats, late halves, takeovers and restarts of the receiver.
 */

import fc from 'fast-check'
import t from 'tap'
import { checksum, createReceiver, type Envelope, type Verdict } from '#lib/receiver.js'

const history = 'a'.repeat(32)
const later = 'b'.repeat(32)

// One envelope; the bytes follow the number, as they do where nothing forked.
function output(number: number, fields: Partial<Envelope> = {}): Envelope {
  const data = new TextEncoder().encode(`output ${number}`)
  const digest = checksum(data)
  const epoch = { epoch: 5, firstOfEpoch: 1 }
  return { pair: 'p', history, channel: 'c', number, data, digest, ...epoch, ...fields }
}

const isNew: Verdict = { type: 'new', formerHistory: undefined }
const isKnown: Verdict = { type: 'known', isCompared: true }

t.test('numbers are new in order, and known ever after', async (t) => {
  const receiver = createReceiver()
  t.strictSame(receiver.take(output(1)), isNew)
  t.strictSame(receiver.take(output(2)), isNew)
  t.strictSame(receiver.take(output(1)), isKnown)
  t.strictSame(receiver.take(output(2, { isRepeat: true })), isKnown)
  t.strictSame(receiver.take(output(3)), isNew)
})

t.test('a number out of order is a gap, and is new when its turn comes', async (t) => {
  const receiver = createReceiver()
  receiver.take(output(1))
  t.strictSame(receiver.take(output(3)), { type: 'gap', expected: 2 })
  t.strictSame(receiver.take(output(2)), isNew)
  t.strictSame(receiver.take(output(3)), isNew)
})

t.test('channels and pairs count by themselves', async (t) => {
  const receiver = createReceiver()
  t.strictSame(receiver.take(output(1)), isNew)
  t.strictSame(receiver.take(output(1, { channel: 'd' })), isNew)
  t.strictSame(receiver.take(output(1, { pair: 'q' })), isNew)
  t.strictSame(receiver.take(output(2)), isNew)
})

t.test('names that run into each other stay apart', async (t) => {
  const receiver = createReceiver()
  t.strictSame(receiver.take(output(1, { pair: 'x y', channel: 'z' })), isNew)
  t.strictSame(receiver.take(output(1, { pair: 'x', channel: 'y z' })), isNew)
})

t.test('the late half of a former epoch is taken below the first number of the next', async (t) => {
  const receiver = createReceiver()
  receiver.take(output(1))
  const next = { epoch: 6, firstOfEpoch: 3 }
  t.strictSame(receiver.take(output(3, next)), { type: 'gap', expected: 2 })
  t.strictSame(receiver.take(output(2)), isNew, 'number 2 of epoch 5 came late and counts')
  t.strictSame(receiver.take(output(3)), { type: 'stale', epoch: 6 }, 'number 3 is of epoch 6')
  t.strictSame(receiver.take(output(3, next)), isNew)
  t.strictSame(receiver.take(output(3)), { type: 'stale', epoch: 6 }, 'the same bytes are no help')
  t.strictSame(receiver.take(output(2)), isKnown)
})

t.test('the first number of an epoch is per channel', async (t) => {
  const receiver = createReceiver()
  receiver.take(output(1))
  receiver.take(output(1, { channel: 'd' }))
  receiver.take(output(2, { epoch: 6, firstOfEpoch: 2 }))
  t.strictSame(receiver.take(output(2, { channel: 'd' })), isNew)
})

t.test('other bytes under a known number are a fork, reported once', async (t) => {
  const receiver = createReceiver()
  for (const n of [1, 2, 3]) receiver.take(output(n))
  const other = { epoch: 6, firstOfEpoch: 2, digest: 99 }
  const fork = { type: 'fork', digest: output(2).digest }
  t.strictSame(receiver.take(output(2, other)), fork)
  t.strictSame(receiver.take(output(2, other)), isKnown)
  t.strictSame(receiver.take(output(4, { epoch: 6, firstOfEpoch: 2 })), isNew)
})

t.test('a digest that is no longer remembered is not compared, and says so', async (t) => {
  const receiver = createReceiver({ keep: 2 })
  for (const n of [1, 2, 3]) receiver.take(output(n))
  t.strictSame(receiver.take(output(1)), { type: 'known', isCompared: false })
  t.strictSame(receiver.take(output(2)), isKnown)
  t.match(receiver.take(output(2, { digest: 99 })), { type: 'fork' })
})

t.test('a history that follows another one is reported once and counts from 1', async (t) => {
  const receiver = createReceiver()
  for (const n of [1, 2, 3]) receiver.take(output(n))
  const anew = { history: later, epoch: 8 }
  t.strictSame(receiver.take(output(1, anew)), { type: 'new', formerHistory: history })
  t.strictSame(receiver.take(output(2, anew)), isNew)
  t.strictSame(receiver.take(output(1, { ...anew, channel: 'd' })), isNew)
  t.strictSame(receiver.take(output(2)), isKnown, 'the former one still has its numbers')
})

t.test('an unknown channel begins with 1, or where it is asked to, anywhere', async (t) => {
  t.strictSame(createReceiver().take(output(7)), { type: 'gap', expected: 1 })
  const receiver = createReceiver({ begin: 'any' })
  t.strictSame(receiver.take(output(7)), isNew)
  t.strictSame(receiver.take(output(6)), { type: 'known', isCompared: false })
  t.strictSame(receiver.take(output(9)), { type: 'gap', expected: 8 })
})

t.test('positions go through JSON and go on exactly', async (t) => {
  const first = createReceiver({ keep: 3 })
  for (const n of [1, 2, 3, 4]) first.take(output(n))
  first.take(output(6, { epoch: 6, firstOfEpoch: 6 }))
  first.take(output(1, { channel: 'd' }))
  const kept = JSON.parse(JSON.stringify(first.positions()))
  const second = createReceiver({ keep: 3, positions: kept })
  t.strictSame(second.positions(), first.positions())
  t.strictSame(second.take(output(1)), { type: 'known', isCompared: false })
  t.match(second.take(output(2, { digest: 99 })), { type: 'fork' })
  t.strictSame(second.take(output(6)), { type: 'stale', epoch: 6 })
  t.strictSame(second.take(output(5)), isNew)
  const fewer = createReceiver({ keep: 1, positions: kept })
  t.strictSame(fewer.take(output(3)), { type: 'known', isCompared: false })
})

t.test('beyond its bound the position unused for longest is forgotten', async (t) => {
  const receiver = createReceiver({ maxPositions: 2 })
  receiver.take(output(1, { channel: 'x' }))
  receiver.take(output(1, { channel: 'y' }))
  receiver.take(output(1, { channel: 'x' }))
  receiver.take(output(1, { channel: 'z' }))
  t.same(
    receiver.positions().map(({ channel }) => channel),
    ['x', 'z'],
  )
  t.strictSame(receiver.take(output(2, { channel: 'x' })), isNew)
  t.strictSame(receiver.take(output(2, { channel: 'y' })), { type: 'gap', expected: 1 })
})

t.test('options, positions and envelopes out of bounds are refused', async (t) => {
  const config = { code: 'ERR_HOTPAIR_CONFIG' }
  for (const keep of [0, 4097, 1.5]) t.throws(() => createReceiver({ keep }), config)
  t.throws(() => createReceiver({ maxPositions: 0 }), config)
  const begin = JSON.parse('"two"')
  t.throws(() => createReceiver({ begin }), config)
  const position = { pair: 'p', history, channel: 'c', last: 2, epoch: 5, firstOfEpoch: 1 }
  t.throws(() => createReceiver({ positions: [{ ...position, last: 0, digests: [] }] }), config)
  t.throws(() => createReceiver({ positions: [{ ...position, digests: [-1] }] }), config)
  const envelope = { code: 'ERR_HOTPAIR_ENVELOPE' }
  t.throws(() => createReceiver().take(output(0)), envelope)
  t.throws(() => createReceiver().take(output(1, { history: 'A'.repeat(32) })), envelope)
  t.throws(() => createReceiver().take(output(1, { firstOfEpoch: 2 })), envelope)
})

// What a pair may put on the wire: each reign sends on, in order, from at most what is confirmed,
// with repeats; the connection of each former reign may still deliver a part of its own, late.
interface Arrival {
  readonly reign: number
  readonly from: number
  readonly count: number
  readonly restarts: boolean
}

t.test('behind the helper a channel is one stream, whatever arrives how often', async (t) => {
  const arrival = fc.record({
    reign: fc.nat({ max: 4 }),
    from: fc.nat({ max: 6 }),
    count: fc.nat({ max: 6 }),
    restarts: fc.boolean(),
  })
  const seen = { new: 0, known: 0, gap: 0, stale: 0, fork: 0 }
  const run = (arrivals: readonly Arrival[]) => {
    let receiver = createReceiver()
    const handedOn: number[] = []
    const firsts: number[] = []
    for (const { reign, from, count, restarts } of arrivals) {
      // A reign may only begin where everything before is confirmed, as the pair's notices say.
      const first = firsts[reign] ?? Math.max(1, handedOn.length + 1 - from)
      firsts[reign] = first
      for (let n = first + from; n < first + from + count; n++) {
        const verdict = receiver.take(output(n, { epoch: reign, firstOfEpoch: first }))
        seen[verdict.type]++
        if (verdict.type === 'new') handedOn.push(n)
        if (verdict.type === 'gap') t.equal(verdict.expected, handedOn.length + 1)
      }
      if (restarts) receiver = createReceiver({ positions: receiver.positions() })
    }
    t.same(
      handedOn,
      Array.from(handedOn, (_, index) => index + 1),
    )
  }
  fc.assert(fc.property(fc.array(arrival, { maxLength: 30 }), run), { numRuns: 500, seed: 11 })
  t.equal(seen.fork, 0)
  for (const type of ['new', 'known', 'gap', 'stale'] as const) {
    t.ok(seen[type] > 100, `${type} was met ${seen[type]} times`)
  }
})
