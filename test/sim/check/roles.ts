/**
 * S6 under faults: after one fault of a primary whose standby is in sync, and no other, the standby
 * rules within a stated time. And without faults: nobody is found dead, nobody takes over, and a
 * pair that is whole stays as it is.
 *
 * Knows when faults were put in, how long they last, and what members say of themselves.
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
  /** Up to then a fault may be the cause of what is found and decided. */
  #excusedUntil = 0
  /** Up to then nothing may change. */
  #stillUntil = 0

  constructor(findings: Findings, clock: VirtualClock, roleOf: (id: MemberId) => string) {
    this.#findings = findings
    this.#clock = clock
    this.#roleOf = roleOf
  }

  /**
   * Something else has happened that may hold a takeover up; for `ms` from now it may be the cause
   * of one.
   */
  disturbed(ms: number): void {
    this.#disturbances += 1
    this.#excusedUntil = Math.max(this.#excusedUntil, this.#clock.now() + ms)
  }

  /** The pair is whole and left alone: for `ms` no role changes. */
  expectStillness(ms: number): void {
    this.#stillUntil = this.#clock.now() + ms
  }

  /** `who` finds the other one dead, or takes over. */
  found(who: string, what: string): void {
    const past = this.#clock.now() - this.#excusedUntil
    if (past <= 0) return
    this.#findings.report('S6', `${who} ${what}, ${past.toFixed(1)} ms after any fault`)
  }

  changed(who: string, what: string): void {
    if (this.#clock.now() >= this.#stillUntil) return
    this.#findings.report('S6', `${who} ${what} though the pair was whole`)
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
