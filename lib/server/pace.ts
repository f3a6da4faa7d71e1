/**
 * How fast a primary takes inputs: its soft bounds, and how many frames fit in one turn, by their
 * outputs and by the time that the program takes.
 *
 * Above half of what may be unacknowledged, or of the outbox, intake waits and the senders with it.
 * The other half is room for what one turn adds, so the bounds themselves are never passed by more
 * than a turn.
 */

import type { Feed } from '../sync/feed.js'
import type { Millis } from '../units.js'
import type { Ledger } from './ledger.js'

/** Inputs numbered before the event loop gets a turn, at most. */
const inputsATurn = 512
/**
 * Milliseconds of processing before the event loop gets a turn, on either member: a few frames of a
 * slow program, and far from what counts as hanging (`hangAfterMs`, 500 by default).
 */
export const turnMs = 10
/**
 * Frames that are numbered before they are processed, and not looked at the clock between: at 256
 * bytes they are a write of 36 KiB. Half of it costs twice as many system calls here, and twice as
 * many wake-ups at the other end; twice of it wins nothing.
 */
const framesAtOnce = 128
/** In the first turn, when nothing is known of how much the program sends for an input. */
const inputsInFirstTurn = 16

export interface PaceOptions {
  readonly outboxBytes: number
  readonly unacknowledgedBytes: number
}

export class Pace {
  readonly #options: PaceOptions
  readonly #ledger: Ledger
  #mostATurn = inputsInFirstTurn
  #mostAtOnce = inputsInFirstTurn

  constructor(options: PaceOptions, ledger: Ledger) {
    this.#options = options
    this.#ledger = ledger
  }

  /** Inputs that one turn may number. */
  get mostATurn(): number {
    return this.#mostATurn
  }

  /** Frames of it that are numbered at once: what is numbered is processed in the same turn. */
  get mostAtOnce(): number {
    return this.#mostAtOnce
  }

  /**
   * `count` frames took `took` and have added `bytes` of outputs: the next turn stays below a
   * quarter of the outbox, and what is numbered at once below `turnMs`.
   */
  learn(count: number, bytes: number, took: Millis): void {
    if (count === 0) return
    const inTime = Math.floor((turnMs * count) / Math.max(0.001, took))
    this.#mostAtOnce = Math.min(framesAtOnce, Math.max(1, inTime))
    const bytesAFrame = Math.max(1, bytes / count)
    const most = Math.floor(this.#options.outboxBytes / 4 / bytesAFrame)
    this.#mostATurn = Math.min(inputsATurn, Math.max(1, most))
  }

  /** Whether intake waits. `isBound`: nothing counts before the mirror has acknowledged it. */
  isThrottled(feed: Feed | undefined, isBound: boolean): boolean {
    const { unacknowledgedBytes, outboxBytes } = this.#options
    const unacknowledged = feed?.unacknowledgedBytes ?? 0
    if (isBound && unacknowledged > unacknowledgedBytes / 2) return true
    return this.#ledger.isFull || this.#ledger.bytes > outboxBytes / 2
  }

  /** Whether a mirror that loads has fallen behind by all that is kept for it. */
  isTailTooLong(feed: Feed | undefined): boolean {
    return (feed?.unacknowledgedBytes ?? 0) > this.#options.unacknowledgedBytes
  }
}
