/**
 * The messages of the link: every one comes back as it was written; what is cut short, too long or
 * of no known type is refused as a value, and no claim of a count costs memory.
 */

import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { epochOf, historyId, incarnationOf } from '#lib/units.js'
import { chunkBytes, packetLimit } from '#lib/wire/limits.js'
import { frameKinds, type Message, messageType, writeMessage } from '#lib/wire/message.js'
import { PacketDecoder, PacketWriter } from '#lib/wire/packet.js'
import { readMessage } from '#lib/wire/read-message.js'

const plainObject = { noNullPrototype: true } as const
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const epoch = u48.map(epochOf)
const name = fc.string({ unit: 'grapheme', maxLength: 30 })
const data = fc.uint8Array({ maxLength: 50 })
const history = fc
  .bigInt({ min: 1n, max: 2n ** 128n - 1n })
  .map((bits) => historyId(bits.toString(16).padStart(32, '0')))
const incarnation = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(incarnationOf)
const notice = fc.record(
  {
    channel: fc.integer({ min: 0, max: 0xffff }),
    number: u48,
    bytes: u32,
    digest: u32,
  },
  plainObject,
)

function only<T extends Message['type']>(type: T): fc.Arbitrary<T> {
  return fc.constant(type)
}

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record(
    {
      type: only('frame'),
      epoch,
      frameNo: u48,
      stamp: fc.double({ noNaN: true }),
      kind: fc.constantFrom(...frameKinds),
      source: name,
      seq: u48,
      data,
    },
    plainObject,
  ),
  fc.record({ type: only('acknowledge'), epoch, frameNo: u48, progressNo: u48 }, plainObject),
  fc.record(
    {
      type: only('progress'),
      epoch,
      progressNo: u48,
      done: u48,
      sent: fc.array(notice, { maxLength: 5 }),
    },
    plainObject,
  ),
  fc.record({ type: only('ask-load'), ask: u48, highest: epoch }, plainObject),
  fc.record({ type: only('begin-pages'), ask: u48 }, plainObject),
  fc.record(
    {
      type: only('begin-load'),
      epoch,
      history,
      frameNo: u48,
      imageBytes: u48,
      ask: u48,
    },
    plainObject,
  ),
  fc.record({ type: only('chunk'), bytes: data }, plainObject),
  fc.record({ type: only('refuse-load'), ask: u48, reason: name }, plainObject),
  fc.record({ type: only('in-sync'), epoch, incarnation }, plainObject),
  fc.record({ type: only('ask-resume'), epoch, history, frameNo: u48 }, plainObject),
  fc.record({ type: only('resume'), epoch, frameNo: u48 }, plainObject),
  fc.record({ type: only('refuse-resume') }, plainObject),
  fc.record(
    {
      type: only('digest'),
      epoch,
      frameNo: u48,
      digest: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    },
    plainObject,
  ),
  fc.record({ type: only('forward'), source: name, seq: u48, data }, plainObject),
  fc.record(
    { type: only('refuse-forward'), source: name, seq: u48, code: name, expected: u48 },
    plainObject,
  ),
  fc.record(
    {
      type: only('hand-over'),
      former: epoch,
      epoch,
      history,
      frameNo: u48,
      outputs: u48,
      ask: u48,
    },
    plainObject,
  ),
)

function bodyOf(written: Message): Uint8Array {
  const writer = new PacketWriter(100_000)
  writeMessage(writer, written)
  let body: Uint8Array | undefined
  new PacketDecoder(100_000).push(writer.take(), (one) => {
    body = Uint8Array.from(one)
  })
  if (body === undefined) throw new Error('no packet was written')
  return body
}

const settings = { seed: 20_261_122, numRuns: 1_000 }

t.test('what was written is read', (t) => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(message, (written) => {
      seen.add(written.type)
      const read = readMessage(bodyOf(written))
      deepStrictEqual(plain(read), plain(written))
    }),
    settings,
  )
  t.equal(seen.size, Object.keys(messageType).length, 'every type was tried')
  t.end()
})

/** Views become arrays, so that a Buffer and its bytes are the same. */
function plain(read: Message | undefined): unknown {
  if (read === undefined) return undefined
  const copy: Record<string, unknown> = { ...read }
  for (const [field, value] of Object.entries(copy)) {
    if (value instanceof Uint8Array) copy[field] = [...value]
  }
  return copy
}

/** Types whose last field is all the rest: cut there, they are shorter messages. */
const openEnded = new Set<Message['type']>(['frame', 'chunk', 'forward'])

