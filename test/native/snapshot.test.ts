/**
 * Images through JavaScript: the addon and the reference cut alike and take each other's chunks
 * in any order, every damage is refused without a change, and memory is handed over and given
 * back.
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { loadBinding } from '#lib/native/load.js'
import { nativeSnapshot } from '#lib/native/snapshot.js'
import type { ChunkReader, SnapshotPort } from '#lib/runtime/ports-outbox.js'
import { referenceSnapshot } from '#lib/testing/reference-snapshot.js'

const ports: [string, SnapshotPort][] = [
  ['addon', nativeSnapshot],
  ['reference', referenceSnapshot],
]

function cutAll(port: SnapshotPort, image: Uint8Array, chunkBytes: number): Uint8Array[] {
  const writer = port.cut(image, chunkBytes)
  const chunks: Uint8Array[] = []
  for (let chunk = writer.next(); chunk !== undefined; chunk = writer.next()) {
    chunks.push(chunk.slice())
  }
  writer.close()
  return chunks
}

t.test('both cut alike and take the chunks in any order', async () => {
  const input = fc.record({
    image: fc.uint8Array({ minLength: 1, maxLength: 2000 }),
    chunkBytes: fc.integer({ min: 1, max: 500 }),
    order: fc.array(fc.nat(), { minLength: 2000, maxLength: 2000 }),
  })
  fc.assert(
    fc.property(input, ({ image, chunkBytes, order }) => {
      const chunks = cutAll(nativeSnapshot, image, chunkBytes)
      assert.deepEqual(chunks, cutAll(referenceSnapshot, image, chunkBytes))
      const shuffled = chunks
        .map((chunk, index) => ({ chunk, key: order[index] ?? 0 }))
        .sort((a, b) => a.key - b.key)
      for (const [, port] of ports) {
        const reader = port.stage(image.length)
        const verdicts = shuffled.map(({ chunk }) => reader.put(chunk))
        const expected = shuffled.map((_, at) => (at + 1 === chunks.length ? 'complete' : 'ok'))
        assert.deepEqual(verdicts, expected)
        assert.ok(Buffer.compare(reader.take(), image) === 0)
      }
    }),
    { numRuns: 40 },
  )
})

t.test('both give the same verdict on any chunks at any place', async () => {
  const piece = fc.record({ offset: fc.nat(110), data: fc.uint8Array({ maxLength: 30 }) })
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const readers = ports.map(([, port]) => port.stage(100))
      for (const { offset, data } of pieces) {
        // The piece as a part of an image of its own: its chunk says the right sum.
        const [chunk] = cutAll(referenceSnapshot, data, 1000)
        if (chunk) moveChunk(chunk, offset)
        const verdicts = readers.map((reader) => reader.put(chunk ?? data))
        assert.equal(verdicts[0], verdicts[1])
      }
      for (const reader of readers) reader.close()
    }),
  )
})

// Makes a chunk of an image be one at `offset`, by cutting an image that has it there.
function moveChunk(chunk: Uint8Array, offset: number): void {
  const image = new Uint8Array(offset + chunk.length - 16)
  image.set(chunk.subarray(16), offset)
  if (offset === 0) return
  const writer = referenceSnapshot.cut(image, offset)
  writer.next()
  const moved = writer.next()
  // A part longer than the offset is cut in more than one chunk, which is a right chunk too.
  if (moved && moved.length === chunk.length) chunk.set(moved)
}

for (const [name, port] of ports) {
  t.test(`${name}: every truncation and every flipped bit is refused`, async (t) => {
    const image = Uint8Array.from({ length: 60 }, (_, at) => at * 7)
    const chunks = cutAll(port, image, 25)
    const reader = port.stage(image.length)
    let refused = 0
    const refuse = (reader: ChunkReader, chunk: Uint8Array) => {
      if (reader.put(chunk) === 'corrupt') refused += 1
    }
    let tried = 0
    for (const [index, chunk] of chunks.entries()) {
      for (let length = 0; length < chunk.length; length++) {
        refuse(reader, chunk.subarray(0, length))
        tried += 1
      }
      for (let bit = 0; bit < 8 * chunk.length; bit++) {
        const bad = chunk.slice()
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        refuse(reader, bad)
        tried += 1
      }
      t.equal(refused, tried)
      t.equal(reader.put(chunk), index + 1 === chunks.length ? 'complete' : 'ok')
    }
    t.equal(tried, 9 * (60 + 3 * 16))
    t.ok(Buffer.compare(reader.take(), image) === 0)
  })

  t.test(`${name}: an image is taken once, and only whole`, async (t) => {
    const image = Uint8Array.of(1, 2, 3, 4)
    const [first = image, second = image] = cutAll(port, image, 2)
    const reader = port.stage(4)
    t.equal(reader.put(first), 'ok')
    t.throws(() => reader.take(), { message: 'the image cannot be taken before it is complete' })
    t.equal(reader.put(first), 'overlap')
    t.equal(reader.put(second), 'complete')
    const taken = reader.take()
    t.strictSame(taken, image)
    for (const call of [() => reader.take(), () => reader.put(first)]) {
      t.throws(call, { code: 'ERR_HOTPAIR_CLOSED', message: 'the chunk reader is closed' })
    }
    reader.close()
    t.strictSame(taken, image, 'closing the reader leaves what was taken')
  })

  t.test(`${name}: sizes are checked and a closed writer says so`, async (t) => {
    for (const size of [0, -1, 1.5, Number.NaN]) t.throws(() => port.stage(size), RangeError)
    t.throws(() => port.stage(2 ** 52), { code: 'ERR_HOTPAIR_NO_MEMORY' })
    t.throws(() => port.cut(Uint8Array.of(1), 0), RangeError)
    t.strictSame(cutAll(port, new Uint8Array(0), 10), [], 'an empty image has no chunks')
    const writer = port.cut(Uint8Array.of(1), 1)
    writer.close()
    writer.close()
    t.throws(() => writer.next(), { code: 'ERR_HOTPAIR_CLOSED' })
  })
}

t.test('the writer refuses an image that was taken away', async (t) => {
  const image = new Uint8Array(100)
  const writer = nativeSnapshot.cut(image, 10)
  t.equal(writer.next()?.length, 26)
  structuredClone(image.buffer, { transfer: [image.buffer] })
  t.throws(() => writer.next(), { message: /was detached or resized/ })
})

t.test('the handles refuse what would corrupt memory', async (t) => {
  const { facts, ...binding } = loadBinding()
  const writer = binding.openChunkWriter(new Uint8Array(100), 50)
  const reader = binding.openChunkReader(100)
  t.throws(() => writer.next(new Uint8Array(65)), { message: /smaller than the next chunk/ })
  t.equal(writer.next(new Uint8Array(66)), 66)
  t.equal(reader.put(new Uint8Array(0)), facts.snapshot.corrupt)
  t.throws(() => writer.next(new Uint16Array(40) as never), TypeError)
  t.throws(() => writer.next.call(reader as never, new Uint8Array(100)), TypeError)
  t.throws(() => reader.take.call({} as never), TypeError)
  t.throws(() => binding.openChunkWriter('x' as never, 10), TypeError)
  t.throws(() => binding.openChunkWriter(new Uint8Array(1), 2 ** 31), RangeError)
})
