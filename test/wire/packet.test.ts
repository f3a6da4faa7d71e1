/**
 * Packets and their fields, by example and by property: what was written comes back under every cut
 * of the stream, what is cut short or over a bound is refused as a value, and nothing that was
 * handed over is touched again.
 */

import fc from 'fast-check'
import t from 'tap'
import { BodyReader } from '#lib/wire/body.js'
import { maxU48, PacketDecoder, PacketWriter, packetHeaderBytes } from '#lib/wire/packet.js'

const limit = 1_000

type Field =
  | { kind: 'u8' | 'u16' | 'u32' | 'u48' | 'f64'; value: number }
  | { kind: 'u64'; value: bigint }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'string'; value: string }

const numberField = (kind: 'u8' | 'u16' | 'u32' | 'u48', max: number) =>
  fc.integer({ min: 0, max }).map((value): Field => ({ kind, value }))

const field: fc.Arbitrary<Field> = fc.oneof(
  numberField('u8', 0xff),
  numberField('u16', 0xffff),
  numberField('u32', 0xffff_ffff),
  numberField('u48', maxU48),
  fc.double({ noNaN: true }).map((value): Field => ({ kind: 'f64', value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): Field => ({ kind: 'u64', value })),
  fc.uint8Array({ maxLength: 40 }).map((value): Field => ({ kind: 'bytes', value })),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((value): Field => ({ kind: 'string', value })),
)

const packet = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  fields: fc.array(field, { maxLength: 8 }),
})

function put(writer: PacketWriter, { kind, value }: Field): void {
  if (kind === 'u64') writer.u64(value)
  else if (kind === 'bytes') writer.bytes(value)
  else if (kind === 'string') writer.string(value)
  else writer[kind](value)
}

function get(reader: BodyReader, { kind }: Field): Field['value'] {
  if (kind === 'bytes') return Uint8Array.from(reader.bytes(limit))
  if (kind === 'string') return reader.string(limit)
  return reader[kind]()
}

// Cuts `bytes` at each of `cuts` (taken modulo its length).
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((x, y) => x - y)
  return [...places, bytes.length].map((end, i) => bytes.subarray(places[i - 1] ?? 0, end))
}

function decode(chunks: readonly Uint8Array[], decoder = new PacketDecoder(limit)) {
  const bodies: Uint8Array[] = []
  let fault: string | undefined
  for (const chunk of chunks)
    fault = decoder.push(chunk, (body) => bodies.push(Uint8Array.from(body)))
  return { bodies, fault, held: decoder.heldBytes }
}

function stream(...bodies: readonly (readonly number[])[]): Uint8Array {
  const writer = new PacketWriter(1_000_000)
  for (const [type = 0, ...rest] of bodies) writer.begin(type).raw(Uint8Array.from(rest)).end()
  return writer.take()
}

t.test('what was written comes back, wherever the stream is cut', async (t) => {
  const cuts = fc.array(fc.nat(), { maxLength: 12 })
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 10 }), cuts, (packets, cuts) => {
      const writer = new PacketWriter(limit)
      for (const { type, fields } of packets) {
        writer.begin(type)
        for (const one of fields) put(writer, one)
        writer.end()
      }
      const { bodies, fault, held } = decode(split(writer.take(), cuts))
      t.equal(fault, undefined)
      t.equal(held, 0)
      t.equal(bodies.length, packets.length)
      const reader = new BodyReader()
      for (const [i, { type, fields }] of packets.entries()) {
        reader.of(bodies[i] ?? new Uint8Array())
        t.equal(reader.u8(), type)
        for (const one of fields) t.strictSame(get(reader, one), one.value)
        t.ok(reader.isComplete)
      }
    }),
  )
})

