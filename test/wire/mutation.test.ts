/**
 * Whatever reads bytes from outside, given bytes that were right once: some changed, some left out,
 * some put in. It fails in its declared way only, and looks at nothing before or behind them.
 *
 * FUZZ_SECONDS: so long each, with a seed that fast-check prints; else some hundred runs.
 */

import { isDeepStrictEqual } from 'node:util'
import { serialize } from 'node:v8'
import fc from 'fast-check'
import t from 'tap'
import { isPairError } from '#lib/errors.js'
import { checksum, decodeEnvelope, encodeEnvelope } from '#lib/receiver.js'
import { readImage } from '#lib/server/read-image.js'
import { fileOf, keptIn } from '#lib/store/kept-bytes.js'
import { epochOf, historyId, incarnationOf } from '#lib/units.js'
import {
  decodeHello,
  decodeRefusal,
  decodeSide,
  encodeHello,
  encodeRefusal,
  encodeSide,
} from '#lib/wire/hello.js'
import { decodeKept, encodeKept } from '#lib/wire/kept.js'
import { type Message, writeMessage } from '#lib/wire/message.js'
import { PacketDecoder, PacketWriter, packetHeaderBytes } from '#lib/wire/packet.js'
import { decodePresence, encodePresence } from '#lib/wire/presence.js'
import { readMessage } from '#lib/wire/read-message.js'
import { decodeRecord, encodeRecord } from '#lib/wire/record.js'
import { decodeAnswer, decodeQuestion, encodeWitness } from '#lib/wire/witness.js'

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0)
const effort: fc.Parameters<unknown> =
  seconds > 0
    ? { numRuns: 2 ** 30, interruptAfterTimeLimit: seconds * 1_000 }
    : { numRuns: 400, seed: 11 }

const history = historyId('0123456789abcdef0123456789abcdef')
const epoch = epochOf(101)
const data = Uint8Array.from({ length: 40 }, (_, index) => index)

function bodiesOf(...messages: readonly Message[]): readonly Uint8Array[] {
  const writer = new PacketWriter(100_000)
  for (const message of messages) writeMessage(writer, message)
  const bodies: Uint8Array[] = []
  new PacketDecoder(100_000).push(writer.take(), (body) => bodies.push(Uint8Array.from(body)))
  return bodies
}

const bodyOf = (packet: Uint8Array): Uint8Array => packet.subarray(packetHeaderBytes)
const hello = {
  protocol: 1,
  oldestProtocol: 1,
  pair: 'line-4',
  member: 'b',
  incarnation: incarnationOf(9n),
  settings: { node: '20', zone: 'UTC' },
} as const
const origin = { kind: 'input', source: 'gauge', seq: 7, data } as const
const notice = { channel: 3, number: 4, bytes: 5, digest: 6 }
const record = {
  history,
  epoch,
  primary: 'a',
  inSync: [{ member: 'a', incarnation: incarnationOf(2n) }],
  claim: 1n,
} as const
const recordBytes = encodeRecord(record)
const presence = encodePresence({
  role: 'primary',
  mode: 'paired',
  isBlank: false,
  epoch,
  history,
  draw: 0n,
  drawEcho: 0n,
  inSync: incarnationOf(20n),
  renounced: epochOf(0),
  askRenounce: epoch,
  lost: undefined,
  settings: 77n,
})
const output = { pair: 'line-4', history, epoch: 5, firstOfEpoch: 51, channel: 'alarm', number: 53 }
const envelope = encodeEnvelope({ ...output, digest: checksum(data), data, isRepeat: true })
const state = {
  list: [1, -2.5, 'three'],
  map: new Map([[1n, new Uint16Array([4, 5])]]),
  at: new Date(6),
}

/** One decoder, bytes that it takes, and what it may throw. */
interface Case {
  readonly name: string
  readonly good: readonly Uint8Array[]
  readonly decode: (bytes: Uint8Array) => unknown
  readonly isDeclared?: (error: unknown) => boolean
}

