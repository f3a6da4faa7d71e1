/**
 * The marks of what was begun and sent, as JavaScript writes them for the unit to read.
 */

import t from 'tap'
import type { SentMarksFacts } from '#lib/native/binding-heartbeat.js'
import { loadBinding } from '#lib/native/load.js'
import { readPeerMarks, SentMarks } from '#lib/native/sent-marks.js'
import { mostLanes } from '#lib/server/in-doubt.js'

const facts: SentMarksFacts = loadBinding().facts.sentMarks
const bytes = facts.lane + facts.laneBytes * facts.mostLanes

function open() {
  const buffer = new ArrayBuffer(bytes)
  const data = new DataView(buffer)
  const number = (at: number) => data.getFloat64(at, true)
  const lane = (index: number) => {
    const at = facts.lane + index * facts.laneBytes
    return { begun: number(at + facts.begun), sent: number(at + facts.sent) }
  }
  const marks = new SentMarks(buffer, facts)
  return { marks, lane, epoch: () => number(facts.epoch), lanes: () => number(facts.lanes) }
}

t.test('both sides know the same bound', async (t) => {
  t.equal(mostLanes, facts.mostLanes)
})

t.test('a reign begins with what was sent before it', async (t) => {
  const { marks, lane, epoch, lanes } = open()
  marks.reign(1001, [4, 7])
  t.equal(epoch(), 1001)
  t.equal(lanes(), 2)
  t.same(lane(0), { begun: 4, sent: 4 })
  t.same(lane(1), { begun: 7, sent: 7 })
})

t.test('begun goes up only, and what goes on keeps it under its new epoch', async (t) => {
  const { marks, lane, epoch } = open()
  marks.reign(1001, [4])
  marks.begun(0, 6)
  marks.begun(0, 5)
  marks.sent(0, 5)
  marks.reign(1003, [5])
  t.equal(epoch(), 1003)
  t.same(lane(0), { begun: 6, sent: 5 })
})

t.test('what a receiver says it has counts as begun', async (t) => {
  const { marks, lane } = open()
  marks.reign(1001, [4])
  marks.sent(0, 6)
  t.same(lane(0), { begun: 6, sent: 6 })
})

t.test('a channel that is opened later has a lane from its first output on', async (t) => {
  const { marks, lane, lanes } = open()
  marks.reign(1001, [])
  marks.begun(2, 1)
  t.equal(lanes(), 3)
  t.same(lane(1), { begun: 0, sent: 0 })
  t.same(lane(2), { begun: 1, sent: 0 })
})

t.test('a channel beyond the last lane has none, and after the end nothing is said', async (t) => {
  const { marks, lanes, epoch } = open()
  marks.reign(1001, Array<number>(facts.mostLanes + 5).fill(1))
  t.equal(lanes(), facts.mostLanes)
  marks.begun(facts.mostLanes, 9)
  t.equal(lanes(), facts.mostLanes)
  marks.end()
  t.equal(epoch(), 0)
})

t.test('they are carried to another place', async (t) => {
  const from = open()
  const to = open()
  from.marks.reign(1001, [3])
  from.marks.begun(0, 5)
  to.marks.restore(from.marks.copy())
  t.equal(to.epoch(), 1001)
  t.same(to.lane(0), { begun: 5, sent: 3 })
})

t.test('what the other unit has told is read, or nothing', async (t) => {
  t.equal(readPeerMarks(new BigUint64Array()), undefined)
  t.same(readPeerMarks(BigUint64Array.of(7n, 1001n, 5n, 3n, 2n, 2n)), {
    incarnation: 7n,
    epoch: 1001,
    lanes: [
      { begun: 5, sent: 3 },
      { begun: 2, sent: 2 },
    ],
  })
})