t.test('a stream that arrives byte by byte gives the same packets', async (t) => {
  const bytes = stream([1, 2, 3], [4], [5, ...new Array(300).fill(7)])
  const { bodies, fault } = decode([...bytes].map((byte) => Uint8Array.of(byte)))
  t.equal(fault, undefined)
  t.strictSame(
    bodies.map((body) => body.length),
    [3, 1, 301],
  )
})

t.test('a packet that lies in one chunk is not copied', async (t) => {
  const chunk = stream([1, 2], [3, 4])
  const buffers: unknown[] = []
  new PacketDecoder(limit).push(chunk, (body) => buffers.push(body.buffer))
  t.strictSame(
    buffers.map((buffer) => buffer === chunk.buffer),
    [true, true],
  )
})

t.test('no truncation of a stream gives the packet that was cut', async (t) => {
  const bytes = stream([1, 2, 3, 4, 5])
  for (let length = 0; length < bytes.length; length++) {
    const { bodies, fault, held } = decode([bytes.subarray(0, length)])
    t.strictSame({ bodies, fault, held }, { bodies: [], fault: undefined, held: length })
  }
})

t.test('an empty and an over-long packet end the stream for good, in any cut', async (t) => {
  const long = Uint8Array.of(0xe9, 0x03, 0, 0, 1)
  const huge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1)
  for (const [bytes, wanted] of [
    [Uint8Array.of(0, 0, 0, 0), 'empty'],
    [long, 'too-long'],
    [huge, 'too-long'],
  ] as const) {
    for (const chunks of [
      [bytes],
      [bytes.subarray(0, 2), bytes.subarray(2)],
      [...bytes].map((b) => Uint8Array.of(b)),
    ]) {
      const decoder = new PacketDecoder(limit)
      t.strictSame(decode(chunks, decoder), { bodies: [], fault: wanted, held: 0 })
      t.equal(decode([stream([1])], decoder).fault, wanted, 'and stays refused')
    }
  }
})

t.test('packets before a fault are delivered', async (t) => {
  const bytes = Buffer.concat([stream([9]), Uint8Array.of(0, 0, 0, 0), stream([8])])
  t.strictSame(decode([bytes]), { bodies: [Uint8Array.of(9)], fault: 'empty', held: 0 })
})

t.test('the limit can be raised between two packets of one chunk', async (t) => {
  const decoder = new PacketDecoder(1)
  const lengths: number[] = []
  const fault = decoder.push(stream([1], [2, 3]), (body) => {
    lengths.push(body.length)
    decoder.limit = 2
  })
  t.equal(fault, undefined)
  t.strictSame(lengths, [1, 2])
})

t.test('a decoder that is stopped within a body delivers no further one', async (t) => {
  for (const chunks of [
    [stream([1], [2])],
    [...stream([1], [2])].map((byte) => Uint8Array.of(byte)),
  ]) {
    const decoder = new PacketDecoder(limit)
    let count = 0
    for (const chunk of chunks) {
      decoder.push(chunk, () => {
        count++
        decoder.stop()
      })
    }
    t.equal(count, 1)
  }
})

t.test('a long packet in many chunks is put together, and a short one after it', async (t) => {
  const long = new Array(300_000).fill(0).map((_, i) => i % 251)
  const bytes = stream([1, ...long], [2])
  const chunks = Array.from({ length: Math.ceil(bytes.length / 9_999) }, (_, i) =>
    bytes.subarray(i * 9_999, (i + 1) * 9_999),
  )
  const { bodies } = decode(chunks, new PacketDecoder(400_000))
  t.strictSame(bodies, [Uint8Array.from([1, ...long]), Uint8Array.of(2)])
})

t.test('a length alone costs no memory', async (t) => {
  const decoder = new PacketDecoder(2 ** 31)
  t.equal(
    decoder.push(Uint8Array.of(0, 0, 0, 0x40, 1), () => t.fail()),
    undefined,
  )
  t.equal(decoder.heldBytes, 5)
})

