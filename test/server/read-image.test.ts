/**
 * Views that come out of an image: the same kind, the same bytes, and a buffer of their own.
 */

import { serialize } from 'node:v8'
import t from 'tap'
import { readImage } from '#lib/server/read-image.js'

const views: readonly ArrayBufferView[] = [
  Int8Array.of(-1),
  Uint8Array.of(1, 2, 3),
  Uint8ClampedArray.of(4),
  Int16Array.of(-5, 5),
  Uint16Array.of(6),
  Int32Array.of(-7),
  Uint32Array.of(8),
  Float32Array.of(0.5, Number.NaN),
  Float64Array.of(-0, 1.5),
  BigInt64Array.of(-9n),
  BigUint64Array.of(9n),
  new DataView(Uint8Array.of(10, 11).buffer, 1),
  new Uint8Array(0),
]

t.test('each view comes back over a buffer of its own', (t) => {
  // One byte before each: the windows on the image lie at odd places.
  const read = readImage(serialize(views.map((view) => ['x', view]))) as [string, ArrayBufferView][]
  t.equal(read.length, views.length)
  const buffers = new Set(read.map(([, view]) => view.buffer))
  t.equal(buffers.size, views.length, 'nobody shares one')
  for (const [index, [, view]] of read.entries()) {
    const before = views[index]
    t.equal(view.constructor, before?.constructor)
    t.same(view, before)
    t.strictSame([view.byteOffset, view.buffer.byteLength], [0, before?.byteLength])
  }
  t.end()
})

t.test('a Buffer comes back as one, and the image is let go', (t) => {
  const image = serialize({ small: Buffer.from('small'), large: Buffer.alloc(10_000, 7) })
  const read = readImage(image) as { small: Buffer; large: Buffer }
  image.fill(0)
  t.ok(Buffer.isBuffer(read.small) && Buffer.isBuffer(read.large))
  t.equal(read.small.toString(), 'small')
  t.ok(read.large.equals(Buffer.alloc(10_000, 7)))
  t.end()
})

t.test('one view that is there twice is one', (t) => {
  const bytes = Uint8Array.of(1)
  const [first, second] = readImage(serialize([bytes, bytes])) as Uint8Array[]
  t.equal(first, second)
  t.end()
})

t.test('what is cut short or is no image is not read', (t) => {
  const image = serialize({ bytes: new Uint8Array(100) })
  for (let length = 0; length < image.length; length += 1) {
    t.throws(() => readImage(image.subarray(0, length)))
  }
  t.throws(() => readImage(Uint8Array.of(1, 2, 3)))
  t.end()
})
