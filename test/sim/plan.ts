/**
 * What happens in one run of the swarm, as a function of its seed: sizes, delays, and which faults
 * are on.
 *
 * Every run turns some kinds of fault off, so that rare ones are not hidden behind frequent ones. A
 * failing seed is replayed by the command that the test prints.
 */

import type { InDoubtPolicy } from '#lib/options.js'
import type { Order } from './world.js'

export interface Plan {
  readonly seed: number
  readonly linkDelayMs: number
  readonly beatDelayMs: number
  readonly pieceMs: number
  readonly highWaterPieces: number
  /** Chunks of a load. */
  readonly chunks: number
  readonly ballastBytes: number
  readonly queueBytes: number
  readonly unacknowledgedBytes: number
  readonly lagFrames: number
  readonly deliverTimeoutMs: number
  readonly onStuckDeliver: 'retry' | 'switch'
  readonly inDoubt: Readonly<Record<string, InDoubtPolicy>>
  readonly outboxBytes: number
  readonly inFlight: number
  readonly onSuspect: 'retry' | 'skip' | 'halt'
  readonly channels: number
  readonly deliverMs: number
  readonly lost: number
  readonly synchronous: number
  readonly throwing: number
  readonly corruptChunks: number
  readonly failedRestores: number
  /** Chance that a source gives a member something in a millisecond, and how much at most. */
  readonly pace: number
  readonly rate: number
  readonly sources: readonly (readonly Order[])[]
}

/** `count` inputs of one source that each send something on two channels. */
export function plainOrders(count: number, bytes = 30): Order[] {
  return Array.from({ length: count }, (_, index) => ({
    source: 0,
    seq: index + 1,
    sizes: [bytes, index % 3 === 0 ? bytes : 0],
    throws: false,
    diverges: false,
    poison: undefined,
    padding: '',
  }))
}

/** A plan without faults, for scenarios that bring their own. */
export function calm(changes: Partial<Plan> = {}): Plan {
  return {
    seed: 1,
    linkDelayMs: 0.2,
    beatDelayMs: 0.2,
    pieceMs: 0.01,
    highWaterPieces: 16,
    chunks: 5,
    ballastBytes: 1_000,
    queueBytes: 8_388_608,
    unacknowledgedBytes: 8_388_608,
    lagFrames: 100_000,
    deliverTimeoutMs: 10_000,
    onStuckDeliver: 'retry',
    inDoubt: {},
    outboxBytes: 2_097_152,
    inFlight: 16,
    onSuspect: 'retry',
    channels: 2,
    deliverMs: 0.2,
    lost: 0,
    synchronous: 0,
    throwing: 0,
    corruptChunks: 0,
    failedRestores: 0,
    pace: 1,
    rate: 3,
    sources: [plainOrders(400)],
    ...changes,
  }
}