t.test('a message that is cut short is refused, or is a shorter one', (t) => {
  let refused = 0
  fc.assert(
    fc.property(message, (written) => {
      const body = bodyOf(written)
      for (let length = 0; length < body.length; length += 1) {
        const read = readMessage(body.subarray(0, length))
        if (read === undefined) refused += 1
        else if (!openEnded.has(written.type)) throw new Error(`${written.type} cut to ${length}`)
      }
    }),
    { ...settings, numRuns: 300 },
  )
  t.ok(refused > 300, `${refused} were refused`)
  t.end()
})

t.test('a message with bytes behind its end is refused', (t) => {
  fc.assert(
    fc.property(message, (written) => {
      if (openEnded.has(written.type)) return
      const body = bodyOf(written)
      const longer = new Uint8Array(body.length + 1)
      longer.set(body)
      if (readMessage(longer) !== undefined) throw new Error(written.type)
    }),
    settings,
  )
  t.pass('none was taken')
  t.end()
})

t.test('whatever the bytes, reading does not throw', (t) => {
  const types = fc.constantFrom(...Object.values(messageType), 0, 1, 15, 29, 255)
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 80 }), (type, rest) => {
      readMessage(Uint8Array.from([type, ...rest]))
    }),
    { ...settings, numRuns: 5_000 },
  )
  t.pass('5,000 bodies')
  t.end()
})

t.test('an unknown type is no message', (t) => {
  const known = new Set<number>(Object.values(messageType))
  for (let type = 0; type < 256; type += 1) {
    if (!known.has(type)) t.equal(readMessage(Uint8Array.of(type)), undefined)
  }
  t.equal(readMessage(new Uint8Array(0)), undefined, 'nor is an empty body')
  t.end()
})

t.test('a made-up count of notices costs nothing', (t) => {
  const body = bodyOf({ type: 'progress', epoch: epochOf(1), progressNo: 1, done: 1, sent: [] })
  body.set([0xff, 0xff, 0xff, 0xff], body.length - 4)
  const before = process.memoryUsage().heapUsed
  t.equal(readMessage(body), undefined)
  t.ok(process.memoryUsage().heapUsed - before < 10_000_000, 'no list of four billion was made')
  t.end()
})

t.test('what no member can mean is refused', (t) => {
  const load = { type: 'begin-load', frameNo: 1, imageBytes: 1, ask: 1 } as const
  const one = historyId('1'.padStart(32, '0'))
  const begun = bodyOf({ ...load, epoch: epochOf(1), history: one })
  begun.fill(0, 7, 23)
  t.equal(readMessage(begun), undefined, 'a load of no history')
  const resumed = bodyOf({ type: 'ask-resume', epoch: epochOf(1), history: one, frameNo: 1 })
  resumed.fill(0, 7, 23)
  t.equal(readMessage(resumed), undefined, 'a resumption of none')
  const told = bodyOf({ type: 'in-sync', epoch: epochOf(1), incarnation: incarnationOf(1n) })
  told.fill(0, 7)
  t.equal(readMessage(told), undefined, 'a word to incarnation 0')
  const long = bodyOf({ type: 'forward', source: 's'.repeat(513), seq: 1, data: new Uint8Array(1) })
  t.equal(readMessage(long), undefined, 'a source name above the bound')
  const broken = bodyOf({ type: 'forward', source: 'ab', seq: 1, data: new Uint8Array(1) })
  broken[3] = 0xff
  t.equal(readMessage(broken), undefined, 'a name that is no UTF-8')
  const origin = { kind: 'skip', source: '', seq: 0, data: new Uint8Array(1) } as const
  const frame = bodyOf({ type: 'frame', epoch: epochOf(1), frameNo: 1, stamp: 1, ...origin })
  frame[21] = frameKinds.length
  t.equal(readMessage(frame), undefined, 'a frame of a kind that there is not')
  t.end()
})

t.test('the largest packet is the largest input or a chunk, and what stands around it', (t) => {
  t.equal(packetLimit(1), chunkBytes + 4_096)
  t.equal(packetLimit(2_000_000), 2_000_000 + 4_096)
  t.end()
})

t.test('a long reason is cut by its sender, not refused by the reader', (t) => {
  const read = readMessage(bodyOf({ type: 'refuse-load', ask: 3, reason: '€'.repeat(2_000) }))
  t.match(read, { type: 'refuse-load' })
  t.ok(read?.type === 'refuse-load' && read.reason.startsWith('€€€'))
  t.end()
})
