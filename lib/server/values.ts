/**
 * Small looks at the values of a state, for those who walk it: the digest, and the check of what a
 * load would change.
 */

import { types } from 'node:util'

/** Any object, by its properties. */
export type Bag = Readonly<Record<PropertyKey, unknown>>

/** Whether both name the same properties in the same order. */
export function areAlike(names: readonly string[], others: readonly string[]): boolean {
  if (names.length !== others.length) return false
  for (let at = 0; at < names.length; at += 1) if (names[at] !== others[at]) return false
  return true
}

/** A plain loop: `some` calls back for each element, which costs ten times as much. */
export function hasNaN(view: Float32Array | Float64Array): boolean {
  for (let at = 0; at < view.length; at += 1) if (Number.isNaN(view[at])) return true
  return false
}

/** `Buffer` and the names of typed arrays: a load gives back the same. */
export function kindOf(view: ArrayBufferView): string {
  if (Buffer.isBuffer(view)) return 'Buffer'
  return types.isTypedArray(view) ? view[Symbol.toStringTag] : 'DataView'
}

export function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null
}
