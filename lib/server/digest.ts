/**
 * A 64-bit digest of the program's state over a canonical walk of its values: equal for equal
 * states, however the engine happens to hold them.
 *
 * Serialized bytes will not do: they differ for equal values (a number kept as an integer or as a
 * double, a text of one or of two bytes a character). Here every object gets a number when it is
 * first met; its own properties, in their order, are taken with primitives as values and objects by
 * number, and objects are walked in the order of their numbers. So shared references and cycles
 * count, depth costs no stack, and two states have the same digest if a program cannot tell them
 * apart, but for what docs/DETERMINISM.md lists. docs/PROTOCOL.md#16 has the rules.
 */

import { types } from 'node:util'
import { Faithful } from './faithful.js'
import { Hash64 } from './hash64.js'
import { areAlike, type Bag, hasNaN, isBag, kindOf } from './values.js'

/** What a value is. The numbers are part of the digest: appended only. */
const tag = {
  undefined: 1,
  null: 2,
  true: 3,
  false: 4,
  whole: 5,
  double: 6,
  notANumber: 7,
  text: 8,
  bigint: 9,
  other: 10,
  object: 11,
  holes: 12,
  list: 13,
  plain: 14,
  map: 15,
  set: 16,
  date: 17,
  pattern: 18,
  error: 19,
  boxed: 20,
  buffer: 21,
  view: 22,
  instance: 23,
} as const

/** Runs of holes are looked for one by one up to here; then the indexes that exist are listed. */
const holesInRow = 1_024

const errorNames = [
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]

/** In place of a number of names: they are those of the object before. */
const likeBefore = -1

const noBytes = new Uint8Array(0)

/** The digest of `value` and all that can be reached from it. */
export function digestOf(value: unknown): bigint {
  return new Walk().run(value)
}

/** The digest of a state that is to be sent, and what a load would change in it. */
export function digestToSend(value: unknown): {
  readonly digest: bigint
  /** To be put behind "the state holds"; undefined: nothing would change. */
  readonly objection: string | undefined
} {
  const faithful = new Faithful()
  return { digest: new Walk(faithful).run(value), objection: faithful.objection }
}

class Walk {
  readonly #hash = new Hash64()
  /** By object: its number, counted from 0 in the order of `#met`. Half of the walk's cost. */
  readonly #numbers = new Map<Bag, number>()
  readonly #met: Bag[] = []
  readonly #faithful: Faithful | undefined
  /** Names of the object before: rows of one kind come together, and say theirs once. */
  #names: readonly string[] = []

  constructor(faithful?: Faithful) {
    this.#faithful = faithful
  }

  run(value: unknown): bigint {
    this.#value(value)
    // Walking one may meet more.
    for (let at = 0; at < this.#met.length; at += 1) {
      const object = this.#met[at]
      if (object !== undefined) this.#object(object)
    }
    return this.#hash.digest()
  }

