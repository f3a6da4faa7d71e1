/**
 * The planned switchover: the primary gives its reign away, and the standby takes it
 * (docs/PROTOCOL.md#17).
 *
 * Until the hand-over is written the primary can go back, and does so whenever the way is not clear
 * any more. After that it never goes back on silence: the other one may rule. It rules again by the
 * other's renunciation or by a verdict, like any standby. So whoever hears that it is named the
 * primary of a reign that it will not rule must renounce that reign.
 */

import type { SwitchoverOutcome } from '../../events.js'
import {
  type Epoch,
  elapsed,
  type Incarnation,
  type Instant,
  nextEpoch,
  peerOf,
} from '../../units.js'
import { claim, mayClaim } from '../claims.js'
import type { Effect, Transition } from '../effect.js'
import type { Event } from '../event.js'
import type { CoreConfig, PairRecord, PrimaryState, StandbyState, State } from '../state.js'
import {
  announce,
  common,
  fence,
  go,
  isAlive,
  noEpoch,
  recordOf,
  stay,
  tellRole,
} from '../transition.js'
import { isNamedFor } from './named.js'

/** Whether the rule may be given away: the other one is there, in sync, and takes part. */
function isClear(state: PrimaryState): boolean {
  const { mode, mirror, link, distrustsBefore, hasAsked } = state
  const isThere = mirror !== undefined && link === mirror && isAlive(state, mirror)
  return mode === 'paired' && isThere && distrustsBefore === undefined && !hasAsked
}

/** Hold intake, so that what was taken in can be settled. */
export function beginSwitchover(
  state: PrimaryState,
  event: Extract<Event, { type: 'switchover-asked' }>,
  config: CoreConfig,
): Transition<State> {
  if (state.switchingSince !== undefined || !isClear(state)) return refuseSwitchover(state)
  if (config.hasArbiter && !mayClaim(state, config)) return refuseSwitchover(state)
  return go(
    { ...state, switchingSince: event.now },
    { type: 'set-timer', name: 'drain', delay: event.deadline },
    { type: 'hold-intake' },
  )
}

/** Nothing is begun. */
export function refuseSwitchover(state: State): Transition<State> {
  return go(state, tellSwitchover(state, 'not-possible', undefined))
}

/** Back to work; what ends with it is said by `endSwitchover`. */
export function giveSwitchoverUp(state: PrimaryState): Transition<State> {
  return state.switchingSince === undefined
    ? stay(state)
    : go({ ...state, switchingSince: undefined })
}

/** All is settled; an arbiter is told first, and until it has answered the primary can go back. */
export function onDrained(
  state: PrimaryState,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  const { switchingSince, mirror } = state
  if (switchingSince === undefined || mirror === undefined) return stay(state)
  const record = recordOfHeir(state, mirror, config)
  if (!config.hasArbiter) return handOver(state, { switchingSince, mirror }, record, config)
  if (!mayClaim(state, config)) return giveSwitchoverUp(state)
  return claim(state, { type: 'hand-over' }, record, event)
}

/** The other one rules, both hold all. */
function recordOfHeir(state: PrimaryState, mirror: Incarnation, config: CoreConfig): PairRecord {
  const heir = peerOf(config.self)
  const inSync = [
    { member: heir, incarnation: mirror },
    { member: config.self, incarnation: config.incarnation },
  ]
  const { history, highest } = state
  return { history, epoch: nextEpoch(highest, heir), primary: heir, inSync }
}

/**
 * The record is kept: the rule is given away if everything is as it was when it was asked for.
 * Undefined: it is not, and both stay in sync by the record all the same.
 */
export function handOverGranted(
  state: PrimaryState,
  record: PairRecord,
  config: CoreConfig,
): Transition<State> | undefined {
  const { switchingSince, mirror } = state
  const isMirror = record.inSync.some(({ incarnation }) => incarnation === mirror)
  const isDue = isMirror && isClear(state)
  if (switchingSince === undefined || mirror === undefined || !isDue) return undefined
  return handOver(state, { switchingSince, mirror }, record, config)
}

/**
 * The gate is shut, the other one is recorded as the primary of a reign of its own, and told. From
 * here on this member is its standby, in sync from that reign's first frame on.
 */
function handOver(
  state: PrimaryState,
  { switchingSince: since, mirror }: { switchingSince: Instant; mirror: Incarnation },
  record: PairRecord,
  config: CoreConfig,
): Transition<State> {
  const { epoch: former, history } = state
  const { epoch } = record
  const next: StandbyState = {
    ...common(state),
    role: 'standby',
    primary: mirror,
    epoch,
    history,
    distrustsBefore: undefined,
    handover: { former, phase: 'sent', since },
    resyncs: 0,
    record,
    highest: epoch,
  }
  return go(
    next,
    { type: 'clear-timer', name: 'drain' },
    { type: 'close-gate' },
    { type: 'store-record', record },
    { type: 'hand-over', former, epoch },
    announce(next, config),
    { type: 'set-timer', name: 'handover', delay: config.window },
    tellRole(state, next, 'switchover'),
  )
}

