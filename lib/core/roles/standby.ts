/**
 * A member in sync: the only one that may take over, and only while it may believe that it is.
 *
 * Right to take over: the primary's renunciation, or (arbiter `none`) a verdict. A standby whose
 * own beat thread stood still for a window may have been left behind meanwhile; until a beat that
 * answers one of its own since then says "in sync", a verdict gives it no right (PROTOCOL-REVIEW
 * A11).
 */

import type { ResyncReason, RoleCause, Verdict } from '../../events.js'
import { millis } from '../../units.js'
import { claim, isSuperseded, mayClaim, noDelay, readFirst } from '../claims.js'
import type { Effect, Transition } from '../effect.js'
import type { Event, RoleEvent } from '../event.js'
import { loseStep, tellResync } from '../resync.js'
import type { CoreConfig, LoadingState, Presence, StandbyState, State } from '../state.js'
import {
  announce,
  assertNever,
  common,
  fence,
  go,
  hasRenounced,
  isFresh,
  loadFrom,
  nextReign,
  recordOf,
  rulingPeer,
  stay,
  tellRole,
} from '../transition.js'
import { isNamedFor, namedReign } from './named.js'
import { askForHandover, mayTake, refuse, refuseSwitchover, take } from './switchover.js'
import { takeOver, wouldHalt } from './takeover.js'

export function onStandby(
  state: StandbyState,
  event: RoleEvent,
  config: CoreConfig,
): Transition<State> {
  switch (event.type) {
    case 'heard':
      return onHeard(state, event, config)
    case 'found':
      return onLost(state, event.verdict, event, config)
    case 'stalled':
      return go({ ...state, distrustsBefore: event.seq })
    case 'link-up':
      return event.incarnation === state.primary ? go(state, { type: 'ask-resume' }) : stay(state)
    case 'resume-refused':
      return renounce(state, 'refused', event, config)
    case 'load-failed':
      return renounce(state, 'dropped', event, config)
    case 'out-of-step':
      return renounce(state, event.reason, event, config)
    case 'fenced':
      return event.epoch === state.epoch ? renounce(state, 'asked', event, config) : stay(state)
    case 'hung':
    case 'vouched':
      // What follows from it stands in the beats: see `presenceOf`.
      return stay(state)
    case 'handed-over':
      return onHandedOver(state, event, config)
    case 'resume-asked':
      // It stands by in a reign that this member does not rule: the hand-over was lost with its
      // link.
      return isNamedFor(event.epoch, state.epoch, config)
        ? refuse(state, event.epoch, config)
        : stay(state)
    case 'timer':
      if (event.name === 'steady') return go({ ...state, resyncs: 0 })
      if (event.name !== 'handover') return stay(state)
      return state.handover ? askForHandover(state) : missHandover(state, config)
    case 'switchover-asked':
      return refuseSwitchover(state)
    case 'switchover-cancelled':
    case 'drained':
    case 'told-in-sync':
    case 'opened':
    case 'link-down':
    case 'load-asked':
    case 'load-installed':
    case 'near':
    case 'covered':
    case 'ack-timeout':
    case 'stuck':
    case 'close-asked':
    case 'broken':
      return stay(state)
    default:
      return assertNever(event)
  }
}

function onHeard(
  state: StandbyState,
  event: Extract<Event, { type: 'heard' }>,
  config: CoreConfig,
): Transition<State> {
  const { presence } = event
  if (namedReign(state.peer, state.epoch, config) !== undefined) {
    return onNamed(state, presence, config)
  }
  if (presence.epoch > state.epoch) return leftBehind(state, config)
  // Who renounces this very reign never went on alone from it. A word that may be older than our
  // own stall waits for the next beat.
  if (isGivenUp(state, presence)) return takeRenounced(state, config)
  if (presence.role !== 'primary') return stay(state)
  if (presence.askRenounce === state.epoch) return renounce(state, 'asked', event, config)
  const isOurs = presence.epoch === state.epoch && presence.inSync === config.incarnation
  const isTaken = state.handover !== undefined && isOurs
  return trust(isTaken ? { ...state, handover: undefined } : state, isOurs)
}

/** By the other's word, once it is certainly younger than an own stall. */
function takeRenounced(state: StandbyState, config: CoreConfig): Transition<State> {
  if (!isFresh(state)) return stay(state)
  const isHung = state.peer?.hungIn !== undefined
  return takeOver(state, isHung ? 'hung' : 'renounced', config)
}

/** The reign was renounced, or, by one that has yet to take it, the place from which to take it. */
function isGivenUp({ epoch, handover }: StandbyState, presence: Presence): boolean {
  if (hasRenounced(presence, epoch)) return true
  return handover !== undefined && hasRenounced(presence, handover.former)
}

