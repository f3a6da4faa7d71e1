/**
 * How long to wait before dialling again: from 5 ms, doubling, with jitter.
 *
 * Short at first, because a restarted member is back within milliseconds and every one of them is
 * time without a standby; bounded, because a member that is away for a day must not cost anything.
 * Pure: randomness is handed in.
 */

import { type Millis, millis } from '../units.js'

// Twice the time of a loopback handshake: half of it would find the same listener still not bound.
const firstMs = 5

/** The waits of one series of failures. */
export class Backoff {
  readonly #random: () => number
  #nextMs: number = firstMs

  /** `random` gives 0 ≤ number < 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /**
   * The next wait, at most `longest`: between half and the whole of a span that doubles each time.
   */
  next(longest: Millis): Millis {
    const span = Math.min(this.#nextMs, longest)
    this.#nextMs = span * 2
    return millis((span * (1 + this.#random())) / 2)
  }

  reset(): void {
    this.#nextMs = firstMs
  }
}
