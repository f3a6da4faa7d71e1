/**
 * What member and witness say to each other comes back as it was said, and anything else is
 * nothing: no decoder throws, and none believes a code that no witness has.
 */

import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeRecord, mostHolders } from '#lib/wire/record.js'
import {
  decodeAnswer,
  decodeQuestion,
  encodeWitness,
  type WitnessAnswer,
  type WitnessQuestion,
  witnessPacketBytes,
} from '#lib/wire/witness.js'
import { recordOf, records } from '../arbiter/records.js'

const settings = { seed: 20_261_123, numRuns: 500 }
const number = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const record = fc.oneof(fc.constant(new Uint8Array(0)), records.map(encodeRecord))
const pair = fc.string({ minLength: 1, maxLength: 64, unit: 'binary' })
const reason = {
  code: fc.constantFrom('ERR_HOTPAIR_ARBITER_RECORD' as const, 'ERR_HOTPAIR_PEER_PAIR' as const),
  message: fc.string({ maxLength: 100, unit: 'binary' }),
}
const plain = { noNullPrototype: true } as const

const questions: fc.Arbitrary<WitnessQuestion> = fc.oneof(
  fc.record(
    {
      type: fc.constant('ask' as const),
      protocol: fc.integer({ min: 0, max: 65_535 }),
      pair,
      member: fc.constantFrom('a' as const, 'b' as const),
    },
    plain,
  ),
  fc.record({ type: fc.constant('read' as const), number }, plain),
  fc.record({ type: fc.constant('swap' as const), number, expected: record, next: record }, plain),
)
const answers: fc.Arbitrary<WitnessAnswer> = fc.oneof(
  fc.constant({ type: 'welcome' } as const),
  fc.record({ type: fc.constant('refuse' as const), ...reason }, plain),
  fc.record({ type: fc.constant('record' as const), number, record }, plain),
  fc.record({ type: fc.constant('swapped' as const), number }, plain),
  fc.record({ type: fc.constant('failed' as const), number, ...reason }, plain),
)

const bodyOf = (message: WitnessQuestion | WitnessAnswer) => encodeWitness(message).subarray(4)
// Views of a packet compare as what they hold.
const held = (message: object | undefined) =>
  message &&
  Object.fromEntries(
    Object.entries(message).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ]),
  )

t.test('what was said is heard, and only by the side that it is for', async () => {
  fc.assert(
    fc.property(questions, (said) => {
      deepStrictEqual(held(decodeQuestion(bodyOf(said))), held(said))
      strictEqual(decodeAnswer(bodyOf(said)), undefined)
    }),
    settings,
  )
  fc.assert(
    fc.property(answers, (said) => {
      deepStrictEqual(held(decodeAnswer(bodyOf(said))), held(said))
      strictEqual(decodeQuestion(bodyOf(said)), undefined)
    }),
    settings,
  )
})

t.test('cut short, or with a byte too many, it is nothing', async () => {
  fc.assert(
    fc.property(fc.oneof(questions, answers), (said) => {
      const body = bodyOf(said)
      for (let length = 0; length < body.length; length++) {
        strictEqual(decodeQuestion(body.subarray(0, length)), undefined)
        strictEqual(decodeAnswer(body.subarray(0, length)), undefined)
      }
      const longer = Buffer.concat([body, Buffer.from([0])])
      strictEqual(decodeQuestion(longer), undefined)
      strictEqual(decodeAnswer(longer), undefined)
    }),
    { ...settings, numRuns: 100 },
  )
})

t.test('whatever the bytes, reading does not throw', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 9 }), (body, type) => {
      body[0] = type
      decodeQuestion(body)
      decodeAnswer(body)
    }),
    settings,
  )
})

t.test('the largest messages fit into a packet, and a long sentence is cut', async (t) => {
  const inSync = Array.from({ length: mostHolders }, (_, index) => {
    return { member: 'a', incarnation: BigInt(index + 1) } as never
  })
  const bytes = encodeRecord({ ...recordOf({}), inSync })
  const swap = encodeWitness({ type: 'swap', number: 1, expected: bytes, next: bytes })
  t.ok(swap.length < witnessPacketBytes)
  encodeWitness({ type: 'ask', protocol: 1, pair: '\u{1f600}'.repeat(64), member: 'b' })
  const message = `x${'\u{1f600}'.repeat(400)}`
  const body = bodyOf({ type: 'failed', number: 1, code: 'ERR_HOTPAIR_ARBITER_RECORD', message })
  const read = decodeAnswer(body)
  t.match(read, { type: 'failed' })
  t.ok(read?.type === 'failed' && message.startsWith(read.message) && read.message.length > 200)
})

t.test('a code that no witness has is none', async (t) => {
  const refuse = bodyOf({ type: 'refuse', code: 'ERR_HOTPAIR_PEER_PAIR', message: '' })
  const forge = (code: string) =>
    decodeAnswer(Buffer.from(Buffer.from(refuse).toString('latin1').replace('PEER_PAIR', code)))
  t.ok(forge('PEER_PAIR'))
  t.notOk(forge('PEER_PAIX'))
  const closed = Buffer.from(bodyOf({ type: 'refuse', code: 'ERR_HOTPAIR_CLOSED', message: '' }))
  t.notOk(decodeAnswer(closed), 'one of another part')
})
