/**
 * What happens in one run of the swarm, as a function of its seed: sizes, delays, and which faults
 * are on.
 *
 * Every run turns some kinds of fault off, so that rare ones are not hidden behind frequent ones. A
 * failing seed is replayed by the command that the test prints.
 */

import { generator, type Order } from './world.js'

/** Chance of each fault in a millisecond; 0: off in this run. */
export interface Faults {
  readonly killPrimary: number
  readonly killStandby: number
  readonly closePrimary: number
  readonly closeStandby: number
  readonly breakLink: number
  readonly stallPrimary: number
  readonly stallStandby: number
  /** The event loop stands still while the beats go on. */
  readonly blockPrimary: number
  readonly blockStandby: number
  readonly deafDoor: number
  readonly receiverDown: number
}

export interface Plan {
  readonly seed: number
  readonly faults: Faults
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

export function planOf(seed: number): Plan {
  const random = generator(seed)
  const chance = (share: number, value: number) => (random() < share ? value : 0)
  const pick = <T>(...values: readonly [T, ...T[]]): T =>
    values[Math.floor(random() * values.length)] ?? values[0]
  const isLarge = random() < 0.15
  const channels = 1 + Math.floor(random() * 4)
  const linkDelayMs = pick(0.05, 0.1, 0.1, 1, 5, 50)
  const deliverMs = pick(0.05, 0.2, 0.2, 3)
  const sources = sourcesOf(random, channels, isLarge)
  const diverges = sources.flat().some((order) => order.diverges)
  // A primary that closes waits for its receivers. A standby that has to load again meanwhile finds
  // nobody to load from: the promise ends with the last member in sync.
  const isCloseSafe = !diverges && random() < 0.5
  return {
    seed,
    faults: {
      // A standby that diverges gives its place up; a primary that dies then was the last in sync.
      killPrimary: diverges ? 0 : chance(0.7, 0.02),
      killStandby: chance(0.5, 0.01),
      closePrimary: isCloseSafe ? chance(0.6, 0.01) : 0,
      closeStandby: chance(0.3, 0.01),
      breakLink: chance(0.5, 0.02),
      stallPrimary: chance(0.3, 0.005),
      stallStandby: chance(0.3, 0.005),
      blockPrimary: chance(0.2, 0.005),
      blockStandby: chance(0.2, 0.005),
      deafDoor: chance(0.3, 0.005),
      receiverDown: isCloseSafe ? 0 : chance(0.6, 0.005),
    },
    linkDelayMs,
    beatDelayMs: pick(0.05, 0.1, 0.1, 1, 5, 50),
    pieceMs: pick(0.001, 0.01, 0.1),
    highWaterPieces: pick(1, 4, 1_000),
    chunks: pick(1, 5, 50),
    ballastBytes: pick(0, 0, 10_000, 40_000),
    queueBytes: isLarge ? 40_000 : pick(4_096, 65_536, 8_388_608),
    unacknowledgedBytes: pick(65_536, 262_144, 8_388_608),
    outboxBytes: pick(2_097_152, 8_388_608),
    // One round trip, of the link or of a delivery, for every `inFlight` outputs.
    onSuspect: 'retry',
    inFlight: Math.max(linkDelayMs, deliverMs) > 0.5 ? 64 : pick(1, 4, 64),
    channels,
    deliverMs,
    lost: chance(0.4, 0.02),
    synchronous: chance(0.2, pick(0.3, 1)),
    throwing: chance(0.2, 0.02),
    corruptChunks: chance(0.15, 0.05),
    failedRestores: chance(0.15, 0.1),
    pace: pick(0.2, 0.5, 1),
    rate: pick(1, 1, 3),
    lagFrames: pick(1_024, 100_000),
    sources,
  }
}

const noFaults: Faults = {
  killPrimary: 0,
  killStandby: 0,
  closePrimary: 0,
  closeStandby: 0,
  breakLink: 0,
  stallPrimary: 0,
  stallStandby: 0,
  blockPrimary: 0,
  blockStandby: 0,
  deafDoor: 0,
  receiverDown: 0,
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
    faults: noFaults,
    linkDelayMs: 0.2,
    beatDelayMs: 0.2,
    pieceMs: 0.01,
    highWaterPieces: 16,
    chunks: 5,
    ballastBytes: 1_000,
    queueBytes: 8_388_608,
    unacknowledgedBytes: 8_388_608,
    lagFrames: 100_000,
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

function sourcesOf(random: () => number, channels: number, isLarge: boolean): Order[][] {
  const hasThrows = random() < 0.3
  const hasDivergence = random() < 0.15
  const hasPoison = random() < 0.15
  const count = 1 + Math.floor(random() * 3)
  const most = isLarge ? 120 : 500
  return Array.from({ length: count }, (_, source) =>
    Array.from({ length: most }, (_, index): Order => {
      const sizes = Array.from({ length: channels }, () => {
        if (random() < 0.4) return 0
        return isLarge && random() < 0.2 ? 100_000 : 30
      })
      const poison = hasPoison && random() < 0.02 ? (random() < 0.5 ? 'in' : 'out') : undefined
      return {
        source,
        seq: index + 1,
        sizes,
        throws: hasThrows && random() < 0.05,
        diverges: hasDivergence && random() < 0.01,
        poison: index === most - 1 ? 'out' : poison,
        padding: isLarge ? 'x'.repeat(Math.floor(random() * 3_000)) : '',
      }
    }),
  )
}
