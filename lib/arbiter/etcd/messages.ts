/**
 * Questions to etcd's JSON gateway and what its answers mean: values to values, no I/O.
 *
 * Bytes are base64, whole numbers of 64 bits are text, and what has its default value is left out
 * (a transaction that was not done has no `succeeded`). Which refusals surely changed nothing is
 * decided here: those that etcd gives before it proposes anything.
 */

/** What a range, or the range in a transaction, has found. */
export type Found =
  | { readonly kind: 'found'; readonly value: Uint8Array | undefined }
  | { readonly kind: 'swapped' }
  /** Who asks is not known, or not known any more: authenticate and ask again. */
  | { readonly kind: 'stranger'; readonly why: string }
  /** It answered, and will not do it; nothing was changed. */
  | { readonly kind: 'refused'; readonly why: string }
  /** It could not do it, or does not know whether it did. */
  | { readonly kind: 'failed'; readonly why: string }

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** A linearizable read of one key: that is the default of a range. */
export function rangeOf(key: Uint8Array): object {
  return { key: base64(key) }
}

/** Puts `next` in the place of `expected`, the whole value, or of nothing; else reads. */
export function swapOf(
  key: Uint8Array,
  expected: Uint8Array | undefined,
  next: Uint8Array,
): object {
  const name = base64(key)
  // A key that is not there was created at revision 0; comparing its value would always fail.
  const compare =
    expected === undefined
      ? { key: name, target: 'CREATE', result: 'EQUAL', create_revision: '0' }
      : { key: name, target: 'VALUE', result: 'EQUAL', value: base64(expected) }
  return {
    compare: [compare],
    success: [{ request_put: { key: name, value: base64(next) } }],
    failure: [{ request_range: { key: name } }],
  }
}

/** What the answer to a range says. */
export function readRange(status: number, body: unknown): Found {
  if (status !== 200) return refusalOf(status, body)
  return foundIn(body)
}

/** What the answer to a swap says. */
export function readSwap(status: number, body: unknown): Found {
  if (status !== 200) return refusalOf(status, body)
  if (fieldOf(body, 'succeeded') === true) return { kind: 'swapped' }
  const responses = fieldOf(body, 'responses')
  const [first]: readonly unknown[] = Array.isArray(responses) ? responses : []
  return foundIn(fieldOf(first, 'response_range', 'responseRange'))
}

/** The token in the answer to an authentication, or why there is none. */
export function readToken(status: number, body: unknown): string | Found {
  const token = fieldOf(body, 'token')
  if (status === 200 && typeof token === 'string') return token
  const refusal = refusalOf(status, body)
  // A user that it does not take will not be taken the next time either.
  return refusal.kind === 'stranger' ? { ...refusal, kind: 'refused' } : refusal
}

function foundIn(range: unknown): Found {
  // Every answer has a header; without one it is somebody else's.
  if (fieldOf(range, 'header') === undefined) return strange
  const kvs = fieldOf(range, 'kvs')
  if (kvs === undefined) return { kind: 'found', value: undefined }
  const [first]: readonly unknown[] = Array.isArray(kvs) ? kvs : []
  if (first === undefined) return { kind: 'found', value: undefined }
  const value = fieldOf(first, 'value') ?? ''
  if (typeof value !== 'string') return strange
  return { kind: 'found', value: Uint8Array.from(Buffer.from(value, 'base64')) }
}

const strange: Found = { kind: 'failed', why: 'what answers there is no etcd' }

// Codes of gRPC.
const invalidArgument = 3
const permissionDenied = 7
const failedPrecondition = 9
const unauthenticated = 16

function refusalOf(status: number, body: unknown): Found {
  const code = fieldOf(body, 'code', 'grpc_code')
  const message = fieldOf(body, 'message', 'error')
  const why = typeof message === 'string' ? message : `HTTP status ${status}`
  if (status === 404) {
    const what = 'there is no /v3 there: etcd is older than 3.4, or its JSON gateway is off'
    return { kind: 'refused', why: what }
  }
  const isOldToken = code === invalidArgument && /revision of auth store is old/.test(why)
  if (code === unauthenticated || isOldToken) return { kind: 'stranger', why }
  const isFinal =
    code === invalidArgument || code === permissionDenied || code === failedPrecondition
  return { kind: isFinal ? 'refused' : 'failed', why }
}

function fieldOf(value: unknown, ...names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  for (const name of names) if (Object.hasOwn(value, name)) return Reflect.get(value, name)
  return undefined
}
