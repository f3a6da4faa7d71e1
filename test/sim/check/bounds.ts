/**
 * S8: every count that a member shows stays within the limit that it was given, at every look.
 *
 * Knows the limits and the counts, and what one turn may add beside them.
 */

import type { Limits } from '#lib/options.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { State } from '../swarm/app.js'
import type { Findings } from './violation.js'

/** The smallest input of a simulation. */
const leastInputBytes = 8

export class BoundCheck {
  readonly #findings: Findings
  readonly #limits: Limits
  looks = 0

  constructor(findings: Findings, limits: Limits) {
    this.#findings = findings
    this.#limits = limits
  }

  look(members: readonly SimMember<State>[]): void {
    for (const member of members) this.#lookAt(member)
  }

  #lookAt({ id, role, server }: SimMember<State>): void {
    this.looks += 1
    const { queueBytes, outboxBytes, lagFrames } = this.#limits
    const { heldBytes, outboxBytes: used, lag, waiting } = server.counts
    if (heldBytes > queueBytes) {
      this.#findings.report('S8', `${id} as ${role} holds ${heldBytes} bytes of inputs`)
    }
    if (waiting * leastInputBytes > queueBytes) {
      this.#findings.report('S8', `${id} as ${role} has ${waiting} inputs waiting`)
    }
    // One more shows that it is out of step. Whoever loads may lag: its primary bounds the bytes.
    if (role === 'standby' && lag > lagFrames + 1) {
      this.#findings.report('S8', `${id} holds ${lag} frames that it has not processed`)
    }
    // What one turn produces may wait beside the outbox.
    if (used > outboxBytes * 2) {
      this.#findings.report('S8', `${id} as ${role} keeps ${used} bytes of outputs`)
    }
  }
}
