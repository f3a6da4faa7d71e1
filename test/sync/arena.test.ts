/**
 * The arena of small copies: what is handed out stays as it was, whatever is copied afterwards.
 */

import t from 'tap'
import { Arena } from '#lib/sync/arena.js'

t.test('a copy is its own, and no later copy changes it', (t) => {
  const arena = new Arena()
  const bytes = new Uint8Array(100)
  const copies: Uint8Array[] = []
  for (let value = 0; value < 1000; value++) {
    bytes.fill(value % 256)
    copies.push(arena.copy(bytes))
  }
  const isRight = (copy: Uint8Array, value: number) => copy.every((byte) => byte === value % 256)
  t.ok(copies.every((copy) => copy.length === 100))
  t.ok(copies.every(isRight))
  t.end()
})

t.test('a large piece has memory of its own, small ones share some', (t) => {
  const arena = new Arena()
  const large = arena.copy(new Uint8Array(10_000))
  t.equal(large.buffer.byteLength, 10_000)
  const one = arena.copy(Uint8Array.of(1))
  const other = arena.copy(Uint8Array.of(2))
  t.equal(one.buffer, other.buffer)
  t.strictSame([...one, ...other, ...arena.copy(new Uint8Array())], [1, 2])
  t.end()
})
