/**
 * What both members hold alike, as one: a new history over it, and what a full outbox keeps
 * waiting.
 */

import t from 'tap'
import type { App } from '#lib/options.js'
import { Replica } from '#lib/server/replica.js'
import type { LoggedFrame } from '#lib/sync/frame-log.js'
import { openReferenceOutbox } from '#lib/testing/reference-outbox.js'
import { epochOf, historyId, instant } from '#lib/units.js'

const first = historyId('1'.padStart(32, '0'))
const second = historyId('2'.padStart(32, '0'))
const outboxBytes = 20_000

/** Each frame sends `count` outputs of 100 bytes, numbered over all frames, on two channels. */
function replicaOf(count: number): Replica<{ sent: number }> {
  const app: App<{ sent: number }> = {
    init: () => ({ sent: 0 }),
    process(state, _frame, ctx) {
      for (let output = 0; output < count; output += 1) {
        const data = Buffer.alloc(100)
        data.writeUInt32LE(state.sent)
        ctx.send(data, { channel: state.sent % 2 === 0 ? 'even' : 'odd' })
        state.sent += 1
      }
      ctx.setTimer('t', 5)
    },
    deliver: () => {},
  }
  const limits = { outboxBytes, sources: 4, channels: 4, timers: 4 }
  const events = {
    fault: (error: Error) => {
      throw error
    },
    skipped: () => {},
  }
  const loop = { markFrame: () => {}, announceBlock: () => () => {} }
  const replica = new Replica(app, openReferenceOutbox(outboxBytes), limits, loop, events)
  replica.init(first)
  return replica
}

function frame(frameNo: number): LoggedFrame {
  const origin = { kind: 'input', source: 's', seq: frameNo } as const
  return { frameNo, stamp: 1_000, ...origin, data: new Uint8Array(1) }
}

/** Sends all that there is, as a primary would; the numbers that the outputs carry, by channel. */
function sendAll(replica: Replica<unknown>): Record<string, number[]> {
  const sent: Record<string, number[]> = {}
  for (let round = 0; round < 100; round += 1) {
    replica.ledger.flush()
    for (const channel of replica.ledger.channels) {
      const numbers = [...replica.ledger.pending(channel)]
      for (const { number, data } of numbers) {
        const list = sent[channel.name] ?? []
        sent[channel.name] = list
        list.push(Buffer.from(data).readUInt32LE())
        replica.ledger.sent(channel, number)
      }
    }
  }
  return sent
}

t.test('a new history takes along what the outbox had no room for', (t) => {
  const replica = replicaOf(40)
  for (let frameNo = 1; frameNo <= 10; frameNo += 1) {
    replica.apply(frame(frameNo))
    replica.ledger.flush()
  }
  t.ok(replica.ledger.isFull, 'some outputs wait for room')
  replica.rename(second)
  t.equal(replica.history, second)
  t.equal(replica.frameNo, 0)
  t.equal(replica.timers.size, 1, 'timers go on')
  const all = Array.from({ length: 400 }, (_, index) => index)
  t.strictSame(sendAll(replica), {
    even: all.filter((number) => number % 2 === 0),
    odd: all.filter((number) => number % 2 === 1),
  })
  t.end()
})

t.test('a frame that is skipped keeps its number and changes nothing', (t) => {
  const replica = replicaOf(1)
  replica.apply({ ...frame(1), kind: 'skip' })
  t.equal(replica.frameNo, 1)
  t.strictSame(replica.held, { state: { sent: 0 } })
  t.strictSame(sendAll(replica), {})
  t.end()
})

t.test('a frame of a timer reaches the program once', (t) => {
  const replica = replicaOf(1)
  replica.apply(frame(1))
  const timer = { frameNo: 2, stamp: 1_005, kind: 'timer', source: 't', data: new Uint8Array(0) }
  replica.apply({ ...timer, kind: 'timer', seq: 1 })
  t.strictSame(replica.held, { state: { sent: 2 } })
  replica.apply({ ...timer, kind: 'timer', frameNo: 3, seq: 1 })
  t.equal(replica.frameNo, 3)
  t.strictSame(replica.held, { state: { sent: 2 } }, 'it had been set again by its own frame')
  t.end()
})

t.test('a frame that is left out keeps its number, and whoever loads knows of it', (t) => {
  const marks: number[] = []
  const blocks: string[] = []
  const told: unknown[] = []
  const loop = {
    markFrame: (no: number) => marks.push(no),
    announceBlock: () => {
      blocks.push('begins')
      return () => blocks.push('ends')
    },
  }
  const app: App<number[]> = {
    init: () => [],
    process(state, { frameNo, timer }, ctx) {
      state.push(timer === undefined ? frameNo : -frameNo)
      ctx.setTimer('t', 5)
    },
    deliver: () => {},
  }
  const limits = { outboxBytes, sources: 4, channels: 4, timers: 4 }
  const events = {
    fault: (error: Error) => t.fail(error.message),
    skipped: (one: unknown) => told.push(one),
  }
  const make = () => new Replica(app, openReferenceOutbox(outboxBytes), limits, loop, events)
  const replica = make()
  replica.init(first)
  replica.apply(frame(1))
  replica.skip(frame(2))
  replica.apply(frame(3))
  t.same(marks, [1, 0, 3, 0], 'the beat thread knows what is being processed')
  const due = replica.timers.list().entries[0]
  const timer: LoggedFrame = { ...frame(4), kind: 'timer', source: 't', seq: due?.setting ?? 0 }
  replica.skip(timer)
  t.same(replica.timers.list().entries, [], 'a timer that is left out has fired')
  const skipped = [
    { frameNo: 2, kind: 'input', source: 's', seq: 2 },
    { frameNo: 4, kind: 'timer', source: 't', seq: due?.setting },
  ]
  t.same(replica.skipped, skipped)
  t.same(told, skipped, 'and is told')
  const other = make()
  other.restore(
    replica.image(epochOf(1), () => []),
    { history: first, frameNo: 4 },
    instant(0),
  )
  t.same(other.held?.state, [1, 3])
  t.same(other.skipped, skipped, 'a load carries the list')
  t.equal(told.length, 2, 'and tells nobody')
  t.same(blocks, ['begins', 'ends', 'begins', 'ends'], 'an image is an announced block')
  other.rename(second)
  t.same(other.skipped, [], 'another history counts anew')
  t.end()
})
