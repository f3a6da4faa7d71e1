/**
 * From a schema to where each field lies: in the order given, each aligned to its element, little
 * endian, up to a whole number of pages.
 *
 * Both members must lay a state out alike to the byte, because it travels as bytes; so the layout
 * follows from the schema by rules that stand here and nowhere else, and the schema is compared at
 * the handshake. Pure.
 */

import { ConfigError } from '../errors.js'

/** Raised when equal schemas would be laid out otherwise than before. */
const layoutVersion = 1

/** Memory is moved by pages of this many bytes. */
export const pageBytes = 4_096

/** Bytes of one element of each kind. */
export const kindBytes = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  f32: 4,
  f64: 8,
} as const

/** What a number is kept as: `i` signed, `u` unsigned, `f` floating; of 64 bits a bigint. */
export type NumberKind = keyof typeof kindBytes

/** A list of `count` numbers of one kind: `{ f64: 1000 }`. */
export type ListField = {
  [Kind in NumberKind]: { readonly [Key in Kind]: number } & {
    readonly [Other in Exclude<NumberKind, Kind> | 'bytes']?: never
  }
}[NumberKind]

/** A byte string of fixed length: `{ bytes: 64 }`. */
export type BytesField = { readonly bytes: number } & { readonly [Other in NumberKind]?: never }

/** One field: a number, a list of numbers, a byte string. */
export type Field = NumberKind | ListField | BytesField

/** Fields by name. */
export type Schema = { readonly [Name in string]: Field }

/** Where one field lies. */
export interface Place {
  readonly name: string
  readonly kind: NumberKind
  readonly isList: boolean
  /** In bytes from the beginning. */
  readonly offset: number
  /** Elements; 1 of a number. */
  readonly count: number
}

export interface Layout {
  readonly places: readonly Place[]
  /** Whole pages. */
  readonly bytes: number
  /** The schema in one line: equal for equal layouts only. */
  readonly text: string
}

const mostFields = 1_000
const mostNameLength = 64
/** Longest state: what a length of an `ArrayBuffer` and a load may be. */
export const mostBytes: number = 4_096 * 1_048_576

/** The layout of fields. Throws ConfigError. */
export function layoutOf(schema: Schema): Layout {
  const names = Object.keys(schema)
  if (names.length === 0 || names.length > mostFields) {
    throw wrong(`must have 1 to ${mostFields} fields, not ${names.length}`)
  }
  const places: Place[] = []
  let end = 0
  for (const name of names) {
    const place = placeOf(name, schema[name], end)
    places.push(place)
    end = place.offset + place.count * kindBytes[place.kind]
    if (end > mostBytes) throw wrong(`must take at most ${mostBytes} bytes; ${name} ends beyond`)
  }
  const text = places.map(({ name, kind, isList, count }) =>
    [JSON.stringify(name), kind, isList ? count : ''].join(':'),
  )
  return { places, bytes: wholePages(end), text: [layoutVersion, ...text].join(' ') }
}

/** The layout of `bytes` without fields. Throws ConfigError. */
export function rawLayout(bytes: number): Layout {
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > mostBytes) {
    throw wrong(`bytes must be a whole number from 1 to ${mostBytes}, not ${bytes}`)
  }
  return { places: [], bytes: wholePages(bytes), text: `${layoutVersion} raw:${bytes}` }
}

function placeOf(name: string, field: unknown, after: number): Place {
  const where = `field ${JSON.stringify(name.slice(0, mostNameLength))}`
  // Names of the prototype would be hidden by a field, or hide it.
  if (name.length === 0 || name.length > mostNameLength || name in {}) {
    throw wrong(`${where} must have a name of 1 to ${mostNameLength} characters of its own`)
  }
  const { kind, count } = shapeOf(field, where)
  const element = kindBytes[kind]
  const offset = Math.ceil(after / element) * element
  return { name, kind, isList: count !== undefined, offset, count: count ?? 1 }
}

function shapeOf(
  field: unknown,
  where: string,
): { readonly kind: NumberKind; readonly count: number | undefined } {
  const kinds = Object.keys(kindBytes).join(', ')
  if (isKind(field)) return { kind: field, count: undefined }
  const entries = typeof field === 'object' && field !== null ? Object.entries(field) : []
  const [entry] = entries
  const count: unknown = entry?.[1]
  const kind = entry?.[0] === 'bytes' ? 'u8' : entry?.[0]
  if (entries.length !== 1 || !isKind(kind)) {
    throw wrong(`${where} must be one of ${kinds}, a list such as { f64: 10 } or { bytes: 10 }`)
  }
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) {
    throw wrong(`${where} must have a whole number of elements of at least 1, not ${count}`)
  }
  return { kind, count }
}

function isKind(value: unknown): value is NumberKind {
  return typeof value === 'string' && Object.hasOwn(kindBytes, value)
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / pageBytes) * pageBytes
}

function wrong(what: string): ConfigError {
  return new ConfigError('app.state', `the schema of a shared state: ${what}`)
}
