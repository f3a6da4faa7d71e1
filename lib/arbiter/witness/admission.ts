/**
 * How often one host may knock: a few times at once, then so many a second, whoever it is.
 *
 * A handshake costs the witness about a millisecond of its only thread, so strangers who dial as
 * fast as they can could keep the members out. A member dials once, and after a failure a few times
 * a second. The table of hosts is bounded: when it is full, those that have been quiet longest are
 * forgotten, which costs a stranger with many addresses nothing and a member nothing either.
 */

import type { ClockPort } from '../../runtime/ports-clock.js'
import type { Instant } from '../../units.js'

// Two members behind one address that dial anew after 5, 10, 20 … ms: eight within half a second.
const burst = 40
const perSecond = 20
const mostHosts = 1_024

interface Host {
  /** Knocks that it may still make, as of `at`. */
  readonly credit: number
  readonly at: Instant
}

export class Admission {
  readonly #clock: ClockPort
  // In order of the last knock.
  readonly #hosts = new Map<string, Host>()

  constructor(clock: ClockPort) {
    this.#clock = clock
  }

  /** Whether one more connection of `address` is looked at. */
  admits(address: string): boolean {
    const now = this.#clock.now()
    const { credit, at } = this.#hosts.get(address) ?? { credit: burst, at: now }
    const left = Math.min(burst, credit + ((now - at) / 1_000) * perSecond)
    this.#hosts.delete(address)
    this.#hosts.set(address, { credit: left >= 1 ? left - 1 : left, at: now })
    if (this.#hosts.size > mostHosts) {
      const [oldest] = this.#hosts.keys()
      if (oldest !== undefined) this.#hosts.delete(oldest)
    }
    return left >= 1
  }
}
