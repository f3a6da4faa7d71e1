/**
 * The member that rules: it feeds the other one, pairs with it, and goes on alone only by right.
 *
 * The right to send unacknowledged is never assumed: a solo primary has it by the record; a paired
 * one gets it back by the mirror's renunciation or (arbiter `none`) by a verdict, always in a new
 * reign (docs/PROTOCOL.md#6).
 */

import type { RoleCause } from '../../events.js'
import { type Incarnation, peerOf } from '../../units.js'
import type { Effect, Transition } from '../effect.js'
import type { Event } from '../event.js'
import type { CoreConfig, PrimaryState, State } from '../state.js'
import {
  announce,
  assertNever,
  chain,
  fence,
  go,
  isAlive,
  isFresh,
  loadFrom,
  nextReign,
  recordOf,
  rulingPeer,
  stay,
} from '../transition.js'
import { beginSwitchover, giveSwitchoverUp, handOver, namedReign } from './switchover.js'

export function onPrimary(
  state: PrimaryState,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  switch (event.type) {
    case 'heard':
      return onHeard(state, event, config)
    case 'found':
      return onFound(state, event.incarnation, config)
    case 'stalled':
      return onStalled(state, event.seq, config)
    case 'timer':
      if (event.name === 'drain') return giveSwitchoverUp(state)
      return event.name === 'reopen' && state.mode !== 'paired' ? reopen(state) : stay(state)
    case 'switchover-asked':
      return beginSwitchover(state, event)
    case 'switchover-cancelled':
      return giveSwitchoverUp(state)
    case 'drained':
      return handOver(state, config)
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
      return onCovered(state, event.incarnation, config)
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

function tellPaired(state: PrimaryState): Effect {
  return { type: 'tell-mode', mode: 'paired', epoch: state.epoch }
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
  if (state.mode === 'paired' && isOurs && presence.renounced === state.epoch) {
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
  incarnation: Incarnation,
  config: CoreConfig,
): Transition<State> {
  if (state.mirror !== incarnation) return stay(state)
  if (state.mode !== 'paired') return dropMirror(state)
  if (state.distrustsBefore === undefined) return goSolo(state, config)
  // Asleep while paired: the other may have ruled and died since. A verdict gives no right.
  return giveUp(state, config, 'peer-lost')
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
function giveUp(state: PrimaryState, config: CoreConfig, cause: RoleCause): Transition<State> {
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

function reopen(state: PrimaryState): Transition<PrimaryState> {
  if (state.distrustsBefore === undefined) return stay(state)
  const effects: Effect[] = [{ type: 'clear-timer', name: 'reopen' }, { type: 'open-gate' }]
  // `covered` may have come while it was too early to pair: asked for again.
  if (state.mode === 'pairing') effects.push({ type: 'hold' })
  return go({ ...state, distrustsBefore: undefined }, ...effects)
}

/**
 * A solo primary whose gate is in doubt stays solo: were it paired, a verdict would give it no
 * right.
 */
function onCovered(
  state: PrimaryState,
  incarnation: Incarnation,
  config: CoreConfig,
): Transition<State> {
  const isDue = state.mode === 'pairing' && state.mirror === incarnation
  if (!isDue || state.distrustsBefore !== undefined) return stay(state)
  return pair(state, incarnation, config)
}

function onLinkDown(state: PrimaryState, incarnation: Incarnation): Transition<State> {
  if (state.mirror !== incarnation) return stay(state)
  if (state.mode !== 'paired') return dropMirror(state)
  return go(state, { type: 'tell-mode', mode: 'waiting', epoch: state.epoch })
}

/** Whoever loads was never told that it is in sync: the right to go on alone was never given up. */
function dropMirror(state: PrimaryState): Transition<PrimaryState> {
  const next: PrimaryState = { ...state, mode: 'solo', mirror: undefined }
  const drop: Effect = { type: 'drop-feed' }
  return state.mode === 'pairing' ? go(next, drop, { type: 'release' }) : go(next, drop)
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

function feed(state: PrimaryState, to: Incarnation): Transition<State> {
  return go({ ...state, mirror: to }, { type: 'send-load', to })
}

/** All that was accepted or released is acknowledged: recorded first, told after. */
function pair(state: PrimaryState, mirror: Incarnation, config: CoreConfig): Transition<State> {
  const record = recordOf(state.history, state.epoch, config, {
    member: peerOf(config.self),
    incarnation: mirror,
  })
  const next: PrimaryState = { ...state, mode: 'paired', record, hasAsked: false }
  return go(
    next,
    { type: 'store-record', record },
    announce(next, config),
    { type: 'tell-in-sync', epoch: state.epoch },
    tellPaired(next),
  )
}

/** By right: a renunciation, or the verdict on the mirror. A new reign in the same history. */
function goSolo(state: PrimaryState, config: CoreConfig): Transition<PrimaryState> {
  const epoch = nextReign(state, config)
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
