/**
 * What a member keeps, as the content of its file (`lib/wire/kept.ts`):
 *
 *     u8 member (0 a, 1 b) │ 7 bytes zero │ u64 highest reign that is reserved │ record or nothing
 *
 * Little-endian. Reading is total and guesses nothing. Pure.
 */

import type { PairRecord } from '../core/state.js'
import { type Epoch, epochOf, type MemberId } from '../units.js'
import { decodeKept, encodeKept } from '../wire/kept.js'
import { decodeRecord, encodeRecord } from '../wire/record.js'

/** What survives a restart. */
export interface Kept {
  /** No reign up to this one needs to be kept before it is used. */
  readonly reserved: Epoch
  /** Undefined: no reign was known yet. */
  readonly record: PairRecord | undefined
}

const headBytes = 16
const members: readonly MemberId[] = ['a', 'b']

/** The file of `member` of `pair`. */
export function fileOf(pair: string, member: MemberId, { reserved, record }: Kept): Uint8Array {
  const tail = record === undefined ? new Uint8Array(0) : encodeRecord({ ...record, claim: 0n })
  const content = Buffer.alloc(headBytes + tail.length)
  content.writeUInt8(members.indexOf(member))
  content.writeBigUInt64LE(BigInt(reserved), 8)
  content.set(tail, headBytes)
  return encodeKept('member', pair, content)
}

/** What is kept for `member` of `pair`, or in words why that cannot be told. */
export function keptIn(pair: string, member: MemberId, file: Uint8Array): Kept | string {
  const content = decodeKept('member', pair, file)
  if (typeof content === 'string') return content
  const odd = 'what it says is of another version'
  if (content.length < headBytes) return odd
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  const found = view.getBigUint64(0, true)
  const reserved = view.getBigUint64(8, true)
  if (found > 1n || reserved > BigInt(Number.MAX_SAFE_INTEGER)) return odd
  if (found !== BigInt(members.indexOf(member)))
    return `it belongs to member ${members[Number(found)]}`
  const highest = epochOf(Number(reserved))
  if (content.length === headBytes) return { reserved: highest, record: undefined }
  const record = decodeRecord(content.subarray(headBytes))
  if (record === undefined) return odd
  const { history, epoch, primary, inSync } = record
  return { reserved: highest, record: { history, epoch, primary, inSync } }
}
