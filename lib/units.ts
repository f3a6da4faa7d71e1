/**
 * The units that must not be mixed, as branded numbers, each with one constructor that checks its
 * range.
 *
 * This is the only place, beside the wire format, that casts. Points in time and durations are
 * different types: only `elapsed` makes one from two of the other. Frame numbers and epochs stay
 * `number`: at a thousand frames a second 2^53 lasts about 285,000 years, and an epoch drawn from
 * the wall clock in milliseconds stays below 2^53 until the year 287,396.
 */

declare const brand: unique symbol
type Branded<Of, Name extends string> = Of & { readonly [brand]: Name }

/** A duration in milliseconds, 0 or more; fractions are allowed. */
export type Millis = Branded<number, 'Millis'>
/** A point on the monotonic clock, in milliseconds. Meaningless outside this process. */
export type Instant = Branded<number, 'Instant'>
/** The number of a reign: odd for member `a`, even for `b`; 0 before any. */
export type Epoch = Branded<number, 'Epoch'>
/** The position of a frame in its history, counted from 1; 0 before the first. */
export type FrameNo = Branded<number, 'FrameNo'>
/** The position of an output in its channel, counted from 1; 0 before the first. */
export type OutputNo = Branded<number, 'OutputNo'>
/** A number of bytes. */
export type Bytes = Branded<number, 'Bytes'>
/** One start of a server: random, 64 bits, never 0. */
export type Incarnation = Branded<bigint, 'Incarnation'>
/** An unbroken line of state: 128 random bits as 32 hexadecimal digits. */
export type HistoryId = Branded<string, 'HistoryId'>
/** The side of a pair. */
export type MemberId = 'a' | 'b'

function whole(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${name} must be a whole number from 0 to 2^53 - 1, not ${value}`)
  return value
}

export function millis(value: number): Millis {
  if (!(value >= 0)) throw new RangeError(`a duration must be 0 ms or more, not ${value}`)
  return value as Millis
}

export function instant(value: number): Instant {
  if (!Number.isFinite(value)) throw new RangeError(`a point in time must be finite, not ${value}`)
  return value as Instant
}

export function epochOf(value: number): Epoch {
  return whole(value, 'an epoch') as Epoch
}

export function frameNo(value: number): FrameNo {
  return whole(value, 'a frame number') as FrameNo
}

export function outputNo(value: number): OutputNo {
  return whole(value, 'an output number') as OutputNo
}

export function bytes(value: number): Bytes {
  return whole(value, 'a size in bytes') as Bytes
}

export function incarnationOf(value: bigint): Incarnation {
  if (value <= 0n || value > 0xffff_ffff_ffff_ffffn)
    throw new RangeError(`an incarnation must be 1 to 2^64 - 1, not ${value}`)
  return value as Incarnation
}

export function historyId(value: string): HistoryId {
  if (!/^[0-9a-f]{32}$/.test(value))
    throw new RangeError(`a history id must be 32 hexadecimal digits, not ${JSON.stringify(value)}`)
  return value as HistoryId
}

/** The point `by` after `from`. */
export function after(from: Instant, by: Millis): Instant {
  return instant(from + by)
}

/** How long it is from `from` to `to`; 0 when `to` lies before. */
export function elapsed(from: Instant, to: Instant): Millis {
  return millis(Math.max(0, to - from))
}

/** The other side. */
export function peerOf(member: MemberId): MemberId {
  return member === 'a' ? 'b' : 'a'
}

/**
 * The first epoch of `member` above `above`: odd for `a`, even for `b`, so that two members never
 * draw the same.
 */
export function nextEpoch(above: Epoch, member: MemberId): Epoch {
  const next = above + 1
  const isOdd = next % 2 === 1
  return epochOf(isOdd === (member === 'a') ? next : next + 1)
}
