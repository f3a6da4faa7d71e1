/**
 * What the arbiter says, in every role: a claim that it granted is acted upon, and what waited for
 * its end is decided anew (docs/PROTOCOL.md#21).
 */

import { epochOf, type Incarnation } from '../../units.js'
import {
  isForReign,
  isOutranked,
  isSuperseded,
  keptRecord,
  mayClaim,
  noteFound,
  noteKept,
} from '../claims.js'
import type { Transition } from '../effect.js'
import type { ArbiterEvent } from '../event.js'
import type { Claim, CoreConfig, PrimaryState, StandbyState, State } from '../state.js'
import { chain, go, stay } from '../transition.js'
import { begin as beginOver, mayGoOn } from './fenced.js'
import { beginForced, claimForced, mayBeForced } from './force.js'
import { claimPair, pair } from './pairing.js'
import { claimAlone, giveUp, goSolo, onMirrorLost, reopen } from './primary.js'
import { leftBehind, onLost } from './standby.js'
import { begin, lookAround, startTimer } from './starting.js'
import { handOverGranted, onDrained } from './switchover.js'
import { takeOver } from './takeover.js'

export function onAnswer(state: State, event: ArbiterEvent, config: CoreConfig): Transition<State> {
  if (event.type === 'kept') return reconsider(noteKept(state, event.kept), event, config)
  const { claim } = state
  if (claim?.record.claim !== event.claim) return stay(state)
  if (event.type === 'granted') {
    const granted: State = { ...state, kept: claim.record, claim: undefined }
    return use(granted, claim, config) ?? passUp(granted, claim, event, config)
  }
  const refused = noteFound<State>({ ...state, claim: undefined }, claim, event.found)
  const isDrained = refused.role === 'primary' && claim.purpose.type === 'hand-over'
  if (isDrained) return onDrained(refused, event, config)
  return reconsider(refused, event, config)
}

/** What was claimed comes true; undefined: it came too late to be of use. */
function use(
  state: State,
  { purpose, record }: Claim,
  config: CoreConfig,
): Transition<State> | undefined {
  // Somebody has been heard above it: it is claimed again under a number of its own.
  if (record.epoch < state.highest && purpose.type !== 'pair') return undefined
  switch (purpose.type) {
    case 'begin':
      if (purpose.cause === 'forced')
        return mayBeForced(state) ? beginForced(state, record, config) : undefined
      if (state.role === 'fenced') return beginOver(state, record, config)
      if (state.role !== 'starting' || purpose.cause === 'peer-lost') return undefined
      return begin(state, record, config, purpose.cause)
    case 'take-over':
      if (state.role !== 'standby') return undefined
      return takeOver(state, purpose.verdict, config, record.epoch)
    case 'go-solo':
      if (state.role !== 'primary') return undefined
      if (state.mode === 'paired') return chain(goSolo(state, config, record.epoch), reopen)
      return record.epoch > state.epoch ? goSolo(state, config, record.epoch) : undefined
    case 'pair':
      if (!isPairing(state, purpose.mirror) || state.epoch !== record.epoch) return undefined
      return pair(state, purpose.mirror, config)
    case 'hand-over':
      return state.role === 'primary' ? handOverGranted(state, record, config) : undefined
  }
}

/**
 * It is of no use any more. Whoever does not rule gives up the reign that it was granted: the other
 * one, which may rule by this member's renunciation, is then named in its place.
 */
function passUp(
  state: State,
  { record, purpose }: Claim,
  event: ArbiterEvent,
  config: CoreConfig,
): Transition<State> {
  const mayRenounce = state.role === 'loading' || state.role === 'fenced'
  if (!isForReign(purpose) || !mayRenounce) return reconsider(state, event, config)
  const renounced = epochOf(Math.max(state.renounced, record.epoch))
  return reconsider({ ...state, renounced }, event, config)
}

/** One whose gate is in doubt stays solo, as without an arbiter. */
function isPairing(state: State, mirror: Incarnation): state is PrimaryState {
  if (state.role !== 'primary' || state.mirror !== mirror) return false
  return state.mode === 'pairing' && state.distrustsBefore === undefined
}

/** What this member would want of the arbiter, now that it may ask again or knows more. */
function reconsider(state: State, event: ArbiterEvent, config: CoreConfig): Transition<State> {
  if ('isForced' in state && state.isForced) return claimForced(state, event, config)
  switch (state.role) {
    case 'starting': {
      if (state.claim !== undefined) return stay(state)
      const next = lookAround(state, event, config)
      const isOpen = next.state.role === 'starting' && next.state.claim === undefined
      return isOpen ? chain(next, (then) => go(then, startTimer(config))) : next
    }
    case 'standby':
      return reconsiderAsStandby(state, event, config)
    case 'primary':
      return reconsiderAsPrimary(state, event, config)
    case 'fenced':
      return mayGoOn(state, config) ? go(state, startTimer(config)) : stay(state)
    case 'loading':
    case 'stopped':
      return stay(state)
  }
}

function reconsiderAsStandby(
  state: StandbyState,
  event: ArbiterEvent,
  config: CoreConfig,
): Transition<State> {
  const { peer, primary, handover } = state
  // The other one may not want the rule that it was given: what it says next decides.
  if (isSuperseded(state, config)) return handover ? stay(state) : leftBehind(state, config)
  if (peer?.incarnation !== primary) return onLost(state, 'process-gone', event, config)
  return peer.condition === 'alive' ? stay(state) : onLost(state, peer.condition, event, config)
}

function reconsiderAsPrimary(
  state: PrimaryState,
  event: ArbiterEvent,
  config: CoreConfig,
): Transition<State> {
  if (isSuperseded(state, config)) return giveUp(state, config, 'higher-epoch')
  const { mode, mirror, peer } = state
  if (isOutranked(state)) return claimAlone(state, event, config)
  if (mode === 'pairing') return go(state, { type: 'hold' })
  if (mode === 'solo' || mirror === undefined) return stay(state)
  const isLost = peer?.incarnation !== mirror || peer.condition !== 'alive'
  if (isLost) return onMirrorLost(state, event, config)
  const isKnown = keptRecord(state)?.inSync.some(({ incarnation }) => incarnation === mirror)
  return isKnown || !mayClaim(state, config) ? stay(state) : claimPair(state, mirror, event, config)
}
