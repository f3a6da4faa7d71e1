/**
 * The member that rules: it feeds the other one, pairs with it, and goes on alone only by right.
 *
 * The right to send unacknowledged is never assumed: a solo primary has it by the record; a paired
 * one gets it back by the mirror's renunciation or (arbiter `none`) by a verdict, always in a new
 * reign (docs/PROTOCOL.md#6).
 */

import type { RoleCause } from '../../events.js'
import type { Epoch, Incarnation } from '../../units.js'
import { claim, isSuperseded, mayClaim, readFirst } from '../claims.js'
import type { Effect, Transition } from '../effect.js'
import type { Event, RoleEvent } from '../event.js'
import type { CoreConfig, PrimaryState, State } from '../state.js'
import {
  announce,
  assertNever,
  chain,
  fence,
  go,
  hasRenounced,
  isAlive,
  isFresh,
  loadFrom,
  nextReign,
  recordOf,
  rulingPeer,
  stay,
} from '../transition.js'
import { namedReign } from './named.js'
import { dropMirror, feed, onCovered, tellPaired } from './pairing.js'
import { beginSwitchover, giveSwitchoverUp, onDrained } from './switchover.js'

export function onPrimary(
  state: PrimaryState,
  event: RoleEvent,
  config: CoreConfig,
): Transition<State> {
  switch (event.type) {
    case 'heard':
      return onHeard(state, event, config)
    case 'found':
      return onFound(state, event, config)
    case 'stalled':
      return onStalled(state, event.seq, config)
    case 'timer':
      if (event.name === 'drain') return giveSwitchoverUp(state)
      return event.name === 'reopen' && state.mode !== 'paired' ? reopen(state) : stay(state)
    case 'switchover-asked':
      return beginSwitchover(state, event, config)
    case 'switchover-cancelled':
      return giveSwitchoverUp(state)
    case 'drained':
      return onDrained(state, event, config)
    case 'link-down':
      return onLinkDown(state, event.incarnation)
    case 'load-asked':
      return onLoadAsked(state, event.incarnation, config)
    case 'resume-asked':
      return isMirror(state, event) && state.mode === 'paired'
        ? go(state, { type: 'resume-feed', to: event.incarnation }, tellPaired(state))
        : go(state, { type: 'refuse-resume' })
    case 'near':
      return state.mode === 'solo' && event.incarnation === state.mirror
        ? go({ ...state, mode: 'pairing' }, { type: 'hold' })
        : stay(state)
    case 'covered':
      return onCovered(state, event, config)
    case 'ack-timeout':
      return state.mode === 'paired' ? go({ ...state, hasAsked: true }) : stay(state)
    case 'stuck':
      return mayGiveAway(state, event.hasDelivered, config)
        ? giveUp(state, config, 'deliver-stuck')
        : stay(state)
    case 'fenced':
      return event.epoch === state.epoch ? giveUp(state, config, 'renounced') : stay(state)
    case 'hung':
    case 'vouched':
    case 'opened':
    case 'link-up':
    case 'resume-refused':
    case 'load-installed':
    case 'load-failed':
    case 'told-in-sync':
    case 'handed-over':
    case 'out-of-step':
    case 'close-asked':
    case 'broken':
      return stay(state)
    default:
      return assertNever(event)
  }
}

function isMirror(state: PrimaryState, asked: Extract<Event, { type: 'resume-asked' }>): boolean {
  return (
    asked.incarnation === state.mirror &&
    asked.epoch === state.epoch &&
    asked.history === state.history
  )
}

function onHeard(
  state: PrimaryState,
  { presence, incarnation }: Extract<Event, { type: 'heard' }>,
  config: CoreConfig,
): Transition<State> {
  // Two primaries meet: the lower reign yields. (Until arbiter and reunion policies exist, the
  // higher reign is the one that took over after the other was found gone.)
  if (presence.role === 'primary' && presence.epoch > state.epoch) return yieldTo(state, config)
  // It gave this member a reign that came to nothing, and would believe that it is in sync in it.
  const isNamedAbove = namedReign(state.peer, state.epoch, config) !== undefined
  if (isNamedAbove && state.mode !== 'paired') return goSolo(state, config)
  const isOurs = incarnation === state.mirror
  if (state.mode === 'paired' && isOurs && hasRenounced(presence, state.epoch)) {
    // It gave up this reign for good, so it cannot have ruled from it: a gate that was in doubt
    // opens.
    return chain(goSolo(state, config), reopen)
  }
  if (state.distrustsBefore === undefined || !isFresh(state)) return stay(state)
  if (state.mode !== 'paired') return reopen(state)
  if (!isOurs) return stay(state)
  // Whoever ruled above this reign stays above it, whatever it has become since.
  return presence.epoch > state.epoch ? giveUp(state, config, 'higher-epoch') : reopen(state)
}

function onFound(
  state: PrimaryState,
  event: Extract<Event, { type: 'found' }>,
  config: CoreConfig,
): Transition<State> {
  if (state.mirror !== event.incarnation) return stay(state)
  return state.mode === 'paired' ? onMirrorLost(state, event, config) : dropMirror(state)
}

/**
 * Whether the rule may go to the other one because a receiver cannot be reached from here. It must
 * be able to take it at once; and a reign that was itself given is kept until a delivery of that
 * channel has succeeded in it, so that the roles do not go to and fro while a receiver is down.
 */