t.test('the writer hands over each packet once and never touches it again', async (t) => {
  const writer = new PacketWriter(limit)
  writer.begin(1).u32(0xdead_beef).end()
  t.equal(writer.byteLength, 9)
  const first = writer.take()
  const copy = Uint8Array.from(first)
  for (let i = 0; i < 1_000; i++) writer.begin(2).raw(new Uint8Array(100)).end()
  t.equal(decode([writer.take()]).bodies.length, 1_000)
  t.strictSame(Uint8Array.from(first), copy)
  t.equal(writer.take().length, 0)
  writer.begin(3).end()
  t.strictSame(decode([writer.take()]).bodies, [Uint8Array.of(3)], 'after a slab that had grown')
})

t.test('a body over the limit is taken back alone', async (t) => {
  const writer = new PacketWriter(5)
  writer.begin(1).u32(7).end()
  writer.begin(2).u32(7).u8(0)
  t.throws(() => writer.end(), { name: 'RangeError', message: /6 bytes is over the limit of 5/ })
  writer.begin(3).end()
  t.strictSame(
    decode([writer.take()]).bodies.map((body) => body[0]),
    [1, 3],
  )
})

t.test('misuse of the writer throws', async (t) => {
  const writer = new PacketWriter(limit)
  t.throws(() => writer.end(), { message: /no packet/ })
  t.throws(() => writer.u8(1), { message: /no packet/ })
  writer.begin(1)
  t.throws(() => writer.begin(1), { message: /already/ })
  t.throws(() => writer.take(), { message: /under way/ })
  t.throws(() => writer.u48(2 ** 48), { name: 'RangeError' })
  t.throws(() => writer.u48(-1), { name: 'RangeError' })
  t.throws(() => writer.u48(Number.NaN), { name: 'RangeError' })
  t.throws(() => writer.string('x'.repeat(65_536)), { name: 'RangeError' })
})

t.test('numbers are little-endian, as docs/PROTOCOL.md draws them', async (t) => {
  const writer = new PacketWriter(limit)
  writer.begin(16).u16(0x0102).u32(0x03040506).u48(0x0708090a0b0c).string('é').end()
  t.equal(
    Buffer.from(writer.take()).toString('hex'),
    '1100000010020106050403' + '0c0b0a090807' + '0200c3a9',
  )
})

t.test('a body cut anywhere is never complete, and reading it never throws', async (t) => {
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 8 }), fc.nat(), (fields, cut) => {
      const writer = new PacketWriter(limit).begin(1)
      for (const one of fields) put(writer, one)
      const body = writer.end().take().subarray(packetHeaderBytes)
      const reader = new BodyReader().of(body.subarray(0, cut % body.length))
      reader.u8()
      for (const one of fields) get(reader, one)
      t.notOk(reader.isSound)
      t.notOk(reader.isComplete)
    }),
  )
})

t.test('a body longer than its fields is sound and not complete', async (t) => {
  const reader = new BodyReader().of(Uint8Array.of(1, 2, 3))
  t.equal(reader.u8(), 1)
  t.ok(reader.isSound)
  t.notOk(reader.isComplete)
  t.strictSame(reader.rest(), Uint8Array.of(2, 3))
  t.ok(reader.isComplete)
})

t.test(
  'lengths over their bound and text that is no UTF-8 break the reader, and it stays broken',
  async (t) => {
    const over = new BodyReader().of(Uint8Array.of(3, 0, 0, 0, 1, 2, 3))
    t.strictSame(over.bytes(2), new Uint8Array())
    t.equal(over.u8(), 0)
    t.notOk(over.isSound)
    const text = new BodyReader().of(Uint8Array.of(2, 0, 0xc3, 0x28, 7))
    t.equal(text.string(10), '')
    t.notOk(text.isSound)
    t.equal(text.u32(), 0)
    t.equal(text.of(Uint8Array.of(5)).u8(), 5, 'until it is pointed at another body')
  },
)
