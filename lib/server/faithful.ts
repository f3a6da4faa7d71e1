/**
 * What a load would change: values that a structured clone takes, and gives back otherwise.
 *
 * A class instance comes back as a plain object, two views of one buffer as two buffers, a pattern
 * with its `lastIndex` at 0. The member that loads such a state processes the next frame
 * otherwise, and the pair comes apart later and far away. So a state is looked through before it is
 * sent, and the first such value is named.
 */

import { types } from 'node:util'
import type { Bag } from './values.js'

/** Looks at each object of a state once; says what a load would change in it. */
export class Faithful {
  /** Prototypes of the language itself, of any realm, and others. */
  readonly #areBuiltIn = new Map<object | null, boolean>()
  readonly #ranges = new Map<ArrayBufferLike, [from: number, to: number][]>()
  #objection: string | undefined

  /** The first objection so far, to be put behind "the state holds". */
  get objection(): string | undefined {
    return this.#objection
  }

  /** Any object but a plain one and a list of our own realm. */
  look(object: Bag): void {
    if (this.#objection !== undefined) return
    this.#objection = this.#judge(object)
  }

  #judge(object: Bag): string | undefined {
    const prototype: object | null = Object.getPrototypeOf(object)
    if (!this.#isBuiltIn(prototype)) {
      return `an instance of the class ${nameOf(prototype)}, of which a load gives back the data alone`
    }
    if (ArrayBuffer.isView(object)) {
      return this.#overlap(object.buffer, object.byteOffset, object.byteLength)
    }
    if (types.isAnyArrayBuffer(object)) return this.#overlap(object, 0, object.byteLength)
    if (types.isRegExp(object) && object.lastIndex !== 0) {
      return `the pattern ${String(object)} with a lastIndex of ${object.lastIndex}, which a load sets to 0`
    }
    // Without a prototype, or with that of another realm's literals, it is a plain object.
    if (prototype === null || Object.getPrototypeOf(prototype) === null) return undefined
    if (Array.isArray(object) || types.isBoxedPrimitive(object)) return undefined
    const [name] = Object.keys(object)
    if (name === undefined) return undefined
    return `an object of ${nameOf(prototype)} with the property ${JSON.stringify(name)}, which a load leaves out`
  }

  /**
   * Two that share bytes would be apart after a load: writing to one would not change the other.
   */
  #overlap(buffer: ArrayBufferLike, from: number, length: number): string | undefined {
    if (length === 0) return undefined
    const ranges = this.#ranges.get(buffer) ?? []
    const isShared = ranges.some(([start, end]) => from < end && start < from + length)
    if (isShared) return 'two views of the same bytes of one ArrayBuffer, which a load takes apart'
    ranges.push([from, from + length])
    this.#ranges.set(buffer, ranges)
    return undefined
  }

  #isBuiltIn(prototype: object | null): boolean {
    const known = this.#areBuiltIn.get(prototype)
    if (known !== undefined) return known
    const isBuiltIn = isOfTheLanguage(prototype)
    this.#areBuiltIn.set(prototype, isBuiltIn)
    return isBuiltIn
  }
}

function isOfTheLanguage(prototype: object | null): boolean {
  if (prototype === null || prototype === Buffer.prototype) return true
  const maker = prototype.constructor
  if (typeof maker !== 'function' || maker.prototype !== prototype) {
    // Literals of another realm end here too.
    return Object.getPrototypeOf(prototype) === null
  }
  return /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(maker))
}

function nameOf(prototype: object | null): string {
  const name: unknown = prototype?.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'no name'
}
