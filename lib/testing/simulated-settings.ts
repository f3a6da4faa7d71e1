/**
 * What a simulated pair of a user's test is like: the options with their defaults, as the simulator
 * takes them. A fast pair on a quiet network; faults are what the test does to it.
 */

import { wrong } from '../config/check.js'
import { limitsTable } from '../config.js'
import type { Limits, PlainApp, SharedApp } from '../options.js'
import { millis } from '../units.js'
import { referenceSnapshot } from './reference-snapshot.js'
import type { SimOptions } from './sim-options.js'
import type { SimulatedApp, SimulatedPairOptions } from './simulate-pair.js'

/** Takes the application, the clock and whom to tell from elsewhere. */
type Settings<State> = Omit<SimOptions<State>, 'app' | 'clock' | 'onFault' | 'onEvent'>

/** From the end of a process, seen from the other side, to the verdict: what a kernel takes. */
const detectMs = 0.5

export function settingsOf<State>(options: SimulatedPairOptions<State>): Settings<State> {
  const { seed = 1, latencyMs = 0.2, heartbeatMs = 20 } = options
  const { windowMs = 5 * heartbeatMs } = options
  const { hangAfterMs = Math.max(500, windowMs), deliverTimeoutMs = 10_000 } = options
  if (!Number.isSafeInteger(seed)) throw wrong('seed', 'must be a whole number', seed)
  const isTooShort = !(heartbeatMs >= 1 && windowMs >= 3 * heartbeatMs)
  if (isTooShort) throw wrong('windowMs', 'must be at least 3 × heartbeatMs', windowMs)
  const isFar = !(latencyMs > 0 && latencyMs * 4 <= windowMs)
  if (isFar)
    throw wrong('latencyMs', 'must be above 0 and at most a quarter of windowMs', latencyMs)
  const random = generator(seed)
  const delay = () => millis(latencyMs * (0.5 + random()))
  const drift = { rate: 1, wallOffsetMs: 0 }
  return {
    random,
    limits: { ...usualLimits(), ...options.limits },
    snapshot: referenceSnapshot,
    heartbeatMs,
    windowMs,
    hangAfterMs,
    ackTimeoutMs: Math.max(500, windowMs),
    deliverTimeoutMs,
    inFlight: options.inFlight ?? 64,
    onLoss: options.onLoss ?? 'wait',
    onSuspect: options.onSuspect ?? 'retry',
    onStuckDeliver: options.onStuckDeliver ?? 'retry',
    inDoubt: options.inDoubt ?? {},
    linkDelay: delay,
    beatDelay: delay,
    beatLoss: 0,
    beatDuplicates: 0,
    mostBeatsLostInRow: 0,
    drift: { a: drift, b: drift },
    pieceMs: 0,
    highWaterPieces: 64,
    detectMs,
  }
}

/** Those of `openMember`. */
function usualLimits(): Limits {
  const usual = (key: keyof Limits) => limitsTable[key][0]
  return {
    inputBytes: usual('inputBytes'),
    queueBytes: usual('queueBytes'),
    unacknowledgedBytes: usual('unacknowledgedBytes'),
    lagFrames: usual('lagFrames'),
    outboxBytes: usual('outboxBytes'),
    stateBytes: usual('stateBytes'),
    sources: usual('sources'),
    channels: usual('channels'),
    timers: usual('timers'),
  }
}

/** What is used of the application, apart from the rest of it. */
export function programOf<State>(
  app: SimulatedApp<State>,
):
  | Pick<PlainApp<State>, 'init' | 'process'>
  | Pick<SharedApp<State>, 'state' | 'init' | 'process'> {
  const { state, init } = app
  const process: SimulatedApp<State>['process'] = (...given) => app.process(...given)
  if (state === undefined) return { init: () => app.init(), process }
  return { state, process, ...(init && { init: (made: State) => init.call(app, made) }) }
}

/** The same numbers for the same seed, 0 ≤ number < 1 (mulberry32). */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e37_79b1)
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
