/**
 * What was kept is read again, whatever it is; a file that is torn, foreign or newer is refused in
 * words, by every length and every bit.
 */

import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { crc32c } from '#lib/wire/crc32c.js'
import { decodeKept, encodeKept } from '#lib/wire/kept.js'

const settings = { seed: 20_261_123, numRuns: 500 }
const by = fc.constantFrom('witness' as const, 'member' as const)
const pair = fc.string({ minLength: 1, maxLength: 64, unit: 'binary' })

/** `bytes` with the checksum that they should have. */
function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

t.test('what was kept is read again', async () => {
  fc.assert(
    fc.property(by, pair, fc.uint8Array({ maxLength: 300 }), (who, name, content) => {
      deepStrictEqual(
        Uint8Array.from(decodeKept(who, name, encodeKept(who, name, content)) as never),
        content,
      )
    }),
    settings,
  )
})

t.test('whatever the bytes, reading does not throw', async () => {
  fc.assert(
    fc.property(by, fc.uint8Array({ maxLength: 300 }), (who, bytes) => {
      decodeKept(who, 'line-4', bytes)
    }),
    settings,
  )
})

t.test('a torn, foreign, newer or empty file is refused in words', async (t) => {
  const file = encodeKept('witness', 'line-4', Buffer.alloc(60, 7))
  for (let length = 0; length < file.length; length++) {
    const read = decodeKept('witness', 'line-4', file.subarray(0, length))
    if (typeof read !== 'string') t.fail(`${length} bytes were taken`)
  }
  for (let bit = 0; bit < file.length * 8; bit++) {
    const broken = Buffer.from(file)
    broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (typeof decodeKept('witness', 'line-4', broken) !== 'string')
      t.fail(`bit ${bit} was not noticed`)
  }
  t.match(decodeKept('witness', 'line-4', new Uint8Array(0)), /not written by a witness of hotpair/)
  t.match(decodeKept('member', 'line-4', file), /not written by a member of hotpair/)
  t.match(decodeKept('witness', 'line-4', file.subarray(0, 40)), /cut short or damaged/)
  t.match(decodeKept('witness', 'line-5', file), /belongs to pair "line-4"/)
  const newer = Buffer.from(file)
  newer[8] = 2
  t.match(decodeKept('witness', 'line-4', sealed(newer)), /version 2 of its layout, known is 1/)
  t.equal(
    (
      decodeKept(
        'witness',
        'line-4',
        encodeKept('witness', 'line-4', new Uint8Array(0)),
      ) as Uint8Array
    ).length,
    0,
  )
})
