/**
 * The binary form of an output: it survives the way there, and nothing damaged survives it.
 *
 * The checksum is held to published vectors (RFC 3720, appendix B.4), so that a receiver written in
 * another language agrees; the form is held to one envelope written out byte by byte.
 */

import fc from 'fast-check'
import t from 'tap'
import {
  checksum,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  envelopeBytes,
} from '#lib/receiver.js'

const encode = (text: string) => new TextEncoder().encode(text)

function envelope(fields: Partial<Envelope> = {}): Envelope {
  const data = fields.data ?? encode('valve 7 open')
  return {
    pair: 'line-4',
    history: '00112233445566778899aabbccddeeff',
    epoch: 5,
    firstOfEpoch: 51,
    channel: 'alarm',
    number: 53,
    digest: checksum(data),
    data,
    isRepeat: false,
    ...fields,
  }
}

const refused = { name: 'PairError', code: 'ERR_HOTPAIR_ENVELOPE' }

t.test('the checksum is CRC-32C by the vectors of RFC 3720', async (t) => {
  t.equal(checksum(encode('123456789')), 0xe306_9283)
  t.equal(checksum(new Uint8Array(32)), 0x8a91_36aa)
  t.equal(checksum(new Uint8Array(32).fill(0xff)), 0x62a8_ab43)
  t.equal(checksum(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd_794e)
  t.equal(checksum(encode('56789'), checksum(encode('1234'))), 0xe306_9283, 'goes on from a seed')
  t.equal(checksum(new Uint8Array()), 0)
})

t.test('an envelope has the bytes of the picture', async (t) => {
  const head =
    '48504501 0000004f 0000000000000005 0000000000000033 0000000000000035' +
    '00112233445566778899aabbccddeeff 00000000 0605 0001'
  const form = Buffer.from(encodeEnvelope(envelope({ isRepeat: true, data: encode('12345678') })))
  const expected = Buffer.from(head.replaceAll(' ', ''), 'hex')
  expected.writeUInt32BE(checksum(encode('12345678')), 48)
  t.equal(form.subarray(0, 56).toString('hex'), expected.toString('hex'))
  const names = form.subarray(60, 71)
  t.equal(form.readUInt32BE(56), checksum(names, checksum(expected)))
  t.equal(form.subarray(60).toString(), 'line-4alarm12345678')
})

t.test('what is encoded is decoded as it was', async (t) => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
  const fields = fc.record({
    pair: name,
    channel: name,
    history: fc.bigInt(0n, (1n << 128n) - 1n).map((id) => id.toString(16).padStart(32, '0')),
    epoch: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    number,
    data: fc.uint8Array({ maxLength: 300 }),
    isRepeat: fc.boolean(),
  })
  fc.assert(
    fc.property(fields, number, (some, first) => {
      const whole = envelope({ ...some, firstOfEpoch: Math.min(first, some.number) })
      const bytes = encodeEnvelope(whole)
      t.equal(envelopeBytes(bytes), bytes.length)
      const { data, ...rest } = decodeEnvelope(bytes)
      const { data: sent, ...expected } = whole
      t.strictSame(rest, expected)
      t.ok(Buffer.from(data).equals(sent))
    }),
    { numRuns: 200, seed: 7 },
  )
})

t.test('every truncation, and one byte too many, is refused', async (t) => {
  const bytes = encodeEnvelope(envelope())
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => decodeEnvelope(bytes.subarray(0, length)), refused, `${length} bytes`)
  }
  t.throws(() => decodeEnvelope(Buffer.concat([bytes, encode('!')])), refused)
})

t.test('every flipped bit is refused', async (t) => {
  const bytes = encodeEnvelope(envelope())
  let refusals = 0
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice()
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    try {
      decodeEnvelope(damaged)
      t.fail(`bit ${bit} was not noticed`)
    } catch (error) {
      t.match(error, refused)
      refusals++
    }
  }
  t.equal(refusals, bytes.length * 8)
})

// A head that is wrong in one field but checks out, as another program may write it.
function forged(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = encodeEnvelope(envelope())
  change(new DataView(bytes.buffer), bytes)
  const head = checksum(bytes.subarray(60, 71), checksum(bytes.subarray(0, 56)))
  new DataView(bytes.buffer).setUint32(56, head)
  return bytes
}

t.test('a field out of its bounds is refused though the checksums are right', async (t) => {
  const cases: [string, (view: DataView, bytes: Uint8Array) => void][] = [
    ['flags of a later version', (view) => view.setUint16(54, 2)],
    ['number 0', (view) => view.setBigUint64(24, 0n)],
    ['number beyond 2^53', (view) => view.setBigUint64(24, 1n << 53n)],
    ['an epoch that begins past the number', (view) => view.setBigUint64(16, 54n)],
    ['an epoch that begins at 0', (view) => view.setBigUint64(16, 0n)],
    ['names past the end', (view) => view.setUint8(53, 255)],
    ['a name that is no UTF-8', (_, bytes) => bytes.set([0xff], 60)],
    ['a length below the head', (view) => view.setUint32(4, 59)],
    ['a digest of other data', (view) => view.setUint32(48, 1)],
  ]
  t.equal(decodeEnvelope(forged(() => {})).number, 53, 'unchanged, it is good')
  for (const [name, change] of cases) {
    t.throws(() => decodeEnvelope(forged(change)), refused, name)
  }
})

t.test('what cannot be right is not encoded', async (t) => {
  const cases: [string, Partial<Envelope>][] = [
    ['empty pair', { pair: '' }],
    ['pair of 256 bytes', { pair: 'ä'.repeat(128) }],
    ['channel with half a character', { channel: '\ud800' }],
    ['history too short', { history: 'abc' }],
    ['number that is no whole one', { number: 53.5 }],
    ['negative epoch', { epoch: -1 }],
    ['digest of other data', { digest: 1 }],
    ['digest beyond 32 bits', { digest: 2 ** 32 }],
  ]
  for (const [name, fields] of cases) {
    t.throws(() => encodeEnvelope(envelope(fields)), refused, name)
  }
  t.doesNotThrow(() => encodeEnvelope(envelope({ pair: 'ä'.repeat(127) })), 'pair of 254 bytes')
})

t.test('a reader of a stream learns the length from the first 8 bytes', async (t) => {
  const bytes = encodeEnvelope(envelope())
  t.equal(envelopeBytes(bytes.subarray(0, 7)), undefined)
  t.equal(envelopeBytes(bytes.subarray(0, 8)), bytes.length)
  t.throws(() => envelopeBytes(encode('GET / HTTP/1.1')), refused)
})
