/**
 * The digest of the state: equal for whatever a load gives back, different for whatever differs.
 */

import { serialize } from 'node:v8'
import t, { type Test } from 'tap'
import { digestOf, digestToSend } from '#lib/server/digest.js'
import { Hash64 } from '#lib/server/hash64.js'
import { readImage } from '#lib/server/read-image.js'
import { change, generator, grown, type State } from './any-state.js'

const loaded = <T>(value: T): T => readImage(serialize(value)) as T

t.test('digest(state) is digest(load(snapshot(state))), whatever was done to it', (t) => {
  let cases = 0
  for (let seed = 1; seed <= 600; seed += 1) {
    const random = generator(seed)
    const state: State = {}
    for (let round = 0; round < 20; round += 1) {
      for (let count = 0; count <= round; count += 1) change(state, random)
      const { digest, objection } = digestToSend(state)
      const after = digestOf(loaded(state))
      cases += 1
      if (digest !== after || objection !== undefined) {
        t.fail(`seed ${seed}, round ${round}: ${digest} ${after} ${objection}`)
      }
    }
  }
  t.equal(cases, 12_000)
  t.end()
})

t.test('a state that was loaded stays equal to the one that was not', (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const first = grown(seed, 60)
    const second = loaded(first)
    const [one, other] = [generator(seed + 7), generator(seed + 7)]
    for (let count = 0; count < 40; count += 1) {
      change(first, one)
      change(second, other)
      if (digestOf(first) !== digestOf(second)) {
        t.fail(`seed ${seed}: apart after ${count} operations`)
      }
    }
  }
  t.pass('300 pairs, 40 operations each since the load')
  t.end()
})

t.test('different states have different digests', (t) => {
  const known = new Map<bigint, string>()
  let same = 0
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed)
    const state: State = {}
    for (let count = 0; count < 60; count += 1) {
      change(state, random)
      const digest = digestOf(state)
      const shown = show(state)
      const before = known.get(digest)
      if (before === shown) same += 1
      else if (before !== undefined) t.fail(`${before} and ${shown} have one digest`)
      known.set(digest, shown)
    }
  }
  t.ok(known.size > 10_000, `${known.size} digests, ${same} repetitions`)
  t.end()
})

