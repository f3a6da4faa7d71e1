/**
 * The check sum through JavaScript: the addon and the reference agree with the published vectors
 * and with each other on any bytes at any alignment.
 */

import fc from 'fast-check'
import t from 'tap'
import { loadBinding } from '#lib/native/load.js'
import { crc32c } from '#lib/wire/crc32c.js'

const binding = loadBinding()

t.test('published vectors', async (t) => {
  const counting = Uint8Array.from({ length: 32 }, (_, at) => at)
  const vectors: [Uint8Array, number][] = [
    [new Uint8Array(0), 0],
    [Buffer.from('123456789'), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [counting, 0x46dd794e],
    [counting.toReversed(), 0x113fdb5c],
  ]
  for (const [data, sum] of vectors) {
    t.equal(binding.crc32c(data), sum)
    t.equal(crc32c(data), sum)
  }
})

t.test('both agree on any bytes, and the reference on joined parts', async () => {
  const input = fc.tuple(fc.uint8Array({ maxLength: 5000, size: 'max' }), fc.nat(16), fc.nat(5000))
  fc.assert(
    fc.property(input, ([bytes, skip, cut]) => {
      const data = bytes.subarray(skip)
      const sum = crc32c(data)
      return (
        binding.crc32c(data) === sum &&
        crc32c(data.subarray(cut), crc32c(data.subarray(0, cut))) === sum
      )
    }),
  )
})
