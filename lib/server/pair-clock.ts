/**
 * Pair time: the stamps of the frames, in milliseconds since the epoch, that never go back.
 *
 * The first primary begins at its wall clock. A new primary goes on from the former one's stamps by
 * its own monotonic clock, wherever its wall clock stands, and then slews towards it, so that a
 * takeover between hosts whose clocks differ moves no timer (docs/PROTOCOL.md#14).
 * It reads no clock: both readings are arguments.
 */

import type { Instant } from '../units.js'

/**
 * 500 ppm, what adjtime(3) does: 5 s of difference are gone after some three hours, unnoticed by
 * anyone.
 */
const slewPerMilli = 0.0005

export class PairClock {
  /** Pair time minus monotonic time, in milliseconds; undefined before the first reading. */
  #offset: number | undefined
  #last = 0
  #lastReading = 0

  /** The newest stamp given or seen. */
  get last(): number {
    return this.#last
  }

  /** The stamp for a frame that this member, ruling, numbers at this moment. Whole milliseconds. */
  stamp(now: Instant, wall: number): number {
    const target = wall - now
    if (this.#offset === undefined) {
      this.#offset = target
    } else {
      const most = Math.max(0, now - this.#lastReading) * slewPerMilli
      this.#offset += Math.max(-most, Math.min(most, target - this.#offset))
    }
    this.#lastReading = now
    this.#last = Math.max(this.#last, Math.floor(now + this.#offset))
    return this.#last
  }

  /** A frame of the ruling member arrived at `now` with `stamp`: this is where to go on from. */
  observe(stamp: number, now: Instant): void {
    this.#offset = stamp - now
    this.#lastReading = now
    this.#last = Math.max(this.#last, stamp)
  }

  /** After a load: goes on from `stamp`. */
  reset(stamp: number, now: Instant): void {
    this.#last = stamp
    this.#offset = stamp === 0 ? undefined : stamp - now
    this.#lastReading = now
  }
}
