/**
 * What a program sees of its shared state: numbers as properties, lists and byte strings as typed
 * arrays, all of them views of one memory without a copy.
 *
 * A number that is none has many bit patterns, and which of them arithmetic leaves behind depends
 * on whether the engine has compiled the line yet (measured: one in the interpreter, another in
 * optimised code). Two members with the same values would differ in their bytes; so one pattern is
 * put in place of all, at once in properties, and in lists before a digest.
 */

import type { Layout } from './schema.js'

const arrays = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const

type FloatArray = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>
type BigArray = BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>
type SmallArray =
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
type AnyArray = FloatArray | BigArray | SmallArray

export interface Views {
  /** Each field by name. */
  readonly properties: PropertyDescriptorMap
  /** Puts one bit pattern in place of all that are no number. */
  readonly canonicalise: () => void
}

/** The views of `layout` in `buffer`, which is at least as long. */
export function viewsOf(layout: Layout, buffer: ArrayBuffer): Views {
  const properties: PropertyDescriptorMap = {}
  const floats: FloatArray[] = []
  for (const { name, kind, isList, offset, count } of layout.places) {
    const array = new arrays[kind](buffer, offset, count)
    if (isList && isFloat(array)) floats.push(array)
    properties[name] = { enumerable: true, ...(isList ? { value: array } : accessorsOf(array)) }
  }
  const canonicalise = () => {
    for (const array of floats) putOneNaN(array)
  }
  return { properties, canonicalise }
}

function accessorsOf(array: AnyArray): PropertyDescriptor {
  const get = () => array[0]
  if (isFloat(array)) return { get, set: (value: number) => setFloat(array, value) }
  if (isBig(array)) {
    const set = (value: bigint) => {
      array[0] = value
    }
    return { get, set }
  }
  const set = (value: number) => {
    array[0] = value
  }
  return { get, set }
}

function setFloat(array: FloatArray, value: number): void {
  array[0] = value
  // The literal is always stored as one pattern; the result of a sum is not.
  if (Number.isNaN(value)) array[0] = Number.NaN
}

function putOneNaN(array: FloatArray): void {
  const { length } = array
  for (let at = 0; at < length; at += 1) {
    const value = array[at]
    if (value !== undefined && Number.isNaN(value)) array[at] = Number.NaN
  }
}

function isFloat(array: AnyArray): array is FloatArray {
  return array instanceof Float32Array || array instanceof Float64Array
}

function isBig(array: AnyArray): array is BigArray {
  return array instanceof BigInt64Array || array instanceof BigUint64Array
}
