/**
 * The outputs of both roles over the reference outbox: numbers, notices, divergence, and a full
 * outbox.
 */

import t from 'tap'
import type { OutboxPort } from '#lib/runtime/ports-outbox.js'
import { Ledger } from '#lib/server/ledger.js'
import { openReferenceOutbox } from '#lib/testing/reference-outbox.js'
import { crc32c } from '#lib/wire/crc32c.js'
import type { SentNotice } from '#lib/wire/message.js'

const text = (word: string) => new TextEncoder().encode(word)
const output = (word: string, channel = 'x') => ({ channel, data: text(word) })
const open = (limit = 1_048_576, channels = 4) => new Ledger(openReferenceOutbox(limit), channels)

function notice(channel: number, number: number, word: string): SentNotice {
  const data = text(word)
  return { channel, number, bytes: data.length, digest: crc32c(data) }
}

function pendingOf(ledger: Ledger, index = 0): [number, number, string][] {
  const channel = ledger.channels.at(index)
  if (channel === undefined) throw new Error('no channel')
  const list = [...ledger.pending(channel)]
  return list.map(({ number, frameNo, data }) => [number, frameNo, new TextDecoder().decode(data)])
}

t.test('outputs are numbered by channel, over batches', (t) => {
  const ledger = open()
  ledger.add(1, [output('a'), output('b', 'y'), output('c')])
  ledger.add(2, [output('d')])
  const kept = ledger.flush()
  t.strictSame(
    kept.map(({ owner, number, frameNo, digest }) => [owner.name, number, frameNo, digest]),
    [
      ['x', 1, 1, crc32c(text('a'))],
      ['y', 1, 1, crc32c(text('b'))],
      ['x', 2, 1, crc32c(text('c'))],
      ['x', 3, 2, crc32c(text('d'))],
    ],
  )
  t.strictSame(ledger.flush(), [], 'once')
  ledger.add(3, [output('e')])
  t.match(ledger.flush(), [{ number: 4, frameNo: 3 }])
  t.strictSame(pendingOf(ledger), [
    [1, 1, 'a'],
    [2, 1, 'c'],
    [3, 2, 'd'],
    [4, 3, 'e'],
  ])
  t.end()
})

t.test('what this member has sent is pending no more', (t) => {
  const ledger = open()
  ledger.add(1, [output('a'), output('b')])
  const first = ledger.flush()[0]
  if (first === undefined) throw new Error('nothing was kept')
  ledger.sent(first.owner, 1)
  t.strictSame(pendingOf(ledger), [[2, 1, 'b']])
  t.equal(first.owner.sent, 1)
  t.end()
})

t.test('equal outputs vanish by their notices, and the rest is what a takeover sends', (t) => {
  const ledger = open()
  ledger.add(1, [output('a'), output('b')])
  ledger.add(2, [output('c')])
  ledger.flush()
  t.equal(ledger.peerSent([notice(0, 1, 'a'), notice(0, 2, 'b')]), true)
  t.strictSame(pendingOf(ledger), [[3, 2, 'c']])
  t.equal(ledger.divergence, undefined)
  t.end()
})

