/**
 * A blank member: it looks for the other one, and begins a history only if nobody can hold one.
 *
 * Hears a primary: loads. Hears a member with state: leaves the rule to it. Hears another blank
 * one: both draw a number, and the draw is decided when each has echoed both. Hears none for the
 * start window: first up is primary (docs/PROTOCOL.md#2).
 */

import { epochOf, nextEpoch } from '../../units.js'
import { claim, keptRecord, readFirst } from '../claims.js'
import type { Effect, Transition } from '../effect.js'
import type { Event, RoleEvent } from '../event.js'
import type { CoreConfig, LoadingState, PairRecord, StartingState, State } from '../state.js'
import {
  announce,
  assertNever,
  chain,
  common,
  drawFrom,
  go,
  loadFrom,
  newHistory,
  noEpoch,
  recordOf,
  rulingPeer,
  soloReign,
  stay,
  tellRole,
} from '../transition.js'
import { refuseSwitchover } from './switchover.js'

export function onStarting(
  state: StartingState,
  event: RoleEvent,
  config: CoreConfig,
): Transition<State> {
  switch (event.type) {
    case 'opened':
      return opened({ ...state, ...event.remembered }, config)
    case 'heard':
      return lookAround(state, event, config)
    case 'found':
      return go({ ...state, phase: 'listening' }, startTimer(config))
    case 'stalled':
      // A number that was echoed before this member stood still decides nothing any more.
      return go({ ...state, draw: drawFrom(event) })
    case 'timer':
      return event.name === 'start' ? onStartWindow(state, event, config) : stay(state)
    case 'switchover-asked':
      return refuseSwitchover(state)
    case 'switchover-cancelled':
    case 'drained':
    case 'handed-over':
    case 'link-up':
    case 'link-down':
    case 'load-asked':
    case 'resume-asked':
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
    case 'close-asked':
    case 'broken':
      return stay(state)
    default:
      return assertNever(event)
  }
}

/** A member that held no whole state looks for another one again. */
export function startAgain(
  state: LoadingState,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  const next: StartingState = {
    ...common(state),
    role: 'starting',
    phase: 'listening',
    draw: drawFrom(event),
  }
  return go(next, announce(next, config), tellRole(state, next, 'peer-lost'), startTimer(config))
}

export function startTimer({ startWindow }: CoreConfig): Effect {
  return { type: 'set-timer', name: 'start', delay: startWindow }
}

function opened(state: StartingState, config: CoreConfig): Transition<State> {
  const then = go(state, announce(state, config), startTimer(config))
  return config.hasArbiter ? chain(then, readFirst) : then
}

/** What follows from the other member as it was heard last. */
export function lookAround(
  state: StartingState,
  event: Event,
  config: CoreConfig,
): Transition<State> {
  const { peer } = state
  // A claim that may come true is followed to its end first.
  if (peer?.condition !== 'alive' || state.claim !== undefined) return stay(state)
  const ruling = rulingPeer(state, config)
  if (ruling) return loadFrom(state, ruling, config, 'heard-primary', noEpoch)
  const { role, settings, draw, drawEcho } = peer.presence
  if (role === 'stopped') return stay(state)
  if (role !== 'starting' || settings !== config.settings) return wait(state)
  if (draw === 0n || drawEcho !== state.draw) return go({ ...state, phase: 'drawing' })
  if (state.draw > draw) return wantHistory(state, event, config, 'draw-won')
  if (state.draw < draw) return wait(state)
  return go({ ...state, phase: 'drawing', draw: drawFrom(event) })
}

/** The other one rules, or will: until it is lost there is nothing to decide. */
function wait(state: StartingState): Transition<State> {
  if (state.phase === 'waiting') return stay(state)
  return go({ ...state, phase: 'waiting' }, { type: 'clear-timer', name: 'start' })
}

function onStartWindow(state: StartingState, event: Event, config: CoreConfig): Transition<State> {
  const { peer } = state
  // A peer that draws will be decided by the draw; one that stopped is as good as unheard.
  if (peer?.condition === 'alive' && peer.presence.role !== 'stopped') return stay(state)
  return wantHistory(state, event, config, 'first-up')
}

/**
 * Where an arbiter keeps the record, nothing overrules it. Until it has been read, and while it is
 * asked, this member looks again after each start window.
 */
function wantHistory(
  state: StartingState,
  event: Event,
  config: CoreConfig,
  cause: 'draw-won' | 'first-up',
): Transition<State> {
  if (!config.hasArbiter) {
    if (cause === 'first-up' && !mayBegin(state, state.record, config) && config.onLoss === 'wait')
      return wait(state)
    return begin(state, recordOfNew(state, event, config), config, cause)
  }
  if (state.claim !== undefined) return stay(state)
  if (state.kept === undefined) return go(state, startTimer(config))
  if (!mayBegin(state, keptRecord(state), config)) return wait(state)
  return claim(state, { type: 'begin', cause }, recordOfNew(state, event, config), event)
}

/** Whether every holder of the recorded history is known to be gone: then a new one may begin. */
export function mayBegin(
  state: State,
  record: PairRecord | undefined,
  config: CoreConfig,
): boolean {
  const { peer } = state
  // A member that was heard with a state, and cannot be heard any more, may rule.
  if (peer?.condition === 'unreachable' && !peer.presence.isBlank) return false
  if (record === undefined) return true
  return record.inSync.every((holder) => {
    // Whoever asks has not begun yet, or has given up what it held.
    if (holder.member === config.self) return true
    if (peer === undefined) return false
    return peer.incarnation !== holder.incarnation || peer.condition === 'process-gone'
  })
}

/**
 * A new history. Without a durable record the first reign comes from the wall clock, so that
 * receivers which remember an earlier history see a higher one (docs/PROTOCOL.md#3).
 */
function recordOfNew(state: StartingState, event: Event, config: CoreConfig): PairRecord {
  const above = epochOf(Math.max(state.highest, Math.floor(event.wall)))
  return recordOf(newHistory(event), nextEpoch(above, config.self), config)
}

/** Rules alone, by `record`, from an empty state. */
export function begin(
  state: StartingState,
  record: PairRecord,
  config: CoreConfig,
  cause: 'draw-won' | 'first-up' | 'forced',
): Transition<State> {
  const { history, epoch } = record
  const next = soloReign(state, history, epoch, config)
  return go(
    next,
    { type: 'clear-timer', name: 'start' },
    { type: 'store-record', record: next.record },
    announce(next, config),
    { type: 'begin', history, epoch, over: 'nothing' },
    { type: 'open-gate' },
    tellRole(state, next, cause),
    { type: 'tell-mode', mode: 'solo', epoch },
  )
}
