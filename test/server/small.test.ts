/**
 * The small parts of the server: queue, pair time, randomness, sources, channels, frame log.
 */

import t from 'tap'
import { Channels } from '#lib/server/channels.js'
import { Held } from '#lib/server/held.js'
import type { Ledger } from '#lib/server/ledger.js'
import { Pace, turnMs } from '#lib/server/pace.js'
import { PairClock } from '#lib/server/pair-clock.js'
import { FrameRandom } from '#lib/server/random.js'
import { Sources } from '#lib/server/sources.js'
import { Deque } from '#lib/sync/deque.js'
import { FrameLog } from '#lib/sync/frame-log.js'
import { historyId, instant, millis } from '#lib/units.js'

const history = historyId('0123456789abcdef0123456789abcdef')

t.test('a queue gives back in order, whatever is put in between', (t) => {
  const queue = new Deque<number>()
  const expected: number[] = []
  let next = 0
  for (let round = 0; round < 400; round += 1) {
    for (let count = 0; count < round % 7; count += 1) {
      queue.push(next)
      expected.push(next)
      next += 1
    }
    for (let count = 0; count < round % 5; count += 1) t.ok(queue.shift() === expected.shift())
    // At each place in turn, the front and the end among them.
    const place = (round * 7) % (expected.length + 2)
    queue.insert(place, -round)
    expected.splice(place, 0, -round)
    if (queue.length !== expected.length) t.fail(`${queue.length}, not ${expected.length}`)
  }
  t.strictSame([...queue], expected)
  t.equal(queue.first, expected[0])
  t.equal(queue.last, expected.at(-1))
  t.equal(queue.at(3), expected[3])
  t.equal(queue.at(queue.length), undefined)
  queue.clear()
  t.strictSame(
    [queue.length, queue.first, queue.last, queue.shift()],
    [0, undefined, undefined, undefined],
  )
  t.end()
})

t.test('a queue that was long for once is short again, and whole', (t) => {
  const queue = new Deque<number>()
  for (let item = 0; item < 20_000; item += 1) queue.push(item)
  for (let item = 0; item < 19_990; item += 1) if (queue.shift() !== item) t.fail(`at ${item}`)
  t.strictSame(
    [...queue],
    [19_990, 19_991, 19_992, 19_993, 19_994, 19_995, 19_996, 19_997, 19_998, 19_999],
  )
  t.end()
})

t.test('pair time begins at the wall clock and never goes back (D5)', (t) => {
  const clock = new PairClock()
  t.equal(clock.last, 0)
  t.equal(clock.stamp(instant(100), 1_000_000.7), 1_000_000)
  t.equal(clock.stamp(instant(200), 1_000_100), 1_000_100)
  t.equal(clock.stamp(instant(200), 900_000), 1_000_100, 'the wall clock went back')
  t.equal(clock.last, 1_000_100)
  t.end()
})

t.test('a wall clock that jumps is followed at 0.5 ms a second', (t) => {
  const clock = new PairClock()
  clock.stamp(instant(0), 1_000_000)
  t.equal(clock.stamp(instant(10_000), 1_015_000), 1_010_005, '5 s ahead: 5 ms after 10 s')
  t.equal(clock.stamp(instant(20_000), 1_015_000), 1_020_000, '5 s behind: back by 5 ms')
  const ahead = clock.stamp(instant(20_000_000), 21_000_000)
  t.equal(ahead, 21_000_000, 'in time it is reached, and not passed')
  t.end()
})

t.test('a new primary goes on from the stamps of the former one', (t) => {
  const clock = new PairClock()
  clock.observe(5_000, instant(100))
  t.equal(clock.stamp(instant(150), 9_000_000), 5_050, 'its own wall clock is an hour ahead')
  const behind = new PairClock()
  behind.observe(5_000, instant(100))
  behind.observe(4_990, instant(101))
  t.equal(behind.last, 5_000, 'an older stamp does not move it back')
  t.equal(behind.stamp(instant(101), 0), 5_000)
  t.end()
})