/**
 * Nothing is heard of a reign that was given away: the other one is asked to renounce its place in
 * the former one, which its beat thread can do however stuck its event loop is. If it rules, it is
 * not there any more, and does not.
 */
export function askForHandover(state: StandbyState): Transition<State> {
  const { handover } = state
  if (handover?.phase !== 'sent') return stay(state)
  return go({ ...state, handover: { ...handover, phase: 'asked' } })
}

/**
 * What ends a switchover, whatever event it was and whatever the member becomes: intake goes on,
 * and whoever asked for it is told.
 */
export function endSwitchover(
  from: State,
  { state, effects }: Transition<State>,
  event: Event,
): Transition<State> {
  const since = pendingSince(from)
  if (since === undefined) return { state, effects }
  if (state.role === 'primary' && pendingSince(state) !== undefined && !isClear(state)) {
    return endSwitchover(from, { state: { ...state, switchingSince: undefined }, effects }, event)
  }
  // Another incarnation of the standby ends it on the way to what that one says.
  const isTold = effects.some((effect) => effect.type === 'tell-switchover')
  if (isTold || pendingSince(state) !== undefined) return { state, effects }
  const told = tellSwitchover(state, outcomeOf(from, state, event), elapsed(since, event.now))
  if (from.role !== 'primary') {
    return { state, effects: [{ type: 'clear-timer', name: 'handover' }, ...effects, told] }
  }
  // A member that closes has to settle what it holds: intake goes on first.
  const released: readonly Effect[] = [
    { type: 'clear-timer', name: 'drain' },
    { type: 'release-intake' },
  ]
  return { state, effects: [...released, ...effects, told] }
}

function pendingSince(state: State): Instant | undefined {
  if (state.role === 'primary') return state.switchingSince
  return state.role === 'standby' ? state.handover?.since : undefined
}

function outcomeOf(from: State, to: State, event: Event): SwitchoverOutcome {
  if (to.role === 'stopped') return 'closed'
  if (from.role === 'primary') {
    if (to.role !== 'primary') return 'unknown'
    if (event.type === 'timer') return 'timeout'
    return event.type === 'switchover-cancelled' ? 'cancelled' : 'standby-lost'
  }
  if (to.role === 'primary') return 'refused'
  const rules = to.peer?.condition === 'alive' && to.peer.presence.role === 'primary'
  return rules ? 'done' : 'unknown'
}

function tellSwitchover(
  state: State,
  outcome: SwitchoverOutcome,
  tookMs: number | undefined,
): Effect {
  const epoch = 'epoch' in state ? state.epoch : noEpoch
  return { type: 'tell-switchover', outcome, epoch, tookMs: tookMs ?? 0 }
}

/** Whether a hand-over can be taken: this member is just where the other one says it is. */
export function mayTake(
  state: StandbyState,
  event: Extract<Event, { type: 'handed-over' }>,
  config: CoreConfig,
): boolean {
  const isOurs = event.incarnation === state.primary && event.former === state.epoch
  const isNext = isNamedFor(event.epoch, state.epoch, config)
  const isTrusted = state.distrustsBefore === undefined && event.isExact
  return isOurs && isNext && isTrusted && event.epoch >= state.highest
}

/**
 * Rules the reign that was handed over. It begins paired: the former primary holds all that this
 * member holds, and follows.
 */
export function take(
  state: StandbyState,
  { epoch, incarnation: mirror }: Extract<Event, { type: 'handed-over' }>,
  config: CoreConfig,
): Transition<State> {
  const { history } = state
  const record = recordOf(history, epoch, config, {
    member: peerOf(config.self),
    incarnation: mirror,
  })
  const next: PrimaryState = {
    ...common(state),
    role: 'primary',
    epoch,
    history,
    mode: 'paired',
    mirror,
    hasAsked: false,
    isGiven: false,
    switchingSince: undefined,
    distrustsBefore: undefined,
    highest: epoch,
    record,
  }
  return go(
    next,
    { type: 'stop-acknowledging' },
    { type: 'clear-timer', name: 'handover' },
    { type: 'store-record', record },
    announce(next, config),
    { type: 'open-gate' },
    { type: 'succeed', epoch, mirror },
    tellRole(state, next, 'switchover'),
    { type: 'tell-mode', mode: 'paired', epoch },
  )
}

/**
 * This member will never rule `epoch`, and says so: only then may the one that gave it away rule
 * again.
 */
export function refuse(state: StandbyState, epoch: Epoch, config: CoreConfig): Transition<State> {
  const fenced = fence(state, state, config, 'renounced', epoch)
  const effects: readonly Effect[] = [
    { type: 'stop-acknowledging' },
    { type: 'clear-timer', name: 'handover' },
  ]
  return { state: fenced.state, effects: [...effects, ...fenced.effects] }
}

/** The same, of a member that has given its place up already. */
export function renounceNamed<Of extends State & { readonly renounced: Epoch }>(
  state: Of,
  epoch: Epoch,
  config: CoreConfig,
): Transition<State> {
  return isNamedFor(epoch, state.renounced, config)
    ? go({ ...state, renounced: epoch })
    : stay(state)
}
