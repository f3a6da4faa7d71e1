/**
 * When all that a primary took in is settled: for a member that closes, and for one that gives its
 * rule away.
 *
 * Settled is what is answered, delivered, and noticed where a standby must know it. Who gives the
 * rule away holds its intake meanwhile: what waits to be numbered waits on, and the standby must
 * hold every frame.
 */

import type { ClockPort } from '../runtime/ports-clock.js'
import type { Millis } from '../units.js'
import type { Delivery } from './delivery.js'
import type { Intake } from './intake.js'

/** What the mirror holds of what there is, and whether the gate is shut. */
export interface Held {
  readonly isShut: boolean
  /** Nobody is in sync that would have to know anything. */
  readonly isAlone: boolean
  readonly isNoticed: boolean
  readonly isAcknowledged: boolean
}

export class Settling {
  readonly #intake: Intake
  readonly #delivery: Delivery
  readonly #held: () => Held
  #settled: (() => void) | undefined
  #drained: (() => void) | undefined
  #isHolding = false

  constructor(intake: Intake, delivery: Delivery, held: () => Held) {
    this.#intake = intake
    this.#delivery = delivery
    this.#held = held
  }

  /** Whether nothing may be numbered. */
  get isHolding(): boolean {
    return this.#isHolding
  }

  /** Resolves when all that was taken in is settled, or after `limit`. */
  settle(clock: ClockPort, limit: Millis): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.setTimer(limit, resolve)
      this.#settled = () => {
        timer.clear()
        resolve()
      }
      this.check()
    })
  }

  /** Holds the intake; `drained` is called once, when all that was numbered is settled. */
  hold(drained: () => void): void {
    this.#isHolding = true
    this.#drained = drained
    this.check()
  }

  /** The intake goes on. */
  release(): void {
    this.#isHolding = false
    this.#drained = undefined
  }

  /** Something was answered, delivered, noticed or acknowledged. */
  check(): void {
    if (this.#settled !== undefined && this.#isSettled) {
      this.#settled()
      this.#settled = undefined
    }
    if (this.#drained !== undefined && this.#isDrained) {
      const drained = this.#drained
      this.#drained = undefined
      drained()
    }
  }

  get #isSettled(): boolean {
    const { isShut, isAlone, isNoticed } = this.#held()
    if (isShut) return true
    if (!this.#intake.isEmpty || this.#delivery.pendingCount > 0) return false
    return isAlone || isNoticed
  }

  get #isDrained(): boolean {
    if (!this.#intake.isAnswered || this.#delivery.pendingCount > 0) return false
    const { isShut, isAlone, isNoticed, isAcknowledged } = this.#held()
    return !isShut && !isAlone && isNoticed && isAcknowledged
  }
}
