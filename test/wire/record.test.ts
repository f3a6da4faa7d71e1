/**
 * The record as bytes: equal records have equal bytes and different ones have not, and whatever
 * else the bytes are, reading them gives nothing and throws nothing.
 */

import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { epochOf, historyId, incarnationOf } from '#lib/units.js'
import { crc32c } from '#lib/wire/crc32c.js'
import {
  type ArbiterRecord,
  areSameBytes,
  areSameRecords,
  decodeRecord,
  encodeRecord,
  mostHolders,
  mostRecordBytes,
} from '#lib/wire/record.js'
import { recordOf, records } from '../arbiter/records.js'

const settings = { seed: 20_261_123, numRuns: 1_000 }

function sealed(bytes: Uint8Array): Uint8Array {
  const end = bytes.length - 4
  new DataView(bytes.buffer).setUint32(end, crc32c(bytes.subarray(0, end)), true)
  return bytes
}

function changed(change: (bytes: Uint8Array, view: DataView) => void): ArbiterRecord | undefined {
  const bytes = encodeRecord(recordOf({ epoch: 101 }))
  change(bytes, new DataView(bytes.buffer))
  return decodeRecord(sealed(bytes))
}

t.test('what was written is read', async () => {
  const asSet = (record: ArbiterRecord) => ({
    ...record,
    inSync: new Set(record.inSync.map(({ member, incarnation }) => `${member} ${incarnation}`)),
  })
  fc.assert(
    fc.property(records, (record) => {
      const bytes = encodeRecord(record)
      strictEqual(bytes.length <= mostRecordBytes, true)
      const read = decodeRecord(bytes)
      deepStrictEqual(read && asSet(read), asSet(record))
      deepStrictEqual(read && encodeRecord(read), bytes)
    }),
    settings,
  )
})

t.test('records are equal exactly when their bytes are', async () => {
  const field = fc.constantFrom('history', 'epoch', 'primary', 'inSync', 'claim')
  fc.assert(
    fc.property(records, records, field, (one, donor, key) => {
      const other = { ...one, [key]: donor[key] }
      const inSync = (record: ArbiterRecord) =>
        [...new Set(record.inSync.map((each) => `${each.member} ${each.incarnation}`))].sort()
      const isEqual =
        key === 'inSync' ? `${inSync(one)}` === `${inSync(donor)}` : one[key] === donor[key]
      strictEqual(areSameBytes(encodeRecord(one), encodeRecord(other)), isEqual)
      strictEqual(areSameRecords(one, other), isEqual)
    }),
    settings,
  )
})

t.test('the order of those in sync does not count, nor one that is named twice', async (t) => {
  const a = { member: 'a', incarnation: incarnationOf(9n) } as const
  const b = { member: 'b', incarnation: incarnationOf(3n) } as const
  const one = { ...recordOf({}), inSync: [a, b] }
  t.ok(areSameRecords(one, { ...one, inSync: [b, a, b] }))
  t.notOk(areSameRecords(one, { ...one, inSync: [a] }))
  t.ok(areSameRecords(undefined, undefined))
  t.notOk(areSameRecords(one, undefined))
  t.notOk(areSameRecords(undefined, one))
})

t.test('its bytes stay where they are: what is kept outlives the program', async (t) => {
  const record: ArbiterRecord = {
    history: historyId('0123456789abcdef0123456789abcdef'),
    epoch: epochOf(102),
    primary: 'b',
    inSync: [
      { member: 'b', incarnation: incarnationOf(2n) },
      { member: 'a', incarnation: incarnationOf(1n) },
    ],
    claim: 0xfen,
  }
  const hex = Buffer.from(encodeRecord(record)).toString('hex')
  t.equal(hex.slice(0, 32), '01010200000000006600000000000000')
  t.equal(hex.slice(32, 64), '0123456789abcdef0123456789abcdef')
  t.equal(hex.slice(64, 96), '000000000000000000000000000000fe')
  t.equal(hex.slice(96, 160), '0100000000000000000000000000000002000000000000000100000000000000')
  t.equal(hex.length, 160 + 8)
})

t.test('one wrong bit anywhere, or one byte less, is no record', async (t) => {
  const bytes = encodeRecord(recordOf({}))
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const broken = Uint8Array.from(bytes)
    broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (decodeRecord(broken) !== undefined) t.fail(`bit ${bit}`)
  }
  for (let length = 0; length < bytes.length; length++) {
    if (decodeRecord(bytes.subarray(0, length)) !== undefined) t.fail(`${length} bytes`)
  }
  t.pass('none was taken')
})

t.test('what this version does not know is refused, though the checksum is right', async (t) => {
  t.ok(changed(() => {}))
  t.notOk(
    changed((bytes) => bytes.fill(2, 0, 1)),
    'version',
  )
  t.notOk(
    changed((bytes) => bytes.fill(2, 1, 2)),
    'primary',
  )
  t.notOk(
    changed((bytes) => bytes.fill(1, 2, 3)),
    'count',
  )
  for (const at of [3, 4, 5, 6, 7])
    t.notOk(
      changed((bytes) => bytes.fill(1, at, at + 1)),
      `${at}`,
    )
  t.notOk(
    changed((_, view) => view.setBigUint64(8, 2n ** 53n, true)),
    'epoch',
  )
  t.notOk(
    changed((_, view) => view.setBigUint64(48, 0n, true)),
    'incarnation',
  )
  t.notOk(
    changed((bytes) => bytes.fill(2, 56, 57)),
    'member',
  )
  for (const at of [57, 58, 60, 63]) {
    t.notOk(
      changed((bytes) => bytes.fill(1, at, at + 1)),
      `padding ${at}`,
    )
  }
  const swapped = changed((bytes) => {
    const first = bytes.slice(48, 64)
    bytes.copyWithin(48, 64, 80)
    bytes.set(first, 64)
  })
  t.notOk(swapped, 'order')
  t.notOk(
    changed((bytes) => bytes.copyWithin(64, 48, 64)),
    'named twice',
  )
})

t.test(
  'whatever the bytes, reading does not throw, and takes only the canonical ones',
  async () => {
    const length = fc.integer({ min: 0, max: mostHolders + 1 }).map((count) => 52 + 16 * count)
    const blob = length.chain((bytes) => fc.uint8Array({ minLength: bytes, maxLength: bytes }))
    fc.assert(
      fc.property(blob, fc.boolean(), (bytes, isNear) => {
        if (isNear) {
          bytes.set([1, 0, (bytes.length - 52) / 16, 0, 0, 0, 0, 0])
          bytes.fill(0, 14, 16)
          for (let at = 48; at < bytes.length - 4; at += 16) bytes.fill(0, at + 8, at + 16)
        }
        const read = decodeRecord(sealed(bytes))
        if (read !== undefined) deepStrictEqual(encodeRecord(read), bytes)
        decodeRecord(bytes.subarray(1))
      }),
      settings,
    )
  },
)

t.test('what cannot be written is our own mistake', async (t) => {
  const inSync = Array.from({ length: mostHolders + 1 }, (_, index) => {
    return { member: 'a', incarnation: incarnationOf(BigInt(index + 1)) } as const
  })
  t.throws(() => encodeRecord({ ...recordOf({}), inSync }), /at most 8 in sync, not 9/)
  t.throws(() => encodeRecord({ ...recordOf({}), claim: 1n << 128n }), RangeError)
  t.throws(() => encodeRecord({ ...recordOf({}), claim: -1n }), RangeError)
})
