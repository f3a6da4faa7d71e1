/**
 * The port to the arbiter: a third party that keeps the record of the pair and changes it by
 * comparing the whole of it.
 *
 * It keeps and compares, and decides nothing: who may claim, when, and what a lost answer means are
 * matters of the rules. Implementations are in `lib/arbiter`; each passes the same contract test.
 * Must stay types only.
 */

import type { ArbiterRecord } from '../core/state.js'
import type { PairError } from '../errors.js'
import type { Instant } from '../units.js'

export type { ArbiterRecord } from '../core/state.js'

/** How a swap ended that was answered. */
export type SwapOutcome =
  | { readonly isSwapped: true }
  /** Nothing was changed. `found` is what was kept instead of `expected`. */
  | { readonly isSwapped: false; readonly found: ArbiterRecord | undefined }

/** What a listener of `watch` is told. */
export type ArbiterSight =
  /** The record is another one than was told last; undefined: nothing was ever kept. */
  | { readonly kind: 'record'; readonly record: ArbiterRecord | undefined }
  /** Whether the arbiter answers, and since when. */
  | {
      readonly kind: 'reach'
      readonly isReachable: boolean
      readonly since: Instant
      /** Why not, where it is not reachable. */
      readonly error: PairError | undefined
    }

/**
 * The arbiter of one pair.
 *
 * Every failure is a PairError with one of these codes:
 *
 * - `ERR_HOTPAIR_ARBITER_UNREACHABLE`: it did not answer, and what was asked was surely not done.
 * - `ERR_HOTPAIR_ARBITER_UNKNOWN`: a swap was sent and its answer was lost: it may have been
 *   done, or may *still* be done for as long as the network and the arbiter hold it back. Read the
 *   record: if it bears the own `claim` the swap was done; if it is `expected` nothing is known
 *   yet, and the same swap may be asked for again; if it is any other, the swap was done and
 *   another one came after it, or it never was and never will be, for no claim is drawn twice.
 * - `ERR_HOTPAIR_ARBITER_REFUSED`: it answered and does not serve this member: wrong secret,
 *   pair, user or version. Asking again helps when somebody has mended that.
 * - `ERR_HOTPAIR_ARBITER_RECORD`: what it keeps cannot be read, or is not of this pair.
 * - `ERR_HOTPAIR_CLOSED`: after `close()`.
 *
 * A `signal` that aborts ends the wait, and the call rejects with its reason; an aborted swap is
 * one whose answer was lost. Each call ends by itself within the time-outs of the implementation.
 */
export interface ArbiterPort {
  /** For people: which arbiter it is, as `witness 10.0.0.3:7500`. */
  readonly name: string

  /**
   * The record as of a moment within this call (linearizable: it is never older than what any
   * member was told before the call). Undefined: nothing was ever kept for this pair.
   */
  read(signal?: AbortSignal): Promise<ArbiterRecord | undefined>

  /**
   * Puts `next` in the place of `expected`, at once and durably, if the whole of what is kept
   * equals `expected`; undefined: if nothing was ever kept.
   *
   * Guarantees: of all swaps from the same `expected`, by whomever, at most one is done.
   */
  swap(
    expected: ArbiterRecord | undefined,
    next: ArbiterRecord,
    signal?: AbortSignal,
  ): Promise<SwapOutcome>

  /**
   * Calls `listener` with what is seen from here on, beginning with what is found first; never
   * during this call. From the first listener on the arbiter is looked at all the time. Records may
   * be skipped, the newest comes. Returns what ends it.
   */
  watch(listener: (sight: ArbiterSight) => void): () => void

  /** Ends everything that is under way; no listener is called afterwards. Idempotent. */
  close(): Promise<void>
}
