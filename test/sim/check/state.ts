/**
 * S5: two members in step hold the same state: what one has processed is a beginning of what the
 * other has, and at the end both are alike to the last byte.
 *
 * Knows the states of both applications, and computes its own digest of each.
 */

import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'
import { logOf, type State } from '../swarm/app.js'
import type { Findings } from './violation.js'

export class StateCheck {
  readonly #findings: Findings
  /** Times that two logs were compared. */
  looks = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Both believe that the one follows the other. */
  inStep(ruling: State, mirror: State, what: string): void {
    this.looks += 1
    const log = logOf(ruling)
    const other = logOf(mirror)
    const shorter = Math.min(log.length, other.length)
    if (Buffer.compare(bytesOf(log, shorter), bytesOf(other, shorter)) === 0) return
    const at = other.findIndex((id, index) => log[index] !== id)
    this.#findings.report('S5', `${what}: frame ${at + 1} differs between the members`)
  }

  atEnd(ruling: State, mirror: State): void {
    this.inStep(ruling, mirror, 'at the end')
    const lag = logOf(ruling).length - logOf(mirror).length
    if (lag !== 0) return this.#findings.report('S5', `at the end the mirror is ${lag} behind`)
    if (digestOf(ruling) === digestOf(mirror)) return
    this.#findings.report('S5', 'at the end the two states have different digests')
  }
}

function bytesOf(log: Uint32Array, count: number): Uint8Array {
  return new Uint8Array(log.buffer, log.byteOffset, count * 4)
}

/** Typed arrays and nothing else, so bytes are equal where values are. */
function digestOf(state: State): string {
  const { sums, now, due, ballast, means } = state
  const values = [
    logOf(state).slice(),
    sums,
    now,
    due,
    ballast,
    new Float64Array(means.values()),
    typeof state.poison,
  ]
  return createHash('sha256').update(serialize(values)).digest('hex')
}
