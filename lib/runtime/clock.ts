/**
 * The real clock behind `ClockPort`: the only place of the library that calls a timer or reads the
 * time.
 *
 * Timers keep the process alive while they are set: whoever sets one clears it when it closes.
 */

import { type Instant, instant, type Millis } from '../units.js'
import type { ClockPort, Timer } from './ports-clock.js'

// Longest delay that the platform's timers keep; beyond, they fire at once. About 24.8 days.
const longestDelayMs = 2 ** 31 - 1

// Looked up once: the global name is a getter, which costs as much again as reading the time.
const { performance: steady } = globalThis

/** The clock of this process. */
export const systemClock: ClockPort = {
  now(): Instant {
    return instant(steady.now())
  },
  wall(): number {
    return Date.now()
  },
  setTimer(delay: Millis, fire: () => void): Timer {
    // Rounded up, because the platform drops fractions and would fire early.
    const handle = setTimeout(fire, Math.min(Math.ceil(delay), longestDelayMs))
    return { clear: () => clearTimeout(handle) }
  },
  defer(run: () => void): void {
    queueMicrotask(run)
  },
  nextTurn(run: () => void): void {
    setImmediate(run)
  },
}
