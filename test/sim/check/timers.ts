/**
 * Each timer once, in order of due time, never before it is due, and none forgotten.
 *
 * Knows the log of the member that rules at the end; that none is early is checked when it fires.
 */

import { type Inputs, isTimer, timerOf, told } from '../swarm/order.js'
import type { Findings } from './violation.js'

export class TimerCheck {
  readonly #findings: Findings
  count = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Requires: more than the longest delay has passed since the last input. */
  atEnd(log: Uint32Array, inputs: Inputs): void {
    const fired = new Set<number>()
    const set = new Set<number>()
    for (const id of log) {
      if (!isTimer(id)) {
        if (inputs.byId(id).timerMs !== undefined) set.add(timerOf(id))
        continue
      }
      this.count += 1
      if (fired.has(id)) this.#findings.report('timers', `${told(id)} has fired twice`)
      if (!set.has(id)) this.#findings.report('timers', `${told(id)} fires before it is set`)
      fired.add(id)
    }
    for (const id of set) {
      if (fired.has(id)) continue
      this.#findings.report('timers', `${told(id)} has never fired`)
      return
    }
  }
}
