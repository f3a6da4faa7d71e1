/**
 * The receiver's helper: what to hand on, what to drop, what is wrong.
 *
 * Per (pair, history, channel) it keeps the last number taken, the highest epoch with the first
 * number of its reign, and the digests of the last numbers. An envelope is judged by these alone:
 * no clock, no I/O, and never by whether it is marked as a repeat.
 *
 * The order of the questions matters. A lower epoch at or past the first number of a higher one is
 * stale even if its bytes are the same: the higher epoch sends that number itself, and only its
 * confirmation may be given. Below that first number a lower epoch is as good as any: it is the
 * late half of a stream that the higher epoch goes on from.
 */

import { PairError } from '../errors.js'
import { checkEnvelope, type Envelope, isWhole } from './envelope.js'

/** What to do with an envelope. */
export type Verdict =
  /** Hand it on, then confirm. `formerHistory` is set on the first output of a history when
   *  outputs of another one were taken before: the pair has begun anew and counts from 1. */
  | { readonly type: 'new'; readonly formerHistory: string | undefined }
  /** Confirm, do not hand on. `isCompared` is false when its digest is no longer remembered. */
  | { readonly type: 'known'; readonly isCompared: boolean }
  /** Do not confirm: `expected` has not come yet. The pair sends it, then this one again. */
  | { readonly type: 'gap'; readonly expected: number }
  /** Do not confirm: epoch `epoch` rules and sends this number itself. */
  | { readonly type: 'stale'; readonly epoch: number }
  /** Report: other bytes (`digest`) were handed on under this number, so two primaries have ruled.
   *  Confirm when that is dealt with, else the channel stands still; a repeat is `known`. */
  | { readonly type: 'fork'; readonly digest: number }

/** How far one channel of one history has come: plain data, to be kept over a restart. */
export interface Position {
  readonly pair: string
  readonly history: string
  readonly channel: string
  /** The last number taken. */
  readonly last: number
  /** The highest epoch seen. */
  readonly epoch: number
  /** The first number of that epoch. */
  readonly firstOfEpoch: number
  /** Digests of the last numbers taken, that of `last` at the end. */
  readonly digests: readonly number[]
}

export interface ReceiverOptions {
  /** Where a former receiver stood, longest unused first. Default: nowhere. */
  readonly positions?: readonly Position[]
  /** Digests remembered a channel, 1 to 4,096. At least the pair's `inFlight`. Default 64. */
  readonly keep?: number
  /** Positions remembered, 1 to 1,048,576; beyond, the one unused for longest is forgotten.
   *  One bound for pairs, histories and channels together. Default 4,096: about 2 MiB. */
  readonly maxPositions?: number
  /** What an unknown history or channel begins with: number 1, so that nothing can be missed
   *  unseen, or whatever comes first, for a receiver that may forget. Default `'one'`. */
  readonly begin?: 'one' | 'any'
}

/** Knows what was taken. Make one for all connections of a pair, not one a connection. */
export interface Receiver {
  /**
   * Judges the envelope and, where the verdict is `new` or `fork`, steps forward.
   * @throws PairError `ERR_HOTPAIR_ENVELOPE` when a field is out of its bounds.
   */
  take(envelope: Envelope): Verdict
  /** Everything it remembers, longest unused first, to be given to `createReceiver`. */
  positions(): Position[]
}

// The state of one channel. `digests[n % keep]` is the digest of number n for the `held` last n.
interface Channel {
  readonly pair: string
  readonly history: string
  readonly channel: string
  last: number
  epoch: number
  firstOfEpoch: number
  held: number
  readonly digests: Uint32Array
}

