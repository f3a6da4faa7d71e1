/**
 * A member that takes the state over from a primary. It is never promotable: only the primary's
 * word on the data stream, after pairing, makes it a standby (docs/PROTOCOL.md#4).
 */

import { epochOf, millis } from '../../units.js'
import type { Effect, Transition } from '../effect.js'
import type { Event, RoleEvent } from '../event.js'
import { steadyDelay } from '../resync.js'
import type { CoreConfig, LoadingState, StandbyState, State } from '../state.js'
import {
  announce,
  assertNever,
  common,
  fence,
  go,
  isFresh,
  loadFrom,
  rulingPeer,
  stay,
  tellRole,
} from '../transition.js'
import { namedReign } from './named.js'
import { startAgain } from './starting.js'
import { refuseSwitchover, renounceNamed } from './switchover.js'

export function onLoading(
  state: LoadingState,
  event: RoleEvent,
  config: CoreConfig,
): Transition<State> {
  switch (event.type) {
    case 'heard':
      return onHeard(state, event, config)
    case 'found':
      return lost(state, event, config)
    case 'stalled':
      return go({ ...state, distrustsBefore: event.seq })
    case 'link-up':
      return event.incarnation === state.primary && !state.isHeldOff
        ? go(state, { type: 'clear-timer', name: 'ask' }, { type: 'ask-load' })
        : stay(state)
    case 'link-down':
      return go({ ...state, phase: 'asking' }, { type: 'drop-load' })
    case 'load-installed':
      return onInstalled(state, event)
    case 'out-of-step':
      // Whoever loads may lag: it is not in sync before it has caught up.
      return event.reason === 'lag' ? stay(state) : askLater(state)
    case 'load-failed':
    case 'resume-refused':
      return askLater(state)
    case 'timer':
      return event.name === 'ask' ? onAsk(state) : stay(state)
    case 'told-in-sync':
      return event.epoch === state.epoch && state.phase === 'catching-up'
        ? follow(state, config)
        : stay(state)
    case 'handed-over':
      return renounceNamed(state, event.epoch, config)
    case 'resume-asked':
      return renounceNamed(state, event.epoch, config)
    case 'switchover-asked':
      return refuseSwitchover(state)
    case 'opened':
    case 'load-asked':
    case 'near':
    case 'covered':
    case 'ack-timeout':
    case 'stuck':
    case 'hung':
    case 'vouched':
    case 'fenced':
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
 * Back-off of asking again: 20 ms doubling to 2 s. A load fails for reasons that last (a state that
 * cannot be cloned, a bound), and each try costs the primary a walk over its whole state.
 */
function askLater(state: LoadingState): Transition<State> {
  // It speaks of what was given up: nothing has been asked for since.
  if (state.isHeldOff) return stay(state)
  const delay = millis(Math.min(2_000, 20 * 2 ** Math.min(state.failures, 10)))
  return go(
    { ...state, phase: 'asking', failures: state.failures + 1 },
    { type: 'drop-load' },
    { type: 'set-timer', name: 'ask', delay },
  )
}

/**
 * A load that is in place is followed, never asked for again: the word "in sync" may be on its way.
 */
function onAsk(state: LoadingState): Transition<State> {
  const next: LoadingState = { ...state, isHeldOff: false }
  const isWanted = state.phase === 'asking' && state.link === state.primary
  return isWanted ? go(next, { type: 'ask-load' }) : go(next)
}

/**
 * The data link can be quicker than the beats: the load of a reign that they have yet to speak of
 * is as good, since it comes from the same primary, which has proved who it is.
 */
function onInstalled(
  state: LoadingState,
  { epoch, history }: Extract<Event, { type: 'load-installed' }>,
): Transition<State> {
  const isOther = epoch === state.epoch && history !== state.history
  if (state.link !== state.primary || epoch < state.epoch || isOther) return stay(state)
  const highest = epochOf(Math.max(state.highest, epoch))
  const phase = 'catching-up'
  return go({ ...state, phase, epoch, history, highest, hasState: true })
}

function onHeard(state: LoadingState, event: Event, config: CoreConfig): Transition<State> {
  const ruling = rulingPeer(state, config)
  if (ruling === undefined) return lost(state, event, config)
  if (ruling.presence.epoch === state.epoch) {
    const isTrusted = state.distrustsBefore !== undefined && isFresh(state)
    return isTrusted ? go({ ...state, distrustsBefore: undefined }) : stay(state)
  }
  // Said before the reign whose load is in place.
  if (ruling.incarnation === state.primary && ruling.presence.epoch < state.epoch)
    return stay(state)
  // Another reign of the same primary: the load under way belongs to a reign that has ended.
  const again = loadFrom(state, ruling, config, 'higher-epoch', state.renounced)
  const isHeldOff = again.state.role === 'loading' && again.state.isHeldOff
  const cleared: readonly Effect[] = isHeldOff ? [] : [{ type: 'clear-timer', name: 'ask' }]
  const effects: readonly Effect[] = [{ type: 'drop-load' }, ...cleared, ...again.effects]
  return { state: again.state, effects }
}

/** The primary is gone, unreachable, or rules no more. */
function lost(state: LoadingState, event: Event, config: CoreConfig): Transition<State> {
  const dropped: readonly Effect[] = [{ type: 'drop-load' }, { type: 'clear-timer', name: 'ask' }]
  // It may have given its rule to this member, which was in sync then and is not any more.
  const named = namedReign(state.peer, state.renounced, config) ?? state.renounced
  const then = state.hasState
    ? fence(state, state, config, 'peer-lost', named)
    : startAgain(state, event, config)
  return { state: then.state, effects: [...dropped, ...then.effects] }
}

function follow(state: LoadingState, config: CoreConfig): Transition<State> {
  const next: StandbyState = {
    ...common(state),
    role: 'standby',
    primary: state.primary,
    epoch: state.epoch,
    history: state.history,
    resyncs: state.lost?.inARow ?? 0,
    distrustsBefore: state.distrustsBefore,
    handover: undefined,
  }
  const effects: Effect[] = [announce(next, config), tellRole(state, next, 'paired')]
  if (next.resyncs > 0) {
    effects.push({ type: 'set-timer', name: 'steady', delay: steadyDelay(config) })
  }
  return go(next, ...effects)
}
