/**
 * The layout of a shared state and what a program sees of it.
 */

import t from 'tap'
import { layoutOf, mostBytes, pageBytes, type Schema } from '#lib/state/schema.js'
import { sharedState } from '#lib/state/shared-state.js'

t.test('fields lie in the order given, each aligned to its element', (t) => {
  const layout = layoutOf({
    flag: 'u8',
    total: 'f64',
    odd: { bytes: 3 },
    half: 'i16',
    list: { f32: 5 },
    big: 'u64',
  })
  const places = layout.places.map(({ name, offset, count, isList }) => [
    name,
    offset,
    count,
    isList,
  ])
  t.strictSame(places, [
    ['flag', 0, 1, false],
    ['total', 8, 1, false],
    ['odd', 16, 3, true],
    ['half', 20, 1, false],
    ['list', 24, 5, true],
    ['big', 48, 1, false],
  ])
  t.equal(layout.bytes, pageBytes)
  t.equal(layoutOf({ a: { u8: pageBytes }, b: 'u8' }).bytes, 2 * pageBytes, 'whole pages')
  t.end()
})

t.test('every field is a view of the memory, without a copy', (t) => {
  const { bytes, ...plan } = sharedState({
    count: 'u32',
    total: 'f64',
    rate: 'f32',
    delta: 'i64',
    list: { i16: 3 },
    name: { bytes: 4 },
  })
  t.equal(bytes, pageBytes)
  t.match(plan.digest, /^[0-9a-f]{16}$/)
  const buffer = new ArrayBuffer(bytes)
  const { state } = sharedState({
    count: 'u32',
    total: 'f64',
    rate: 'f32',
    delta: 'i64',
    list: { i16: 3 },
    name: { bytes: 4 },
  }).open(buffer)
  state.count = 7
  state.count += 1
  state.total = 1.5
  state.rate = 0.25
  state.delta = -3n
  state.list[1] = -9
  state.name.set([1, 2, 3, 4])
  const view = new DataView(buffer)
  t.equal(view.getUint32(0, true), 8)
  t.equal(view.getFloat64(8, true), 1.5)
  t.equal(view.getFloat32(16, true), 0.25)
  t.equal(view.getBigInt64(24, true), -3n)
  t.equal(view.getInt16(34, true), -9)
  t.strictSame([...new Uint8Array(buffer, 38, 4)], [1, 2, 3, 4])
  view.setUint32(0, 99, true)
  t.equal(state.count, 99)
  t.strictSame(Object.keys(state), ['count', 'total', 'rate', 'delta', 'list', 'name'])
  t.end()
})

t.test('what the schema does not have cannot be added, nor a list be replaced', (t) => {
  const { state } = sharedState({ list: { u8: 2 }, big: 'u64' }).open(new ArrayBuffer(4_096))
  t.throws(() => Object.assign(state, { other: 1 }), TypeError)
  t.throws(() => Object.assign(state, { list: new Uint8Array(2) }), TypeError)
  t.throws(() => Object.assign(state, { big: 1 }), TypeError, 'a bigint stays one')
  t.end()
})

t.test('raw bytes are one view of their exact length', (t) => {
  const plan = sharedState({ bytes: 5_000 })
  t.equal(plan.bytes, 2 * pageBytes)
  const { state, canonicalise } = plan.open(new ArrayBuffer(plan.bytes))
  t.equal(state.length, 5_000)
  canonicalise()
  t.end()
})

t.test('of a number that is none one pattern is kept, compiled or not', (t) => {
  const plan = sharedState({ one: 'f64', small: 'f32', list: { f64: 3 } })
  const buffer = new ArrayBuffer(plan.bytes)
  const { state, canonicalise } = plan.open(buffer)
  const bits = new BigUint64Array(buffer)
  const store = (above: number, below: number) => {
    state.one = above / below
    state.small = above / below
    state.list[1] = above / below
    state.list[2] = Math.sqrt(above - 1)
  }
  for (const rounds of [1, 100_000]) {
    for (let round = 0; round < rounds; round += 1) store(0, 0)
    canonicalise()
    const pattern = 0x7ff8_0000_0000_0000n
    t.strictSame([bits[0], bits[3], bits[4]], [pattern, pattern, pattern], `after ${rounds}`)
    t.equal(new Uint32Array(buffer)[2], 0x7fc0_0000)
  }
  t.end()
})

t.test('the digest tells layouts apart, by name, kind, length and order', (t) => {
  const schemas: Schema[] = [
    { a: 'u32' },
    { b: 'u32' },
    { a: 'i32' },
    { a: { u32: 1 } },
    { a: { u32: 2 } },
    { a: { bytes: 4 } },
    { a: 'u32', b: 'u32' },
    { b: 'u32', a: 'u32' },
    { 'a:u32: b': 'u32' },
  ]
  const digests = [...schemas.map((schema) => sharedState(schema)), sharedState({ bytes: 4 })]
  t.equal(new Set(digests.map(({ digest }) => digest)).size, digests.length)
  t.equal(sharedState({ a: 'u32' }).digest, digests[0]?.digest)
  t.end()
})

t.test('what is wrong with a schema is named', (t) => {
  const wrong: [unknown, RegExp][] = [
    [{}, /1 to 1000 fields, not 0/],
    [{ a: 'int' }, /field "a" must be one of i8/],
    [{ a: 7, b: 'u8' }, /field "a"/],
    [{ a: null }, /field "a"/],
    [{ a: {} }, /field "a"/],
    [{ a: { u8: 1, i8: 1 } }, /field "a"/],
    [{ a: { u8: 0 } }, /at least 1, not 0/],
    [{ a: { u8: 1.5 } }, /not 1.5/],
    [{ a: { f64: 2 ** 40 } }, /at most 4294967296 bytes; a ends beyond/],
    [{ '': 'u8' }, /a name of 1 to 64/],
    [{ toString: 'u8' }, /of its own/],
    [{ bytes: 0 }, /bytes must be/],
    [{ bytes: mostBytes + 1 }, /not 4294967297/],
  ]
  for (const [schema, message] of wrong) {
    const refused = { code: 'ERR_HOTPAIR_CONFIG', key: 'app.state', message }
    t.throws(() => sharedState(schema as Schema), refused, JSON.stringify(schema))
  }
  t.end()
})
