/**
 * `sharedState`: a state of fixed fields in shared memory, in place of one that `init` returns.
 *
 * Such a state is loaded page by page by native threads while the program works on; one of plain
 * JavaScript values blocks the event loop for as long as it takes to serialize it. This class knows
 * the layout and makes the views; where the memory comes from and how it travels is not known here.
 */

import { createHash } from 'node:crypto'
import {
  type BytesField,
  type Layout,
  type ListField,
  layoutOf,
  type NumberKind,
  rawLayout,
  type Schema,
} from './schema.js'
import { viewsOf } from './views.js'

interface ArrayOf {
  readonly i8: Int8Array<ArrayBuffer>
  readonly u8: Uint8Array<ArrayBuffer>
  readonly i16: Int16Array<ArrayBuffer>
  readonly u16: Uint16Array<ArrayBuffer>
  readonly i32: Int32Array<ArrayBuffer>
  readonly u32: Uint32Array<ArrayBuffer>
  readonly i64: BigInt64Array<ArrayBuffer>
  readonly u64: BigUint64Array<ArrayBuffer>
  readonly f32: Float32Array<ArrayBuffer>
  readonly f64: Float64Array<ArrayBuffer>
}

type NumberOf<Kind> = Kind extends 'i64' | 'u64' ? bigint : number

type ListOf<Given> = {
  [Kind in NumberKind]: Given extends { readonly [Key in Kind]: number } ? ArrayOf[Kind] : never
}[NumberKind]

type ViewOf<Given> = Given extends BytesField
  ? ArrayOf['u8']
  : Given extends ListField
    ? ListOf<Given>
    : never

type NumberName<Given extends Schema> = {
  [Name in keyof Given]: Given[Name] extends NumberKind ? Name : never
}[keyof Given]

/**
 * The state of a schema as `process` has it: numbers can be set, lists and byte strings are typed
 * arrays whose elements can.
 */
export type StateOf<Given extends Schema> = {
  -readonly [Name in NumberName<Given>]: NumberOf<Given[Name]>
} & {
  readonly [Name in Exclude<keyof Given, NumberName<Given>>]: ViewOf<Given[Name]>
}

/** The views of one region. */
export interface SharedViews<State> {
  readonly state: State
  /** What must be done to equal states before their bytes are compared. */
  readonly canonicalise: () => void
}

const digestLength = 16

/** The plan of a shared state: made by `sharedState`, given to `openMember` as `app.state`. */
export class SharedState<State> {
  /** Bytes of the region: whole pages. */
  readonly bytes: number
  /** Equal for equal layouts only: compared at the handshake. */
  readonly digest: string
  readonly #open: (buffer: ArrayBuffer) => SharedViews<State>

  constructor(layout: Layout, open: (buffer: ArrayBuffer) => SharedViews<State>) {
    this.bytes = layout.bytes
    const hash = createHash('sha256').update(layout.text).digest('hex')
    this.digest = hash.slice(0, digestLength)
    this.#open = open
  }

  /** The views of `buffer`, which has at least `bytes`. They are of no use when it is detached. */
  open(buffer: ArrayBuffer): SharedViews<State> {
    return this.#open(buffer)
  }
}

/**
 * A state in shared memory: fields by name, or so many bytes without any. All of it begins as
 * zeros.
 *
 * @throws ConfigError when a field is of no known kind, a count is no whole number of at least 1,
 * there is no field, or all of them take more than 4 GiB.
 */
export function sharedState(schema: { readonly bytes: number }): SharedState<ArrayOf['u8']>
export function sharedState<const Given extends Schema>(schema: Given): SharedState<StateOf<Given>>
export function sharedState(schema: Schema | { readonly bytes: number }): SharedState<unknown> {
  if (isRaw(schema)) {
    const { bytes } = schema
    return new SharedState(rawLayout(bytes), (buffer) => ({
      state: new Uint8Array(buffer, 0, bytes),
      canonicalise: () => {},
    }))
  }
  const layout = layoutOf(schema)
  return new SharedState(layout, (buffer) => {
    const { properties, canonicalise } = viewsOf(layout, buffer)
    const state: unknown = Object.freeze(Object.create(Object.prototype, properties))
    return { state, canonicalise }
  })
}

function isRaw(schema: Schema | { readonly bytes: number }): schema is { readonly bytes: number } {
  return Object.keys(schema).length === 1 && typeof schema['bytes'] === 'number'
}
