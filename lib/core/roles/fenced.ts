/**
 * A member that holds a state and may not act on it: it renounced, or slept while the other may
 * have ruled. It loads as soon as somebody rules; when nobody does, `onLoss` decides
 * (docs/PROTOCOL.md#8). A former primary goes on when its standby says that it has renounced too.
 */

import { claim, keptRecord, readFirst } from '../claims.js'
import type { Transition } from '../effect.js'
import type { Event, RoleEvent } from '../event.js'
import type { CoreConfig, FencedState, PairRecord, State } from '../state.js'
import {
  announce,
  assertNever,
  go,
  hasRenounced,
  loadFrom,
  newHistory,
  nextReign,
  recordOf,
  rulingPeer,
  soloReign,
  stay,
  tellRole,
} from '../transition.js'
import { namedReign } from './named.js'
import { mayBegin } from './starting.js'
import { refuseSwitchover, renounceNamed } from './switchover.js'

export function onFenced(
  state: FencedState,
  event: RoleEvent,
  config: CoreConfig,
): Transition<State> {
  switch (event.type) {
    case 'heard': {
      const ruling = rulingPeer(state, config)
      if (ruling) return loadFrom(state, ruling, config, 'heard-primary', state.renounced)
      if (isGivenBack(state, config)) return takeBack(state, config)
      const named = namedReign(state.peer, state.renounced, config)
      return named === undefined ? stay(state) : go({ ...state, renounced: named })
    }
    case 'timer':
      return event.name === 'start' && mayGoOn(state, config)
        ? goOn(state, event, config)
        : stay(state)
    case 'found':
      return mayGoOn(state, config)
        ? go(state, { type: 'set-timer', name: 'start', delay: config.startWindow })
        : stay(state)
    case 'handed-over':
    case 'resume-asked':
      return renounceNamed(state, event.epoch, config)
    case 'switchover-asked':
      return refuseSwitchover(state)
    case 'opened':
    case 'link-up':
    case 'link-down':
    case 'load-asked':
    case 'resume-refused':
    case 'load-installed':
    case 'load-failed':
    case 'near':
    case 'covered':
    case 'told-in-sync':
    case 'out-of-step':
    case 'ack-timeout':
    case 'stuck':
    case 'hung':
    case 'vouched':
    case 'fenced':
    case 'stalled':
    case 'switchover-cancelled':
    case 'drained':
    case 'close-asked':
    case 'broken':
      return stay(state)
    default:
      return assertNever(event)
  }
}

/**
 * The standby of this member's own reign lives, never ruled above it, and has renounced it: so
 * nothing was accepted or sent that is not held here, and nobody else may go on. Both renounce when
 * the primary asks for it and then sleeps, or hangs, before it has heard the answer; or because the
 * arbiter has granted the standby a reign when that one had given its place up, and it gives up
 * that reign too. A standby that halted before a suspect frame looks the same from here.
 */
function isGivenBack(state: FencedState, { self, onSuspect, hasArbiter }: CoreConfig): boolean {
  const { record, peer, epoch, highest } = state
  if (onSuspect === 'halt') return false
  const isOwn = record?.primary === self && record.epoch === epoch
  if (!isOwn || state.isHalted || peer?.condition !== 'alive') return false
  const { presence, incarnation } = peer
  const isUnused = highest === epoch || (hasArbiter && presence.renounced >= highest)
  if (!isUnused) return false
  const isMirror = record.inSync.some((holder) => holder.incarnation === incarnation)
  const areAlike = presence.epoch === epoch && hasRenounced(presence, epoch)
  return isMirror && areAlike && presence.role !== 'primary' && presence.role !== 'standby'
}

/** The same history in a reign of its own: in doubt is what had been begun. */
function takeBack(state: FencedState, config: CoreConfig): Transition<State> {
  const epoch = nextReign(state, config)
  const next = soloReign(state, state.history, epoch, config)
  return go(
    next,
    { type: 'store-record', record: next.record },
    announce(next, config),
    { type: 'open-gate' },
    { type: 'take-over', epoch, verdict: 'renounced', suspect: undefined },
    tellRole(state, next, 'takeover'),
    { type: 'tell-mode', mode: 'solo', epoch },
  )
}

/** Whoever halted before a suspect frame would go on into it. */
export function mayGoOn(state: FencedState, config: CoreConfig): boolean {
  return config.onLoss === 'go' && !state.isHalted
}

/** Policy `go`: a new history over what is there, because nothing proves that it is all. */
function goOn(state: FencedState, event: Event, config: CoreConfig): Transition<State> {
  const { peer } = state
  // One that rules with other settings cannot be loaded from; it rules all the same.
  if (peer?.condition === 'alive' && peer.presence.role === 'primary') return stay(state)
  // One that stands by is in sync, and will rule.
  if (peer?.condition === 'alive' && peer.presence.role === 'standby') {
    return go(state, { type: 'set-timer', name: 'start', delay: config.startWindow })
  }
  const record = recordOf(newHistory(event), nextReign(state, config), config)
  if (!config.hasArbiter) return begin(state, record, config)
  if (state.kept === undefined) return readFirst(state)
  if (!mayBegin(state, keptRecord(state), config)) return stay(state)
  return claim(state, { type: 'begin', cause: 'peer-lost' }, record, event)
}

/** Rules alone, by `record`, over the state that is there. */
export function begin(
  state: FencedState,
  { history, epoch }: PairRecord,
  config: CoreConfig,
  cause: 'peer-lost' | 'forced' = 'peer-lost',
): Transition<State> {
  const next = soloReign(state, history, epoch, config)
  return go(
    next,
    { type: 'store-record', record: next.record },
    announce(next, config),
    { type: 'begin', history, epoch, over: 'state' },
    { type: 'open-gate' },
    tellRole(state, next, cause),
    { type: 'tell-mode', mode: 'solo', epoch },
  )
}
