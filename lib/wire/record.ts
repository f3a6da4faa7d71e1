/**
 * The record of a pair as bytes: what an arbiter keeps and compares, and what lies in a file.
 *
 * The encoding is canonical: two records are equal exactly when their bytes are, so whoever only
 * keeps bytes (etcd, a witness) can compare the whole. Therefore the members in sync, which are a
 * set, are written in order and once, and reading refuses any other spelling.
 *
 * ```
 *  0 u8 version (1)   1 u8 primary (0 a, 1 b)   2 u8 count of members in sync   3 u8 zero
 *  4 u32 zero         8 u64 epoch              16 16 bytes history
 * 32 16 bytes claim
 * 48 count × ( u64 incarnation, u8 member, 7 bytes zero ), ascending by member, then incarnation
 *  … u32 CRC-32C of all before it
 * ```
 * Little-endian but for history and claim, whose digits stand in order. Reading is total: what is
 * no record of this version gives undefined, never a guess. Pure: no I/O, no time.
 */

import type { ArbiterRecord, Holder } from '../core/state.js'
import {
  type Epoch,
  epochOf,
  type HistoryId,
  historyId,
  incarnationOf,
  type MemberId,
} from '../units.js'
import { crc32c } from './crc32c.js'

export type { ArbiterRecord } from '../core/state.js'

/** Most incarnations in sync: a pair has two, and a bound keeps a forged length from costing. */
export const mostHolders = 8

const version = 1
const headBytes = 48
const holderBytes = 16
const sumBytes = 4

/** Longest encoding, in bytes. */
export const mostRecordBytes: number = headBytes + mostHolders * holderBytes + sumBytes

const members: readonly MemberId[] = ['a', 'b']

/**
 * The bytes of `record`. The order in which `inSync` names its members does not count.
 *
 * @throws RangeError for more than `mostHolders` incarnations in sync or a claim out of bounds.
 */
export function encodeRecord(record: ArbiterRecord): Uint8Array {
  const holders = inOrder(record.inSync)
  if (holders.length > mostHolders)
    throw new RangeError(`a record has at most ${mostHolders} in sync, not ${holders.length}`)
  if (record.claim < 0n || record.claim >= 1n << 128n)
    throw new RangeError(`a claim must be 0 to 2^128 - 1, not ${record.claim}`)
  const bytes = new Uint8Array(headBytes + holders.length * holderBytes + sumBytes)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, version)
  view.setUint8(1, members.indexOf(record.primary))
  view.setUint8(2, holders.length)
  view.setBigUint64(8, BigInt(record.epoch), true)
  putDigits(bytes, 16, record.history)
  putDigits(bytes, 32, record.claim.toString(16).padStart(32, '0'))
  holders.forEach(({ member, incarnation }, index) => {
    const at = headBytes + index * holderBytes
    view.setBigUint64(at, incarnation, true)
    view.setUint8(at + 8, members.indexOf(member))
  })
  const end = bytes.length - sumBytes
  view.setUint32(end, crc32c(bytes.subarray(0, end)), true)
  return bytes
}

/** The record in `bytes`, or undefined when they are not the bytes of one. */
export function decodeRecord(bytes: Uint8Array): ArbiterRecord | undefined {
  const count = (bytes.length - headBytes - sumBytes) / holderBytes
  if (!Number.isInteger(count) || count < 0 || count > mostHolders) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = bytes.length - sumBytes
  if (view.getUint32(end, true) !== crc32c(bytes.subarray(0, end))) return undefined
  const primary = members[view.getUint8(1)]
  const epoch = epochAt(view, 8)
  const inSync = holdersAt(view, count)
  if (view.getUint8(0) !== version || view.getUint8(2) !== count) return undefined
  if (view.getUint8(3) !== 0 || view.getUint32(4) !== 0) return undefined
  if (primary === undefined || epoch === undefined || inSync === undefined) return undefined
  const claim = BigInt(`0x${digitsAt(bytes, 32)}`)
  return { history: historyAt(bytes), epoch, primary, inSync, claim }
}

/** Whether both say the same, or neither says anything. */
export function areSameRecords(
  one: ArbiterRecord | undefined,
  other: ArbiterRecord | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other
  const bytes = encodeRecord(other)
  return areSameBytes(encodeRecord(one), bytes)
}

/** Whether both are the same bytes. */
export function areSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

function inOrder(holders: readonly Holder[]): readonly Holder[] {
  const sorted = [...holders].sort((one, other) => (isBefore(one, other) ? -1 : 1))
  return sorted.filter((holder, index) => {
    const before = sorted[index - 1]
    return before === undefined || isBefore(before, holder)
  })
}

function isBefore(one: Holder, other: Holder): boolean {
  if (one.member !== other.member) return one.member < other.member
  return one.incarnation < other.incarnation
}

// Undefined where a field is out of bounds or the order is not the one of `inOrder`.
function holdersAt(view: DataView, count: number): readonly Holder[] | undefined {
  const holders: Holder[] = []
  for (let index = 0; index < count; index++) {
    const at = headBytes + index * holderBytes
    const number = view.getBigUint64(at, true)
    const member = members[view.getUint8(at + 8)]
    const isPadded = view.getUint32(at + 8, true) < 256 && view.getUint32(at + 12) === 0
    if (number === 0n || member === undefined || !isPadded) return undefined
    const holder = { member, incarnation: incarnationOf(number) }
    const before = holders.at(-1)
    if (before !== undefined && !isBefore(before, holder)) return undefined
    holders.push(holder)
  }
  return holders
}

function epochAt(view: DataView, at: number): Epoch | undefined {
  const value = view.getBigUint64(at, true)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : epochOf(Number(value))
}

function historyAt(bytes: Uint8Array): HistoryId {
  return historyId(digitsAt(bytes, 16))
}

function putDigits(bytes: Uint8Array, at: number, digits: string): void {
  for (let index = 0; index < 16; index++)
    bytes[at + index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16)
}

function digitsAt(bytes: Uint8Array, at: number): string {
  let digits = ''
  for (const byte of bytes.subarray(at, at + 16)) digits += byte.toString(16).padStart(2, '0')
  return digits
}