t.test('a long list is read out in pieces, whole', (t) => {
  const ledger = open(16_777_216)
  const large = new Uint8Array(300_000)
  for (let frameNo = 1; frameNo <= 10; frameNo += 1) {
    ledger.add(frameNo, [{ channel: 'x', data: large }])
    t.equal(ledger.isBatchLarge, frameNo === 4 || frameNo === 8, `frame ${frameNo}`)
    if (ledger.isBatchLarge) ledger.flush()
  }
  ledger.flush()
  t.strictSame(
    pendingOf(ledger).map(([number]) => number),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
  t.end()
})

const differing: readonly [string, SentNotice][] = [
  ['other bytes', notice(0, 1, 'A')],
  ['another length', { ...notice(0, 1, 'a'), bytes: 2 }],
  ['an output that was not produced here', notice(0, 2, 'b')],
  ['a channel that was not opened here', notice(3, 1, 'a')],
]
for (const [name, sent] of differing) {
  t.test(`divergence is found in the notice: ${name}`, (t) => {
    const ledger = open()
    ledger.add(1, [output('a')])
    ledger.flush()
    t.equal(ledger.peerSent([sent]), false)
    t.match(ledger.divergence, { number: sent.number })
    t.equal(ledger.peerSent([]), false, 'until the next load')
    ledger.reset([])
    t.equal(ledger.divergence, undefined)
    t.end()
  })
}

t.test('divergence names the frame that produced the output, wherever it is found', (t) => {
  const inOutbox = open()
  inOutbox.add(4, [output('a')])
  inOutbox.add(7, [output('b'), output('c')])
  inOutbox.flush()
  inOutbox.peerSent([notice(0, 1, 'a'), notice(0, 2, 'x')])
  t.match(inOutbox.divergence, { number: 2, frameNo: 7 })
  const later = open()
  later.add(3, [output('a')])
  later.flush()
  later.peerSent([notice(0, 1, 'a')])
  later.peerSent([notice(0, 2, 'z')])
  t.match(later.divergence, { number: 2, frameNo: undefined }, 'it was never produced')
  t.end()
})

t.test('a notice that leaves a number out is divergence, and nothing is taken for sent', (t) => {
  const ledger = open()
  ledger.add(1, [output('a'), output('b')])
  ledger.flush()
  t.equal(ledger.peerSent([notice(0, 2, 'b')]), false)
  t.strictSame(ledger.divergence, { channel: 'x', number: 2, frameNo: 1 })
  t.strictSame(pendingOf(ledger), [
    [1, 1, 'a'],
    [2, 1, 'b'],
  ])
  t.end()
})

t.test('what a full outbox does not take waits, and is taken when there is room', (t) => {
  const ledger = open(8_192)
  const half = new Uint8Array(4_000)
  ledger.add(1, [{ channel: 'x', data: half }])
  const first = ledger.flush()[0]
  if (first === undefined) throw new Error('nothing was kept')
  ledger.add(2, [
    { channel: 'x', data: half },
    { channel: 'x', data: half },
  ])
  t.equal(ledger.isFull, true)
  t.match(ledger.flush(), [{ number: 2 }], 'one fits')
  t.strictSame(ledger.flush(), [], 'the next does not')
  t.equal(ledger.isFull, true)
  t.ok(ledger.bytes >= 12_000, 'what waits for room counts')
  t.match([...ledger.waiting], [{ frameNo: 2 }], 'a load can carry it')
  ledger.sent(first.owner, 2)
  t.match(ledger.flush(), [{ number: 3 }])
  t.equal(ledger.isFull, false)
  t.end()
})

t.test('a frame that opens too many channels sends nothing', (t) => {
  const ledger = open(1_048_576, 2)
  t.equal(ledger.add(1, [output('a', 'x'), output('b', 'y'), output('c', 'z')]), false)
  t.strictSame(ledger.flush(), [])
  t.equal(ledger.add(2, [output('a', 'y')]), true)
  t.match(ledger.flush(), [{ number: 1, owner: { name: 'y' } }])
  t.end()
})

t.test('after a load the numbers go on from what was sent', (t) => {
  const ledger = open()
  ledger.add(1, [output('old')])
  ledger.reset([{ name: 'x', produced: 9, sent: 7, firstOfEpoch: 2 }])
  t.strictSame(ledger.flush(), [], 'what was collected before is forgotten')
  ledger.add(5, [output('h')])
  ledger.add(6, [output('i')])
  ledger.flush()
  t.strictSame(pendingOf(ledger), [
    [8, 5, 'h'],
    [9, 6, 'i'],
  ])
  t.equal(ledger.peerSent([notice(0, 8, 'h')]), true)
  t.end()
})

t.test('a gap in our own numbers is a mistake of this library', (t) => {
  const broken: OutboxPort = {
    ...openReferenceOutbox(8_192),
    bytes: 0,
    produce: () => ({ status: 'gap', digests: new Uint32Array(1) }),
  }
  const ledger = new Ledger(broken, 1)
  ledger.add(1, [output('a')])
  t.throws(() => ledger.flush(), { code: 'ERR_HOTPAIR_INVARIANT' })
  t.end()
})