/** @throws PairError `ERR_HOTPAIR_CONFIG` when an option is out of its bounds. */
export function createReceiver(options: ReceiverOptions = {}): Receiver {
  const keep = bounded('keep', options.keep ?? 64, 4096)
  const maxPositions = bounded('maxPositions', options.maxPositions ?? 4096, 1_048_576)
  const begin = options.begin ?? 'one'
  if (begin !== 'one' && begin !== 'any') {
    throw configError(`begin must be 'one' or 'any', not ${JSON.stringify(begin)}`)
  }
  // In the order of use: a Map walks its keys as they were set.
  const channels = new Map<string, Channel>()
  for (const position of options.positions ?? []) remember(restore(position, keep))

  function remember(channel: Channel): void {
    const key = keyOf(channel)
    channels.delete(key)
    channels.set(key, channel)
    if (channels.size <= maxPositions) return
    for (const oldest of channels.keys()) {
      channels.delete(oldest)
      return
    }
  }

  // The history in which the pair was heard last, unless `history` itself is known already.
  function historyBefore(pair: string, history: string): string | undefined {
    let before: string | undefined
    for (const channel of channels.values()) {
      if (channel.pair !== pair) continue
      if (channel.history === history) return undefined
      before = channel.history
    }
    return before
  }

  function take(envelope: Envelope): Verdict {
    checkEnvelope(envelope)
    const { pair, history, number } = envelope
    const known = channels.get(keyOf(envelope))
    if (known === undefined) {
      if (begin === 'one' && number !== 1) return { type: 'gap', expected: 1 }
      const formerHistory = historyBefore(pair, history)
      const channel = blank(envelope, keep)
      advance(channel, envelope)
      remember(channel)
      return { type: 'new', formerHistory }
    }
    remember(known)
    if (envelope.epoch > known.epoch) {
      known.epoch = envelope.epoch
      known.firstOfEpoch = envelope.firstOfEpoch
    } else if (envelope.epoch < known.epoch && number >= known.firstOfEpoch) {
      return { type: 'stale', epoch: known.epoch }
    }
    if (number > known.last + 1) return { type: 'gap', expected: known.last + 1 }
    if (number <= known.last) return compare(known, envelope)
    advance(known, envelope)
    return { type: 'new', formerHistory: undefined }
  }

  return { take, positions: () => Array.from(channels.values(), positionOf) }
}

function advance(channel: Channel, { number, digest }: Envelope): void {
  channel.last = number
  channel.digests[number % channel.digests.length] = digest
  channel.held = Math.min(channel.held + 1, channel.digests.length)
}

function compare(channel: Channel, { number, digest }: Envelope): Verdict {
  if (number <= channel.last - channel.held) return { type: 'known', isCompared: false }
  const slot = number % channel.digests.length
  const taken = channel.digests[slot]
  if (taken === undefined || taken === digest) return { type: 'known', isCompared: true }
  channel.digests[slot] = digest
  return { type: 'fork', digest: taken }
}

function blank(envelope: Envelope, keep: number): Channel {
  checkEnvelope(envelope)
  const { pair, history, channel, epoch, firstOfEpoch } = envelope
  const digests = new Uint32Array(keep)
  return { pair, history, channel, last: 0, epoch, firstOfEpoch, held: 0, digests }
}

// Requires: `position` comes from `positions()`, of this version or a later one with more fields.
function restore(position: Position, keep: number): Channel {
  const { last, firstOfEpoch, digests } = position
  if (!isWhole(last, 1) || !isWhole(firstOfEpoch, 1) || !Array.isArray(digests)) {
    throw configError('a position must have last and firstOfEpoch from 1, and a list of digests')
  }
  const number = Math.max(last, firstOfEpoch)
  const channel = blank({ ...position, number, digest: 0, data: new Uint8Array() }, keep)
  const held = digests.slice(-Math.min(keep, last))
  channel.last = last
  channel.held = held.length
  for (const [index, digest] of held.entries()) {
    if (!isWhole(digest, 0) || digest > 0xffff_ffff) {
      throw configError(`a digest of a position must be a whole number below 2^32, not ${digest}`)
    }
    channel.digests[(last - held.length + 1 + index) % keep] = digest
  }
  return channel
}

function positionOf({ pair, history, channel, ...state }: Channel): Position {
  const { last, epoch, firstOfEpoch, held, digests } = state
  const list: number[] = []
  for (let n = last - held + 1; n <= last; n++) list.push(digests[n % digests.length] ?? 0)
  return { pair, history, channel, last, epoch, firstOfEpoch, digests: list }
}

function keyOf(of: { pair: string; history: string; channel: string }): string {
  return `${of.history} ${of.pair.length} ${of.pair} ${of.channel}`
}

function bounded(name: string, value: number, most: number): number {
  if (isWhole(value, 1) && value <= most) return value
  throw configError(`${name} must be a whole number from 1 to ${most}, not ${value}`)
}

function configError(message: string): PairError {
  return new PairError('ERR_HOTPAIR_CONFIG', message)
}
