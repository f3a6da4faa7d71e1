/**
 * The turn of a member that follows: how long it processes before the event loop gets its turn.
 *
 * Reading the clock costs as much as a small frame. So while frames are quick it is read for one of
 * many; a program that becomes slow has processed at most that many before it is noticed.
 */

import type { ClockPort } from '../runtime/ports-clock.js'
import { elapsed, type Instant, instant } from '../units.js'
import { turnMs } from './pace.js'

/** Frames from one look at the clock to the next, while as many take less than a quarter turn. */
const framesALook = 16

export class Turn {
  readonly #clock: ClockPort
  #begunAt: Instant = instant(0)
  #lookedAt: Instant = instant(0)
  /** Frames before the next look. */
  #unlooked = 0

  constructor(clock: ClockPort) {
    this.#clock = clock
  }

  begin(): void {
    this.#begunAt = this.#clock.now()
    this.#lookedAt = this.#begunAt
    this.#unlooked = 0
  }

  /** Asked after each frame. */
  isOver(): boolean {
    if (this.#unlooked > 0) {
      this.#unlooked -= 1
      return false
    }
    const now = this.#clock.now()
    const areQuick = elapsed(this.#lookedAt, now) < turnMs / 4
    this.#lookedAt = now
    if (areQuick) this.#unlooked = framesALook - 1
    return elapsed(this.#begunAt, now) >= turnMs
  }
}
