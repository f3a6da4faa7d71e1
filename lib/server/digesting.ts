/**
 * When a primary takes a digest of its state for the mirror: every so many frames, and never so
 * often that it costs more than a hundredth of the loop's time.
 *
 * A digest blocks the loop, here and at the mirror, whose acknowledgements wait meanwhile: what
 * would take longer than a bound is not begun. Loads are compared whatever it takes.
 *
 * A frame whose `process` has thrown may have left half of a change behind: the next digest is
 * taken as soon as time allows, without waiting for the count. Who never has a mirror pays nothing.
 */

import type { ClockPort } from '../runtime/ports-clock.js'
import type { Feed } from '../sync/feed.js'
import { elapsed, type Instant, instant } from '../units.js'
import type { Replica } from './replica.js'

/**
 * Longest that a digest may take, in milliseconds, beside a quarter of what the mirror may leave
 * unacknowledged: half of what is seen as a stall on a screen, a fifth of `hangAfterMs`.
 */
const longestMs = 100

/** A digest that took so long is followed by this many times as long without one. */
const restFactor = 99

export interface DigestOptions {
  readonly clock: ClockPort
  /** Frames from one digest to the next; 0: none is taken. */
  readonly digestEvery: number
  readonly ackTimeoutMs: number
}

/** What is digested: the parts of a `Replica` that this takes. */
type Digested = Pick<Replica<unknown>, 'frameNo' | 'faultAt' | 'digest' | 'digestMs' | 'markEqual'>

export class Digesting {
  readonly #replica: Digested
  readonly #clock: ClockPort
  readonly #every: number
  readonly #longestMs: number
  #frameNo = 0
  #restUntil: Instant = instant(0)

  constructor(replica: Digested, { clock, digestEvery, ackTimeoutMs }: DigestOptions) {
    this.#replica = replica
    this.#clock = clock
    this.#every = digestEvery
    this.#longestMs = Math.min(longestMs, ackTimeoutMs / 4)
  }

  /** The last frame whose digest was told, or as of which a mirror was given all. */
  get frameNo(): number {
    return this.#frameNo
  }

  /** A mirror follows from `frameNo` on, where both states were equal. */
  begin(frameNo: number): void {
    this.#frameNo = frameNo
  }

  /**
   * The next frame is processed, in a batch that began at `batchAt`: its digest is told through
   * `feed`, if one is due. A rest may last to the end of a batch; no frame has to read the clock.
   */
  processed(feed: Pick<Feed, 'digest' | 'epoch'> | undefined, batchAt: Instant): void {
    const { frameNo, faultAt, digestMs } = this.#replica
    if (feed === undefined || this.#every === 0 || digestMs > this.#longestMs) return
    if (frameNo - this.#frameNo < this.#every && faultAt <= this.#frameNo) return
    if (batchAt < this.#restUntil) return
    const begun = this.#clock.now()
    feed.digest(frameNo, this.#replica.digest())
    // The mirror finds out whether that is so; if it is not, its own mark stays another one.
    this.#replica.markEqual(feed.epoch)
    const ended = this.#clock.now()
    this.#replica.digestMs = elapsed(begun, ended)
    this.#frameNo = frameNo
    this.#restUntil = instant(ended + restFactor * this.#replica.digestMs)
  }
}
