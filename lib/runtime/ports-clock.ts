/**
 * The port through which everything below the runtime gets time.
 *
 * Time is an argument, so that the simulator can run the shipped code in virtual time and a test
 * can wait for an hour in no time. `lib/runtime/clock.ts` is the real one; no other file of the
 * library may call a timer or read a clock. Must stay types only.
 */

import type { Instant, Millis } from '../units.js'

/** A timer that has been set. */
export interface Timer {
  /** Takes it back; afterwards it does not fire. Idempotent, and harmless after it has fired. */
  clear(): void
}

/** Time, as the library sees it. */
export interface ClockPort {
  /** The monotonic clock. Never goes back; says nothing about the time of day. */
  now(): Instant
  /** The wall clock, milliseconds since the epoch: for stamps and people, never for durations. */
  wall(): number
  /** Calls `fire` once, not before `delay` has passed and never during this call. */
  setTimer(delay: Millis, fire: () => void): Timer
  /**
   * Calls `run` when the present run of code is done and before anything else arrives: work that is
   * done once a turn.
   */
  defer(run: () => void): void
  /**
   * Calls `run` in the next check phase of the event loop. Between two nested calls all that
   * the kernel holds for this process has been looked at once.
   */
  nextTurn(run: () => void): void
}