function mayGiveAway(state: PrimaryState, hasDelivered: boolean, config: CoreConfig): boolean {
  const { peer, mirror, link, mode, distrustsBefore } = state
  if (config.onStuckDeliver !== 'switch' || (state.isGiven && !hasDelivered)) return false
  if (mode !== 'paired' || distrustsBefore !== undefined || mirror === undefined) return false
  if (link !== mirror || peer?.incarnation !== mirror || peer.condition !== 'alive') return false
  const { role, epoch } = peer.presence
  return role === 'standby' && epoch === state.epoch && peer.hungIn === undefined
}

/** Rules no more, for good, and loads from nobody: what the other did meanwhile cannot be known. */
export function giveUp(
  state: PrimaryState,
  config: CoreConfig,
  cause: RoleCause,
): Transition<State> {
  const fenced = fence(state, state, config, cause, state.epoch)
  return { state: fenced.state, effects: [...standDown, ...fenced.effects] }
}

/** The gate has expired while this member stood still; what happened meanwhile is unknown. */
function onStalled(state: PrimaryState, seq: bigint, config: CoreConfig): Transition<State> {
  const next: PrimaryState = { ...state, distrustsBefore: seq }
  if (state.mode === 'paired') return go(next, { type: 'close-gate' })
  return go(
    next,
    { type: 'close-gate' },
    { type: 'set-timer', name: 'reopen', delay: config.window },
  )
}

export function reopen(state: PrimaryState): Transition<PrimaryState> {
  if (state.distrustsBefore === undefined) return stay(state)
  const effects: Effect[] = [{ type: 'clear-timer', name: 'reopen' }, { type: 'open-gate' }]
  // `covered` may have come while it was too early to pair: asked for again.
  if (state.mode === 'pairing') effects.push({ type: 'hold' })
  return go({ ...state, distrustsBefore: undefined }, ...effects)
}

function onLinkDown(state: PrimaryState, incarnation: Incarnation): Transition<State> {
  if (state.mirror !== incarnation) return stay(state)
  if (state.mode !== 'paired') return dropMirror(state)
  return go(state, { type: 'tell-mode', mode: 'waiting', epoch: state.epoch })
}

function onLoadAsked(
  state: PrimaryState,
  from: Incarnation,
  config: CoreConfig,
): Transition<State> {
  // Whom the detector does not know it cannot find lost: fed only once its beats are heard.
  if (state.distrustsBefore !== undefined || !isAlive(state, from)) {
    return go(state, { type: 'postpone-load' })
  }
  if (state.mode === 'paired') {
    // The mirror itself asks for a load: it has given up what it had, and says so on the
    // authenticated stream. Another incarnation is believed only with the detector's word.
    if (state.mirror !== from) return go(state, { type: 'postpone-load' })
    return chain(goSolo(state, config), (alone) => feed(alone, from))
  }
  const dropped = state.mirror === undefined ? stay(state) : dropMirror(state)
  return chain(dropped, (alone) => feed(alone, from))
}

/**
 * The mirror was found lost: by verdict alone, or by asking the arbiter, which knows whether the
 * other one did so first, even if this member stood still meanwhile.
 */
export function onMirrorLost(
  state: PrimaryState,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  if (!config.hasArbiter) {
    if (state.distrustsBefore === undefined) return goSolo(state, config)
    // Asleep while paired: the other may have ruled and died since. A verdict gives no right.
    return giveUp(state, config, 'peer-lost')
  }
  if (isSuperseded(state, config)) return giveUp(state, config, 'higher-epoch')
  return claimAlone(state, event, config)
}

/** Asks for a reign of its own, alone. */
export function claimAlone(
  state: PrimaryState,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  if (!mayClaim(state, config)) return readFirst(state)
  const record = recordOf(state.history, nextReign(state, config), config)
  return claim(state, { type: 'go-solo' }, record, event)
}

/**
 * By right: a renunciation, the verdict on the mirror, or the arbiter, which has given the reign
 * `granted`. A new reign in the same history.
 */
export function goSolo(
  state: PrimaryState,
  config: CoreConfig,
  granted?: Epoch,
): Transition<PrimaryState> {
  const epoch = granted ?? nextReign(state, config)
  const record = recordOf(state.history, epoch, config)
  const next: PrimaryState = {
    ...state,
    epoch,
    record,
    highest: epoch,
    mode: 'solo',
    mirror: undefined,
    hasAsked: false,
    switchingSince: undefined,
  }
  return go(
    next,
    { type: 'store-record', record },
    announce(next, config),
    { type: 'drop-feed' },
    { type: 'go-solo', epoch },
    { type: 'tell-mode', mode: 'solo', epoch },
  )
}

function yieldTo(state: PrimaryState, config: CoreConfig): Transition<State> {
  const ruling = rulingPeer(state, config)
  // With other settings it cannot be loaded from; nobody rules across a mismatch.
  if (ruling === undefined) return giveUp(state, config, 'higher-epoch')
  const next = loadFrom(state, ruling, config, 'higher-epoch', state.epoch)
  return { state: next.state, effects: [...standDown, ...next.effects] }
}

/** What ends a primary's duties, whatever it becomes. */
const standDown: readonly Effect[] = [
  { type: 'close-gate' },
  { type: 'clear-timer', name: 'reopen' },
  { type: 'demote' },
  { type: 'drop-feed' },
]
