/**
 * An operator's word that nobody else rules or will: a member that waits begins a history of its
 * own, whatever `onLoss` and the record say (docs/PROTOCOL.md#23).
 *
 * The rules believe it as far as they cannot see the contrary: beside a member that lives and
 * rules, or may, nobody is forced. With an arbiter the record is changed first, from whatever it
 * keeps.
 */

import { epochOf, nextEpoch } from '../../units.js'
import { claim } from '../claims.js'
import type { Transition } from '../effect.js'
import type { Event } from '../event.js'
import type { CoreConfig, FencedState, PairRecord, StartingState, State } from '../state.js'
import { go, newHistory, nextReign, recordOf, stay } from '../transition.js'
import { begin as beginOver } from './fenced.js'
import { begin } from './starting.js'

type Waiting = StartingState | FencedState

export function onForceAsked(state: State, event: Event, config: CoreConfig): Transition<State> {
  if (!mayBeForced(state)) return stay(state)
  if (!config.hasArbiter) return beginForced(state, recordOfForced(state, event, config), config)
  // What it keeps is read anew: also what it kept before it lost its record.
  return go({ ...state, isForced: true, kept: undefined }, { type: 'read-arbiter' })
}

/** The arbiter was read for a member that was forced. */
export function claimForced(state: Waiting, event: Event, config: CoreConfig): Transition<State> {
  const next: Waiting = { ...state, isForced: false }
  if (!mayBeForced(state)) return stay(next)
  return claim(
    next,
    { type: 'begin', cause: 'forced' },
    recordOfForced(state, event, config),
    event,
  )
}

/** Over the state that is there, or from none. */
export function beginForced(
  state: Waiting,
  record: PairRecord,
  config: CoreConfig,
): Transition<State> {
  return state.role === 'fenced'
    ? beginOver(state, record, config, 'forced')
    : begin(state, record, config, 'forced')
}

/** It waits, and hears nobody who holds anything. */
export function mayBeForced(state: State): state is Waiting {
  if (state.role !== 'starting' && state.role !== 'fenced') return false
  const { peer, claim: pending } = state
  if (pending !== undefined) return false
  if (peer?.condition !== 'alive' || peer.presence.isBlank) return true
  // One that waits as well loads from whoever was forced.
  return peer.presence.role === 'stopped' || peer.presence.role === 'fenced'
}

function recordOfForced(state: Waiting, event: Event, config: CoreConfig): PairRecord {
  // As any first reign: above what receivers may remember.
  const above = epochOf(Math.max(state.highest, Math.floor(event.wall)))
  const epoch = state.role === 'fenced' ? nextReign(state, config) : nextEpoch(above, config.self)
  return recordOf(newHistory(event), epoch, config)
}