  #value(value: unknown): void {
    const hash = this.#hash
    switch (typeof value) {
      case 'number':
        return this.#number(value)
      case 'string':
        hash.word(tag.text)
        return hash.text(value)
      case 'boolean':
        return hash.word(value ? tag.true : tag.false)
      case 'undefined':
        return hash.word(tag.undefined)
      case 'bigint':
        hash.word(tag.bigint)
        return hash.text(value.toString(16))
      case 'object':
        return isBag(value) ? this.#reference(value) : hash.word(tag.null)
      default:
        // Functions and symbols: no load takes them.
        return hash.word(tag.other)
    }
  }

  #number(value: number): void {
    const hash = this.#hash
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      hash.word(tag.whole)
      hash.word(value)
    } else if (Number.isNaN(value)) {
      // Which of its bit patterns an engine writes is chance.
      hash.word(tag.notANumber)
    } else {
      hash.word(tag.double)
      hash.double(value)
    }
  }

  #reference(object: Bag): void {
    let number = this.#numbers.get(object)
    if (number === undefined) {
      number = this.#met.length
      this.#numbers.set(object, number)
      this.#met.push(object)
    }
    this.#hash.word(tag.object)
    this.#hash.word(number)
  }

  #object(object: Bag): void {
    const prototype = Object.getPrototypeOf(object)
    if (prototype === Object.prototype) return this.#properties(tag.plain, object)
    if (prototype !== Array.prototype) this.#faithful?.look(object)
    if (Array.isArray(object)) return this.#list(object)
    if (ArrayBuffer.isView(object)) return this.#view(object)
    if (types.isMap(object)) return this.#map(object)
    if (types.isSet(object)) return this.#set(object)
    return this.#rarer(object, prototype)
  }

  #rarer(object: Bag, prototype: object | null): void {
    const hash = this.#hash
    if (types.isDate(object)) {
      hash.word(tag.date)
      return this.#number(object.getTime())
    }
    if (types.isRegExp(object)) {
      hash.word(tag.pattern)
      hash.text(object.source)
      hash.text(object.flags)
      return this.#number(object.lastIndex)
    }
    if (types.isAnyArrayBuffer(object)) {
      hash.word(tag.buffer)
      return this.#bytes(object, 0, object.byteLength)
    }
    if (types.isNativeError(object)) return this.#error(object)
    if (types.isBoxedPrimitive(object)) {
      hash.word(tag.boxed)
      return this.#value(object.valueOf())
    }
    // Without a prototype, or with that of another realm's literals, it is as plain as ours.
    const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
    this.#properties(isPlain ? tag.plain : tag.instance, object)
  }

  /** Own enumerable properties in their order. */
  #properties(kind: number, object: Bag): void {
    const hash = this.#hash
    const names = Object.keys(object)
    const isAlike = areAlike(names, this.#names)
    this.#names = names
    hash.word(kind)
    hash.word(isAlike ? likeBefore : names.length)
    for (const name of names) {
      if (!isAlike) hash.text(name)
      this.#value(object[name])
    }
  }

  #list(list: readonly unknown[]): void {
    const hash = this.#hash
    const { length } = list
    hash.word(tag.list)
    hash.word(length | 0)
    let holes = 0
    for (let at = 0; at < length; at += 1) {
      const value = list[at]
      if (value === undefined && !Object.hasOwn(list, at)) {
        holes += 1
        if (holes >= holesInRow) return this.#sparse(list, at + 1, holes)
      } else {
        holes = this.#endHoles(holes)
        this.#value(value)
      }
    }
    this.#endHoles(holes)
  }

  /** From index `from` on, behind a run of `before` holes, by the indexes that exist. */
  #sparse(list: readonly unknown[], from: number, before: number): void {
    let next = from
    let holes = before
    for (const name of Object.keys(list)) {
      const at = Number(name)
      // Behind the indexes come names, which are not elements.
      if (!(at < list.length) || String(at) !== name) break
      if (at < from) continue
      this.#endHoles(holes + at - next)
      holes = 0
      this.#value(list[at])
      next = at + 1
    }
    this.#endHoles(holes + list.length - next)
  }

  /** Says how many holes there were, if any; the next run begins at 0. */
  #endHoles(count: number): 0 {
    if (count > 0) {
      this.#hash.word(tag.holes)
      this.#hash.word(count | 0)
    }
    return 0
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    this.#hash.word(tag.map)
    this.#hash.word(map.size)
    for (const [key, value] of map) {
      this.#value(key)
      this.#value(value)
    }
  }

  #set(set: ReadonlySet<unknown>): void {
    this.#hash.word(tag.set)
    this.#hash.word(set.size)
    for (const value of set) this.#value(value)
  }

  /** Name and message; the stack names files, whose places may differ from host to host. */
  #error(error: Error): void {
    const hash = this.#hash
    hash.word(tag.error)
    // Of any other name nothing is left in a clone.
    hash.text(errorNames.includes(error.name) ? error.name : 'Error')
    hash.text(String(error.message))
    this.#value(Object.hasOwn(error, 'cause') ? error.cause : undefined)
  }

  /** The elements in view; of floating-point numbers all that are none count alike. */
  #view(view: ArrayBufferView): void {
    const hash = this.#hash
    hash.word(tag.view)
    hash.text(kindOf(view))
    const isFloat = view instanceof Float64Array || view instanceof Float32Array
    if (!isFloat || !hasNaN(view)) {
      return this.#bytes(view.buffer, view.byteOffset, view.byteLength)
    }
    hash.word(tag.list)
    for (const value of view) this.#number(value)
  }

  #bytes(buffer: ArrayBufferLike, from: number, length: number): void {
    // A buffer that was transferred has no bytes, and no view of it can be made.
    this.#hash.bytes(length === 0 ? noBytes : new Uint8Array(buffer, from, length))
  }
}
