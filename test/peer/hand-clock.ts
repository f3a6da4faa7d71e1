/**
 * A clock that stands still until it is moved by hand; what happens at the end of a turn is left to
 * the real one.
 */

import { systemClock } from '#lib/runtime/clock.js'
import type { ClockPort } from '#lib/runtime/ports-clock.js'
import { after, type Instant, instant, type Millis } from '#lib/units.js'

interface Waiting {
  readonly delay: Millis
  readonly due: Instant
  readonly fire: () => void
}

export class HandClock implements ClockPort {
  #now = instant(0)
  readonly #waiting = new Set<Waiting>()

  /** The delays of the timers that are set, in the order of setting. */
  get delays(): number[] {
    return [...this.#waiting].map(({ delay }) => delay)
  }

  now(): Instant {
    return this.#now
  }

  wall(): number {
    return 0
  }

  setTimer(delay: Millis, fire: () => void): { clear(): void } {
    const waiting = { delay, due: after(this.#now, delay), fire }
    this.#waiting.add(waiting)
    return { clear: () => this.#waiting.delete(waiting) }
  }

  defer(run: () => void): void {
    systemClock.defer(run)
  }

  nextTurn(run: () => void): void {
    systemClock.nextTurn(run)
  }

  /** Moves on by `delay` and fires what is due. */
  move(delay: Millis): void {
    this.#now = after(this.#now, delay)
    for (const waiting of [...this.#waiting]) {
      if (waiting.due > this.#now) continue
      this.#waiting.delete(waiting)
      waiting.fire()
    }
  }
}