const cases: readonly Case[] = [
  { name: 'hello', good: [bodyOf(encodeHello(hello))], decode: decodeHello },
  {
    name: 'refusal',
    good: [bodyOf(encodeRefusal({ code: 'ERR_HOTPAIR_PEER_SETTINGS', message: 'they differ' }))],
    decode: decodeRefusal,
  },
  { name: 'side', good: [bodyOf(encodeSide(5))], decode: decodeSide },
  {
    name: 'message',
    good: bodiesOf(
      { type: 'frame', epoch, frameNo: 8, stamp: 9.5, ...origin },
      { type: 'progress', epoch, progressNo: 1, done: 2, sent: [notice, notice] },
      { type: 'begin-load', epoch, history, frameNo: 1, imageBytes: 100, ask: 1 },
      { type: 'forward', source: 'gauge', seq: 7, data },
      { type: 'refuse-load', ask: 3, reason: 'not now' },
    ),
    decode: readMessage,
  },
  { name: 'presence', good: [presence], decode: decodePresence },
  { name: 'record', good: [recordBytes], decode: decodeRecord },
  {
    name: 'witness',
    good: [
      bodyOf(encodeWitness({ type: 'swap', number: 1, expected: recordBytes, next: data })),
      bodyOf(encodeWitness({ type: 'record', number: 1, record: recordBytes })),
    ],
    decode: (bytes) => decodeQuestion(bytes) ?? decodeAnswer(bytes),
  },
  {
    name: 'kept by a witness',
    good: [encodeKept('witness', 'line-4', recordBytes)],
    decode: (bytes) => decodeKept('witness', 'line-4', bytes),
  },
  {
    name: 'kept by a member',
    good: [fileOf('line-4', 'a', { reserved: epochOf(1_007), record: decodeRecord(recordBytes) })],
    decode: (bytes) => keptIn('line-4', 'a', bytes),
  },
  {
    name: 'envelope',
    good: [envelope],
    decode: decodeEnvelope,
    isDeclared: (error) => isPairError(error) && error.code === 'ERR_HOTPAIR_ENVELOPE',
  },
  {
    name: 'image',
    good: [serialize(state)],
    // Written again, because two equal dates of no time are not equal.
    decode: (bytes) => serialize(readImage(bytes)),
    isDeclared: (error) => error instanceof Error,
  },
]

/** At `at` so many bytes are taken away and others put in their place. */
interface Change {
  readonly at: number
  readonly without: number
  readonly bytes: Uint8Array
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  without: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.nat(6)),
  bytes: fc.oneof(
    { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 1 }) },
    fc.uint8Array({ maxLength: 6 }),
    fc.constantFrom(0, 255).map((byte) => new Uint8Array(8).fill(byte)),
  ),
})

function changed(good: Uint8Array, changes: readonly Change[]): Uint8Array {
  let bytes = Buffer.from(good)
  for (const { at, without, bytes: put } of changes) {
    const place = at % (bytes.length + 1)
    bytes = Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + without)])
  }
  return bytes
}

type Outcome = { readonly is: unknown } | { readonly says: unknown }

/** What a decoder makes of `bytes` that stand amid others, which are all `around`. */
function outcome({ decode, isDeclared }: Case, bytes: Uint8Array, around: number): Outcome {
  const memory = new Uint8Array(bytes.length + 64).fill(around)
  memory.set(bytes, 32)
  try {
    return { is: decode(memory.subarray(32, 32 + bytes.length)) }
  } catch (error) {
    if (!isDeclared?.(error)) throw error
    return { says: error instanceof Error ? error.message : error }
  }
}

t.setTimeout(60_000 + seconds * 20_000)

for (const one of cases) {
  t.test(`${one.name}: what was changed is taken or refused, and nothing around it seen`, (t) => {
    for (const good of one.good) {
      const taken = outcome(one, good, 0)
      t.ok('is' in taken && taken.is !== undefined, 'what is right is taken')
      t.ok(isDeepStrictEqual(taken, outcome(one, good, 255)), 'wherever it lies')
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...one.good),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (good, changes) => {
          const bytes = changed(good, changes)
          const [first, second] = [outcome(one, bytes, 0), outcome(one, bytes, 255)]
          if (!isDeepStrictEqual(first, second)) throw new Error('it has looked beyond its bytes')
        },
      ),
      effort,
    )
    t.end()
  })
}