/** A plain description that tells states apart, written down in another way than the digest. */
function show(state: unknown): string {
  const seen = new Map<object, number>()
  const tell = (value: unknown): string => {
    if (Object.is(value, -0)) return '-0'
    if (typeof value === 'string') return JSON.stringify(value)
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value !== 'object' || value === null) return String(value)
    const number = seen.get(value)
    if (number !== undefined) return `#${number}`
    seen.set(value, seen.size)
    if (Array.isArray(value)) {
      const items = Object.keys(value).map((key) => `${key}:${tell(value[Number(key)])}`)
      return `[${value.length};${items}]`
    }
    if (value instanceof Map) return `Map(${[...value].map(([k, v]) => `${tell(k)}>${tell(v)}`)})`
    if (value instanceof Set) return `Set(${[...value].map(tell)})`
    if (value instanceof Date) return `Date(${value.getTime()})`
    if (value instanceof RegExp) return String(value)
    if (value instanceof Error) return `${value.name}(${value.message},${tell(value.cause)})`
    if (value instanceof ArrayBuffer) return `bytes(${new Uint8Array(value)})`
    if (value instanceof DataView) return `view(${new Uint8Array(value.buffer)})`
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${Array.from(value as never)})`
    if (/Number|String|Boolean|BigInt/.test(value.constructor?.name)) {
      return `boxed(${tell(value.valueOf())})`
    }
    return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}:${tell(each)}`)}}`
  }
  return tell(state)
}

t.test('the engine may hold the same value otherwise', (t) => {
  const doubles = [1.5, 1, 2]
  doubles[0] = 0
  const twoBytes = '€plain'.slice(1)
  const dictionary: Record<string, number> = { x: 0, a: 1, b: 2 }
  delete dictionary['x']
  for (const [one, other] of [
    [[0, 1, 2], doubles],
    ['plain', twoBytes],
    [{ a: 1, b: 2 }, dictionary],
    [2 ** 31 - 1, 2 ** 32 - 1 - 2 ** 31],
    [Number.NaN, Number.POSITIVE_INFINITY - Number.POSITIVE_INFINITY],
    [{ a: 1 }, Object.assign(Object.create(null), { a: 1 })],
  ] as const) {
    t.equal(digestOf(one), digestOf(other))
  }
  const bits = new BigUint64Array([0x7ff8_0000_0000_0000n, 0xfff8_0000_0000_0001n])
  const [nan, otherNan] = new Float64Array(bits.buffer)
  t.ok(Number.isNaN(nan) && Number.isNaN(otherNan))
  const [first, second] = [new Float64Array(bits.buffer, 0, 1), new Float64Array(bits.buffer, 8, 1)]
  t.equal(digestOf(first), digestOf(second), 'any NaN is the same')
  t.end()
})

const view = (length: number, at = 0) => new Uint8Array(new ArrayBuffer(16), at, length)
const shared = { x: 1 }
const circle: unknown[] = []
circle.push(circle)
/** Each differs from the one before it in one thing only. */
const differing: readonly unknown[] = [
  undefined,
  null,
  false,
  true,
  0,
  -0,
  1,
  1n,
  -1n,
  '1',
  Object(1),
  Object('1'),
  Number.NaN,
  'a',
  'b',
  'a\0',
  '',
  [],
  [undefined],
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is meant.
  [,],
  [null],
  [[]],
  [circle],
  circle,
  {},
  { a: undefined },
  { a: 1, b: 2 },
  { b: 2, a: 1 },
  [{ a: 1 }, { a: 1 }],
  [{ a: 1 }, { b: 1 }],
  [{ a: 1 }, {}],
  [{}, {}],
  new Map(),
  new Map([['a', 1]]),
  new Set(),
  new Set(['a', 1]),
  [shared, shared],
  [{ x: 1 }, { x: 1 }],
  new Date(0),
  new Date(1),
  /a/,
  /a/g,
  new Error('a'),
  new RangeError('a'),
  new Error('a', { cause: 1 }),
  new ArrayBuffer(4),
  view(4),
  view(5),
  Buffer.alloc(4),
  new Int8Array(4),
  new DataView(new ArrayBuffer(4)),
  new Int32Array(1),
  new Float32Array(1),
  new Float64Array(1),
  Float64Array.of(-0),
  Float64Array.of(Number.NaN),
  Float64Array.of(Number.POSITIVE_INFINITY),
]

t.test('what a program can tell apart has another digest', (t) => {
  const digests = new Map<bigint, number>()
  for (const [index, value] of differing.entries()) {
    const before = digests.get(digestOf(value))
    if (before !== undefined) t.fail(`${index} is like ${before}`)
    digests.set(digestOf(value), index)
  }
  t.equal(digests.size, differing.length)
  t.end()
})

t.test('bytes count alike wherever they lie, and each of them counts', (t) => {
  for (let at = 0; at < 8; at += 1) {
    for (let length = 0; length <= 8; length += 1) {
      t.equal(digestOf(view(length, at)), digestOf(view(length)))
      for (let index = 0; index < length; index += 1) {
        const other = view(length, at)
        other[index] = 1
        if (digestOf(other) === digestOf(view(length))) t.fail(`${at} ${length} ${index}`)
      }
    }
  }
  t.end()
})

t.test('holes are counted, however they are found', (t) => {
  const sparse = (...indexes: number[]) => {
    const list: unknown[] = []
    for (const index of indexes) list[index] = index
    return list
  }
  const all = [
    sparse(2_000),
    sparse(2_001),
    sparse(1, 2_000),
    sparse(2_000, 2_001, 9_000),
    sparse(2_000, 9_000),
    sparse(4_294_967_294),
    sparse(5, 4_294_967_294),
  ]
  for (const list of all) t.equal(digestOf(list), digestOf(loaded(list)))
  const longer = sparse(2_000)
  longer.length += 1
  t.equal(new Set([...all, longer].map(digestOf)).size, all.length + 1)
  // The same list by one way and by the other: a value cuts the run in two.
  const [cut, filled] = [sparse(1_500, 3_000), sparse(1_500, 3_000)]
  for (let at = 0; at < 3_000; at += 1) if (!(at in filled)) filled[at] = 0
  for (let at = 0; at < 3_000; at += 1) if (at !== 1_500) delete filled[at]
  t.equal(digestOf(cut), digestOf(filled))
  t.end()
})

t.test('a list of a million links costs no stack', (t) => {
  let list: unknown
  for (let count = 0; count < 1_000_000; count += 1) list = { next: list }
  const digest = digestOf(list)
  t.equal(digestOf(list), digest)
  t.not(digestOf({ next: list }), digest)
  t.end()
})

t.test('the digest is fixed for ever: another engine has the same', (t) => {
  const rows = [
    { x: 1, y: -0 },
    { x: 2, y: 3 },
  ]
  const state = { total: 1.5, names: ['a', '€'], at: new Date(7), rows }
  t.equal(digestOf(state).toString(16), '8d0783ee00207c3f')
  t.end()
})

class Account {
  balance = 0
}
class Registry extends Map {}

const bytes = new ArrayBuffer(8)
const used = /a/g
used.test('aa')
const objections: readonly [string, unknown, RegExp][] = [
  ['an instance of a class', { deep: [new Account()] }, /class Account/],
  ['a class that extends one of the language', [new Registry()], /class Registry/],
  ['a list of a class', [new (class Row extends Array {})()], /class Row/],
  ['views that share bytes', [new Uint8Array(bytes), new DataView(bytes)], /two views/],
  ['a view and its buffer', [bytes, new Uint8Array(bytes, 4)], /two views/],
  ['a pattern in use', used, /lastIndex of 1/],
  ['a property on a map', Object.assign(new Map(), { note: 1 }), /Map.*"note"/],
  ['a property on an error', Object.assign(new Error('a'), { code: 'E' }), /Error.*"code"/],
]
for (const [name, value, why] of objections) {
  t.test(`${name} would come out of a load as something else, and is named`, (t) => {
    t.match(digestToSend(value).objection, why)
    t.end()
  })
}

t.test('what only looks like that is no objection', (t: Test) => {
  const parts = [new Uint8Array(bytes, 0, 4), new Uint8Array(bytes, 4), new Uint8Array(bytes, 4, 0)]
  const one = new Uint8Array(8)
  const fine = [parts, [one, one], Buffer.from('a'), Buffer.from('b'), Object('ab'), new Error('a')]
  fine.push(
    Object.create(null),
    Object.assign(Object.create(null), { a: 1 }),
    'a'.match(/a/g) ?? [],
  )
  t.equal(digestToSend(fine).objection, undefined)
  t.end()
})

t.test('words in another order, or one bit of a word, make another digest', (t) => {
  const of = (...words: number[]) => {
    const hash = new Hash64()
    for (const word of words) hash.word(word)
    return hash.digest()
  }
  const seen = new Set<bigint>([of()])
  let count = 1
  for (let length = 1; length < 40; length += 1) {
    for (let bit = 0; bit < 32; bit += 1) {
      for (let at = 0; at < length; at += 1) {
        const words = new Array<number>(length).fill(0)
        words[at] = 1 << bit
        seen.add(of(...words))
        count += 1
      }
    }
  }
  t.equal(seen.size, count)
  t.not(of(1, 2), of(2, 1))
  t.end()
})
