/**
 * S6 under faults: after one fault of a primary whose standby is in sync, and no other, the standby
 * rules within a stated time. At the end: one primary, one standby, everything accepted and sent.
 *
 * Knows when faults were put in and what members say of themselves.
 */

import type { VirtualClock } from '#lib/testing/virtual-clock.js'
import { type MemberId, millis } from '#lib/units.js'
import type { Findings } from './violation.js'

export class RoleCheck {
  readonly #findings: Findings
  readonly #clock: VirtualClock
  readonly #roleOf: (id: MemberId) => string
  /** Grows with each disturbance: what was expected before it is expected no more. */
  #disturbances = 0
  /** Expectations that were met. */
  met = 0

  constructor(findings: Findings, clock: VirtualClock, roleOf: (id: MemberId) => string) {
    this.#findings = findings
    this.#clock = clock
    this.#roleOf = roleOf
  }

  /** Something else has happened that may hold a takeover up. */
  disturbed(): void {
    this.#disturbances += 1
  }

  expectRuler(id: MemberId, withinMs: number, why: string): void {
    const disturbances = this.#disturbances
    this.#clock.setTimer(millis(withinMs), () => {
      if (disturbances !== this.#disturbances) return
      const role = this.#roleOf(id)
      if (role === 'primary') this.met += 1
      else this.#findings.report('S6', `${id} is ${role} ${withinMs.toFixed(1)} ms after ${why}`)
    })
  }
}
