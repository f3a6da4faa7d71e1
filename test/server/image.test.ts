/**
 * What a load carries beside the state: it comes back as it was, and no field of it is taken on
 * trust.
 */

import { deserialize, serialize } from 'node:v8'
import t from 'tap'
import { type ImageMeta, packMeta, unpackMeta } from '#lib/server/image.js'
import { frameNo, historyId } from '#lib/units.js'

const meta: ImageMeta = {
  history: historyId('0123456789abcdef0123456789abcdef'),
  epoch: 101,
  frameNo: 7,
  stamp: 1_234,
  sources: [{ source: 's', seq: 3, frameNo: 6 }],
  channels: [{ name: 'x', produced: 4, sent: 3, firstOfEpoch: 1 }],
  timers: { settings: 9, entries: [{ name: 't', due: 99, setting: 4, data: Uint8Array.of(3) }] },
  skipped: [{ frameNo: frameNo(5), kind: 'timer', source: 't', seq: 8 }],
  digest: 7n,
  pending: [{ channel: 'x', frameNo: 7, data: Uint8Array.of(1, 2) }],
}

t.test('it comes back as it was', (t) => {
  t.strictSame(unpackMeta(deserialize(serialize(packMeta(meta)))), meta)
  t.end()
})

/** Values that no whole number, text, list or record of ours is. */
const garbage: readonly unknown[] = [undefined, null, -1, 1.5, Number.NaN, 2 ** 53, true, 7n, {}]

/** Every way in which one field of `value`, however deep, is wrong. */
function* garbled(value: unknown, path: string): Generator<[string, unknown]> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    for (const wrong of garbage)
      if (typeof wrong !== typeof value || wrong !== value) yield [path, wrong]
    return
  }
  for (const wrong of [undefined, null, 1, 'text', true]) yield [path, wrong]
  for (const [name, part] of Object.entries(value)) {
    for (const [where, wrong] of garbled(part, `${path}.${name}`)) {
      const copy = Array.isArray(value) ? [...value] : { ...value }
      yield [where, Object.assign(copy, { [name]: wrong })]
    }
  }
}

t.test('every field is looked at before it is used', (t) => {
  let count = 0
  for (const [where, value] of garbled(packMeta(meta), 'meta')) {
    count += 1
    try {
      unpackMeta(value)
      t.fail(`${where} was taken`, { value })
    } catch (error) {
      if (!t.match(error, { code: 'ERR_HOTPAIR_LOAD' }, where)) t.comment(String(error))
    }
  }
  t.ok(count > 100, `${count} ways`)
  t.end()
})

t.test('what is wrong is said', (t) => {
  const packed = Object(packMeta(meta))
  t.throws(() => unpackMeta({ ...packed, version: 1 }), /version 1, this member reads 3/)
  t.throws(() => unpackMeta({ ...packed, history: 'no id' }), /history is no history id/)
  t.throws(() => unpackMeta({ ...packed, sources: {} }), /sources is no list/)
  t.throws(() => unpackMeta({ ...packed, frameNo: -1 }), /frameNo is no whole number/)
  t.throws(() => unpackMeta({ ...packed, channels: [1] }), /channel is no object/)
  t.throws(() => unpackMeta({ ...packed, pending: [{ channel: 'x', frameNo: 1 }] }), /no bytes/)
  t.end()
})
