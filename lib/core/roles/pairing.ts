/**
 * How a primary gets a standby: it feeds whoever loads, holds back what is not acknowledged, and
 * pairs when all is (docs/PROTOCOL.md#4).
 */

import { type Incarnation, peerOf } from '../../units.js'
import { claim, mayClaim, readFirst } from '../claims.js'
import type { Effect, Transition } from '../effect.js'
import type { Event } from '../event.js'
import type { CoreConfig, PairRecord, PrimaryState, State } from '../state.js'
import { announce, go, recordOf, stay } from '../transition.js'

/**
 * A solo primary whose gate is in doubt stays solo: were it paired, a verdict would give it no
 * right.
 */
export function onCovered(
  state: PrimaryState,
  event: Extract<Event, { type: 'covered' }>,
  config: CoreConfig,
): Transition<State> {
  const { incarnation } = event
  const isDue = state.mode === 'pairing' && state.mirror === incarnation
  if (!isDue || state.distrustsBefore !== undefined) return stay(state)
  return config.hasArbiter
    ? claimPair(state, incarnation, event, config)
    : pair(state, incarnation, config)
}

/** Paired only when the arbiter knows it: a standby that it does not name could not take over. */
export function claimPair(
  state: PrimaryState,
  mirror: Incarnation,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  if (!mayClaim(state, config)) return readFirst(state)
  return claim(state, { type: 'pair', mirror }, recordWith(state, mirror, config), event)
}

/** Whoever loads was never told that it is in sync: the right to go on alone was never given up. */
export function dropMirror(state: PrimaryState): Transition<PrimaryState> {
  const next: PrimaryState = { ...state, mode: 'solo', mirror: undefined }
  const drop: Effect = { type: 'drop-feed' }
  return state.mode === 'pairing' ? go(next, drop, { type: 'release' }) : go(next, drop)
}

export function feed(state: PrimaryState, to: Incarnation): Transition<State> {
  return go({ ...state, mirror: to }, { type: 'send-load', to })
}

/** All that was accepted or released is acknowledged: recorded first, told after. */
export function pair(
  state: PrimaryState,
  mirror: Incarnation,
  config: CoreConfig,
): Transition<State> {
  const record = recordWith(state, mirror, config)
  const next: PrimaryState = { ...state, mode: 'paired', record, hasAsked: false }
  return go(
    next,
    { type: 'store-record', record },
    announce(next, config),
    { type: 'tell-in-sync', epoch: state.epoch },
    tellPaired(next),
  )
}

/** Both in sync in this reign. */
function recordWith(
  { history, epoch }: PrimaryState,
  mirror: Incarnation,
  config: CoreConfig,
): PairRecord {
  const holder = { member: peerOf(config.self), incarnation: mirror }
  return recordOf(history, epoch, config, holder)
}

export function tellPaired(state: PrimaryState): Effect {
  return { type: 'tell-mode', mode: 'paired', epoch: state.epoch }
}