t.test('after a load it goes on from the stamp of the load', (t) => {
  const clock = new PairClock()
  clock.reset(7_000, instant(50))
  t.equal(clock.stamp(instant(60), 1), 7_009, 'slewed towards its wall clock')
  clock.reset(0, instant(50))
  t.equal(clock.stamp(instant(60), 123_456), 123_456, 'no frame yet: the wall clock')
  t.end()
})

t.test('the numbers of a frame are fixed for ever: another engine draws the same', (t) => {
  const random = new FrameRandom(history, 7)
  t.strictSame(
    [random.random(), random.random(), random.random(), random.random()],
    [0.647394824291823, 0.18082324740549516, 0.4124308986706845, 0.9549826753334107],
  )
  t.equal(random.uuid(), 'aebca971-d2fd-46a1-a18a-77185482df8f')
  const large = new FrameRandom(history, 2 ** 40 + 7)
  t.strictSame([large.random(), large.random()], [0.25154803829739647, 0.3342265852238949])
  const zero = new FrameRandom(historyId('0'.repeat(32)), 0)
  t.strictSame([zero.random(), zero.random()], [0.22070574447598978, 0.9230338222315209])
  t.end()
})

t.test('frames and histories draw different numbers, within bounds', (t) => {
  const firsts = new Set<number>()
  for (let frame = 0; frame < 1_000; frame += 1) {
    const random = new FrameRandom(history, frame)
    for (let count = 0; count < 4; count += 1) {
      const number = random.random()
      if (!(number >= 0 && number < 1)) t.fail(`${number}`)
      if (count === 0) firsts.add(number)
    }
    t.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
  firsts.add(new FrameRandom(historyId('1'.repeat(32)), 0).random())
  t.equal(firsts.size, 1_001)
  t.end()
})

t.test('a source counts without gaps, from where it begins (D3)', (t) => {
  const sources = new Sources(10)
  t.strictSame(sources.classify('s', 40), { type: 'next' }, 'a new one begins where it likes')
  sources.take('s', 40, 1)
  t.strictSame(sources.classify('s', 41), { type: 'next' })
  t.strictSame(sources.classify('s', 42), { type: 'gap', expected: 41 })
  t.strictSame(sources.classify('s', 40), { type: 'known', frameNo: 1, isNewest: true })
  t.strictSame(sources.classify('s', 39), { type: 'known', frameNo: 1, isNewest: false })
  sources.take('s', 41, 9)
  t.strictSame(sources.list(), [{ source: 's', seq: 41, frameNo: 9 }])
  t.end()
})

t.test('at the bound the source that was silent for longest is forgotten, alike on both', (t) => {
  const one = new Sources(2)
  one.take('x', 1, 1)
  one.take('y', 1, 2)
  one.take('x', 2, 3)
  const other = new Sources(2)
  other.reset(one.list().reverse())
  for (const sources of [one, other]) sources.take('z', 1, 4)
  const names = (sources: Sources) =>
    sources
      .list()
      .map(({ source }) => source)
      .sort()
  t.strictSame(names(one), ['x', 'z'])
  t.strictSame(names(other), names(one))
  t.equal(one.size, 2)
  t.end()
})

t.test('channels are counted in the order of their first use, up to the bound', (t) => {
  const channels = new Channels(2)
  t.match(channels.open('x'), { index: 0, name: 'x', produced: 0, sent: 0, firstOfEpoch: 1 })
  t.match(channels.open('y'), { index: 1 })
  t.equal(channels.open('x'), channels.at(0))
  t.equal(channels.open('z'), undefined, 'no room')
  t.equal(channels.at(2), undefined)
  t.strictSame(
    [...channels].map(({ name }) => name),
    ['x', 'y'],
  )
  t.end()
})

t.test('a notice may come before its output is produced here', (t) => {
  const channels = new Channels(1)
  const channel = channels.open('x')
  if (channel === undefined) throw new Error('no channel')
  channels.produce(channel, { frameNo: 1, digest: 11 })
  channels.markSent(channel, 3)
  t.equal(channel.pending.length, 0)
  channels.produce(channel, { frameNo: 2, digest: 12 })
  channels.produce(channel, { frameNo: 3, digest: 13 })
  t.equal(channel.pending.length, 0, 'sent before it was produced')
  channels.produce(channel, { frameNo: 4, digest: 14 })
  t.strictSame([...channel.pending], [{ frameNo: 4, digest: 14 }])
  channels.markSent(channel, 2)
  t.equal(channel.sent, 3, 'never back')
  channels.beginReign()
  t.equal(channel.firstOfEpoch, 4)
  t.strictSame(channels.list(), [{ name: 'x', produced: 4, sent: 3, firstOfEpoch: 4 }])
  channels.reset([{ name: 'y', produced: 9, sent: 7, firstOfEpoch: 5 }])
  t.match(channels.at(0), { name: 'y', produced: 7, sent: 7, firstOfEpoch: 5 })
  t.equal(channels.open('y'), channels.at(0))
  t.end()
})

t.test('a log of frames knows its bytes and finds a frame by its number', (t) => {
  const log = new FrameLog()
  const frame = (frameNo: number) => ({
    frameNo,
    stamp: 0,
    kind: 'input' as const,
    source: 'ab',
    seq: frameNo,
    data: new Uint8Array(100),
  })
  t.equal(log.at(1), undefined)
  for (let frameNo = 5; frameNo < 10; frameNo += 1) log.push(frame(frameNo))
  t.equal(log.length, 5)
  t.equal(log.bytes, 5 * (100 + 2 + 64))
  t.equal(log.at(7)?.frameNo, 7)
  t.equal(log.at(4), undefined)
  t.equal(log.at(10), undefined)
  log.trim(6)
  t.equal(log.first?.frameNo, 7)
  log.trim(3)
  t.equal(log.shift()?.frameNo, 7)
  t.equal(log.bytes, 2 * 166)
  log.clear()
  t.strictSame([log.length, log.bytes, log.shift()], [0, 0, undefined])
  t.end()
})

t.test('a slow program is given fewer frames at once, a fast one no more than 128', (t) => {
  const pace = new Pace({ outboxBytes: 4_000_000, unacknowledgedBytes: 4_000_000 }, {} as Ledger)
  t.equal(pace.mostAtOnce, 16, 'to begin with')
  pace.learn(16, 0, millis(0))
  t.equal(pace.mostAtOnce, 128)
  pace.learn(64, 0, millis(64 * 2))
  t.equal(pace.mostAtOnce, turnMs / 2, '2 ms a frame')
  pace.learn(5, 0, millis(5 * 1_000))
  t.equal(pace.mostAtOnce, 1)
  t.equal(pace.mostATurn, 512, 'what a turn may take follows from the outputs alone')
  t.end()
})

t.test('inputs that are put in front of thousands that came before take no time of note', (t) => {
  const held = new Held(1_000_000_000)
  const refused: Error[] = []
  const hold = (seq: number) => {
    const answer = { resolve: () => {}, reject: (error: Error) => void refused.push(error) }
    held.hold({ data: new Uint8Array(), source: 's', seq, answer }, 's', instant(0))
  }
  const count = 20_000
  for (let seq = count + 1; seq <= 2 * count; seq += 1) hold(seq)
  for (let seq = 1; seq <= count; seq += 1) hold(seq)
  hold(count / 2)
  t.strictSame(refused, [])
  const seqs = held.drain().map(({ seq }) => seq)
  t.equal(seqs.length, 2 * count, 'a second copy is answered with the first')
  t.ok(seqs.every((seq, index) => seq === index + 1))
  t.end()
})
