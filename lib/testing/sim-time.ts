/**
 * Time as one host of a simulated pair has it: virtual time at another rate, from another start.
 *
 * Durations that the host measures are off by its rate, its wall clock by an offset that may jump.
 * Rates are what crystals show and a little more; the rules must hold for any two hosts.
 */

import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { type Instant, instant, type Millis, millis } from '../units.js'
import type { VirtualClock } from './virtual-clock.js'

/** How the clocks of one host differ from virtual time. */
export interface Drift {
  /** Milliseconds that this host counts in one millisecond of virtual time; 1: a true clock. */
  readonly rate: number
  /** What the wall clock is ahead, in milliseconds. */
  readonly wallOffsetMs: number
}

export class SimTime {
  readonly #clock: VirtualClock
  readonly #rate: number
  #wallOffsetMs: number

  constructor(clock: VirtualClock, { rate, wallOffsetMs }: Drift) {
    this.#clock = clock
    this.#rate = rate
    this.#wallOffsetMs = wallOffsetMs
  }

  now(): Instant {
    return instant(this.#clock.now() * this.#rate)
  }

  wall(): number {
    return this.#clock.wallAtStart + this.#clock.now() * this.#rate + this.#wallOffsetMs
  }

  /** The operator, or a time server, sets the wall clock. */
  setWallBy(ms: number): void {
    this.#wallOffsetMs += ms
  }

  setTimer(delay: Millis, fire: () => void): Timer {
    return this.#clock.setTimer(millis(delay / this.#rate), fire)
  }

  /** A timer of a thread that knows no promises. */
  setQuietTimer(delay: Millis, fire: () => void): void {
    this.#clock.setQuietTimer(millis(delay / this.#rate), fire)
  }
}

/** What time as one process has it needs of that process. */
interface Process {
  readonly act: (run: () => void) => void
  /** When the call ends, or has ended, inside which its event loop stands. */
  readonly callEndsAt: () => number
}

/** Time as one process of that host has it: nothing fires but through `act`. */
export function processClock(
  clock: VirtualClock,
  time: SimTime,
  { act, callEndsAt }: Process,
): ClockPort {
  return {
    // What runs behind a call of the same turn runs when that call has returned.
    now: () => instant(Math.max(time.now(), callEndsAt())),
    wall: () => time.wall(),
    setTimer: (delay, fire) => {
      // Taken back while it waits for an event loop that stands still, it does not fire either.
      let isSet = true
      const timer = time.setTimer(delay, () => act(() => isSet && fire()))
      return {
        clear: () => {
          isSet = false
          timer.clear()
        },
      }
    },
    defer: (run) => clock.defer(() => act(run)),
    nextTurn: (run) => clock.nextTurn(() => act(run)),
  }
}