function trust(state: StandbyState, isOurs: boolean): Transition<StandbyState> {
  const isTrusted = state.distrustsBefore !== undefined && isFresh(state) && isOurs
  return isTrusted ? go({ ...state, distrustsBefore: undefined }) : stay(state)
}

/**
 * The primary has given its rule to this member, which was not told so yet: beats can be quicker
 * than the data stream. Whether the hand-over still comes, or is lost and its sender lives, is
 * known when that one asks on a new link to resume, or asks to renounce; if it is found lost, this
 * member takes over. Renouncing sooner would leave nobody where that one has just died.
 */
function onNamed(state: StandbyState, presence: Presence, config: CoreConfig): Transition<State> {
  if (presence.renounced === presence.epoch) {
    // Nothing was accepted since: whoever gave it away has given its own place up too.
    return takeRenounced(state, config)
  }
  const isAsked = presence.askRenounce === state.epoch
  if (isAsked || state.distrustsBefore !== undefined) return refuse(state, presence.epoch, config)
  // A verdict comes within one window, and before this.
  return go(state, { type: 'set-timer', name: 'handover', delay: millis(2 * config.window) })
}

/** The hand-over of the reign that this member is named for has not come, and its sender lives. */
function missHandover(state: StandbyState, config: CoreConfig): Transition<State> {
  const epoch = namedReign(state.peer, state.epoch, config)
  const isOver = state.peer?.presence.renounced === epoch
  return epoch === undefined || isOver ? stay(state) : refuse(state, epoch, config)
}

function onHandedOver(
  state: StandbyState,
  event: Extract<Event, { type: 'handed-over' }>,
  config: CoreConfig,
): Transition<State> {
  if (mayTake(state, event, config)) return take(state, event, config)
  return isNamedFor(event.epoch, state.epoch, config)
    ? refuse(state, event.epoch, config)
    : stay(state)
}

/**
 * The other one was in a higher reign, without us: what is held here is no longer all that was
 * accepted or released, whether it still rules or not.
 */
export function leftBehind(state: StandbyState, config: CoreConfig): Transition<State> {
  const ruling = rulingPeer(state, config)
  const next = ruling
    ? loadFrom(state, ruling, config, 'higher-epoch', state.epoch)
    : fence(state, state, config, 'higher-epoch', state.epoch)
  return { state: next.state, effects: [{ type: 'stop-acknowledging' }, ...next.effects] }
}

/** The primary was found lost: by verdict alone, or by asking the arbiter. */
export function onLost(
  state: StandbyState,
  verdict: Verdict,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  if (config.hasArbiter) return claimRule(state, verdict, event, config)
  return state.distrustsBefore === undefined
    ? takeOver(state, verdict, config)
    : fenceBehind(state, config, 'peer-lost')
}

/**
 * A member that stood still may claim all the same: the record names it only if nobody has gone on
 * without it. One that may live is left the first claim.
 */
function claimRule(
  state: StandbyState,
  verdict: Verdict,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  if (isSuperseded(state, config)) return fenceBehind(state, config, 'higher-epoch')
  if (!mayClaim(state, config)) return readFirst(state)
  if (wouldHalt(state, config)) return takeOver(state, verdict, config)
  const record = recordOf(state.history, nextReign(state, config), config)
  const delay = verdict === 'process-gone' ? noDelay : config.headStart
  return claim(state, { type: 'take-over', verdict }, record, event, delay)
}

/** What is held here may not be all: nothing more is acknowledged, nobody is loaded from yet. */
function fenceBehind(state: StandbyState, config: CoreConfig, cause: RoleCause): Transition<State> {
  const next = fence(state, state, config, cause, state.epoch)
  return { state: next.state, effects: [{ type: 'stop-acknowledging' }, ...next.effects] }
}

/** Give up acknowledging in this reign for good, say so, and load again, at once or later. */
function renounce(
  state: StandbyState,
  reason: ResyncReason,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  const lost = loseStep(reason, state.resyncs, event, config)
  const isHeldOff = lost.wait > 0
  const cause: RoleCause = reason === 'asked' ? 'renounced' : 'resync'
  const next: LoadingState = {
    ...common(state),
    role: 'loading',
    phase: 'asking',
    primary: state.primary,
    epoch: state.epoch,
    history: state.history,
    hasState: true,
    renounced: state.epoch,
    failures: 0,
    lost,
    isHeldOff,
    distrustsBefore: undefined,
  }
  const effects: Effect[] = [
    { type: 'stop-acknowledging' },
    announce(next, config),
    { type: 'drop-load' },
    tellRole(state, next, cause),
    tellResync(config.self, lost),
  ]
  if (isHeldOff) effects.push({ type: 'set-timer', name: 'ask', delay: lost.wait })
  else if (next.link === next.primary) effects.push({ type: 'ask-load' })
  return { state: next, effects }
}
