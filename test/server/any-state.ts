/**
 * Any state, reached by any operations: random values that a structured clone takes, and random
 * changes to them, as a function of a seed.
 *
 * Two states that get the same operations stay equal, whatever the engine makes of each, so a state
 * that went through a load can be compared with one that did not.
 */

export type Random = (below: number) => number

export function generator(seed: number): Random {
  let state = Math.imul(seed, 0x9e37_79b1) | 1
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

type Bag = Record<string, unknown>
export type State = Bag

const names = ['a', 'b', 'total', 'names', 'Ünïcode', '名', '7', '12', '__proto__', 'with space']
const texts = ['', 'x', 'ascii', 'Latin-1: é', 'zwei Byte: €', '\ud800 alone', 'long '.repeat(40)]
const numbers = [
  0,
  -0,
  1,
  -1,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 53,
  0.1,
  -1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  5e-324,
]

function one<T>(list: readonly T[], random: Random): T {
  const chosen = list[random(list.length)]
  if (chosen === undefined) throw new Error('nothing to choose from')
  return chosen
}

/** A number of any value, held by the engine as it likes: a double may hold a whole one. */
function anyNumber(random: Random): number {
  const value = one(numbers, random)
  switch (random(4)) {
    case 0:
      return random(1_000)
    case 1:
      return (random(1_000) * 1.5) / 1.5
    case 2:
      return Number(String(value))
    default:
      return value
  }
}

/** A text of any kind inside: a slice, a rope, one or two bytes a character. */
function anyText(random: Random): string {
  const text = one(texts, random)
  switch (random(4)) {
    case 0:
      return `${text}€`.slice(0, text.length)
    case 1:
      return text + String(random(100))
    case 2:
      return [...text].reverse().join('')
    default:
      return text
  }
}

function anyBytes(random: Random): Uint8Array {
  return Uint8Array.from({ length: random(12) }, () => random(256))
}

const makers: readonly ((random: Random) => unknown)[] = [
  () => undefined,
  () => null,
  (random) => random(2) === 0,
  anyNumber,
  anyNumber,
  anyText,
  anyText,
  (random) => BigInt(random(1_000)) * (random(2) === 0 ? -1n : 2n ** 70n),
  (random) => new Date(random(8) === 0 ? Number.NaN : random(1_000_000)),
  (random) => new RegExp(one(['a+', '[b-z]', '€'], random), one(['', 'g', 'iu'], random)),
  anyBytes,
  (random) => Buffer.from(anyBytes(random)),
  (random) => anyBytes(random).buffer,
  (random) => new DataView(anyBytes(random).buffer),
  (random) => Int16Array.from(anyBytes(random)),
  (random) => Uint8ClampedArray.from(anyBytes(random)),
  (random) => Float64Array.from({ length: random(5) }, () => anyNumber(random)),
  (random) => Float32Array.from({ length: random(5) }, () => anyNumber(random)),
  (random) => BigInt64Array.from({ length: random(5) }, () => BigInt(random(1_000))),
  (random) => new TypeError(anyText(random)),
  (random) => new Error('outer', { cause: random(10) }),
  (random) => Object(anyNumber(random)),
  (random) => Object(anyText(random)),
  (random) => Object(random(2) === 0),
  () => Object(5n),
  () => ({}),
  () => [],
  () => new Map(),
  () => new Set(),
  () => Object.create(null),
]

/** Every container that can be reached, in an order that does not depend on the engine. */
function containersOf(state: State): object[] {
  const found = new Set<object>([state])
  const add = (value: unknown) => {
    const isOne =
      Array.isArray(value) || value instanceof Map || value instanceof Set || isPlain(value)
    if (isOne && typeof value === 'object' && value !== null) found.add(value)
  }
  for (const each of found) {
    if (each instanceof Map) {
      for (const [key, value] of each) {
        add(key)
        add(value)
      }
    } else if (each instanceof Set) {
      for (const value of each) add(value)
    } else {
      for (const value of Object.values(each)) add(value)
    }
  }
  return [...found]
}

export function isPlain(value: unknown): value is Bag {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function put(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

/** One more operation on `state`: sets, adds, removes, shares or closes a cycle. */
export function change(state: State, random: Random): void {
  const containers = containersOf(state)
  const target = one(containers, random)
  // A value of its own, or one that is there already: shared, or around in a circle.
  const isShared = random(5) === 0
  const value = isShared ? one(containers, random) : one(makers, random)(random)
  const removes = random(4) === 0
  if (Array.isArray(target)) {
    changeList(target, value, removes, random)
  } else if (target instanceof Map) {
    const key = random(3) === 0 ? anyNumber(random) : anyText(random)
    if (removes) target.delete([...target.keys()][random(target.size)])
    else target.set(random(9) === 0 ? value : key, value)
  } else if (target instanceof Set) {
    if (removes) target.delete([...target][random(target.size)])
    else target.add(value)
  } else if (removes) {
    const keys = Object.keys(target)
    if (keys.length > 0) Reflect.deleteProperty(target, one(keys, random))
  } else {
    put(target, one(names, random), value)
  }
}

function changeList(list: unknown[], value: unknown, removes: boolean, random: Random): void {
  if (removes) {
    const at = random(list.length + 1)
    if (random(2) === 0) list.splice(at, 1)
    else if (at < list.length) Reflect.deleteProperty(list, at)
    return
  }
  const kind = random(12)
  if (kind === 0) list.length += random(3)
  else if (kind === 1) list[list.length + random(3_000)] = value
  else if (kind === 2) list.unshift(value)
  else list.push(value)
  // Long runs of holes are rare in programs, and slow for everybody.
  if (list.length > 20_000) list.length = 3
}

/** The state as a program grows it over `count` operations. */
export function grown(seed: number, count: number): State {
  const random = generator(seed)
  const state: State = {}
  for (let done = 0; done < count; done += 1) change(state, random)
  return state
}
