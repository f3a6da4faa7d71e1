/**
 * The rules of the pair: `step(state, event, config)` returns the next state and what must be done.
 *
 * Pure and total: no clock, no randomness, no I/O, and it never throws for any event in any state.
 * Before a role sees an event, the rules that hold in every role are applied here: what is known of
 * the other member is brought up to date, and words of a former incarnation are dropped.
 */

import { type Epoch, epochOf, type Incarnation, peerOf } from '../units.js'
import { claimedReign } from './claims.js'
import type { Effect, Transition } from './effect.js'
import type { Event } from './event.js'
import { presenceOf } from './presence.js'
import { newlyLost, tellResync } from './resync.js'
import { onAnswer } from './roles/answers.js'
import { onFenced } from './roles/fenced.js'
import { onForceAsked } from './roles/force.js'
import { onLoading } from './roles/loading.js'
import { onPrimary } from './roles/primary.js'
import { onStandby } from './roles/standby.js'
import { onStarting } from './roles/starting.js'
import { endSwitchover } from './roles/switchover.js'
import type { CoreConfig, PeerView, Presence, StartingState, State, StoppedState } from './state.js'
import { announce, chain, common, go, isAlive, noEpoch, stay, tellRole } from './transition.js'

/**
 * Highest reign that is believed. Each reign is above all that were heard, so one at the end of the
 * numbers would leave none to go on with; this leaves two billion.
 */
const highestHeard = 2 ** 53 - 2 ** 32

/** The state in which a member starts, before `opened`. */
export function initialState(draw: bigint): StartingState {
  return {
    role: 'starting',
    phase: 'listening',
    draw,
    peer: undefined,
    link: undefined,
    record: undefined,
    highest: epochOf(0),
    kept: undefined,
    claim: undefined,
  }
}

export function step(state: State, event: Event, config: CoreConfig): Transition<State> {
  if (event.type === 'close-asked' || event.type === 'broken')
    return endSwitchover(state, stop(state, event.type, config), event)
  const known = observe(state, event, config)
  if (known === undefined) return stay(state)
  const decided = chain(known, (seen) => decide(seen, event, config))
  return sayWhatChanged(state, endSwitchover(state, decided, event), config)
}

function decide(state: State, event: Event, config: CoreConfig): Transition<State> {
  if (event.type === 'kept' || event.type === 'granted' || event.type === 'refused')
    return onAnswer(state, event, config)
  if (event.type === 'force-asked') return onForceAsked(state, event, config)
  switch (state.role) {
    case 'starting':
      return onStarting(state, event, config)
    case 'loading':
      return onLoading(state, event, config)
    case 'standby':
      return onStandby(state, event, config)
    case 'primary':
      return onPrimary(state, event, config)
    case 'fenced':
      return onFenced(state, event, config)
    case 'stopped':
      return stay(state)
  }
}

/**
 * What is known of the other member after `event`; undefined when the event is about a former one.
 */
function observe(state: State, event: Event, config: CoreConfig): Transition<State> | undefined {
  if (state.role === 'stopped') return stay(state)
  switch (event.type) {
    case 'heard':
      return hear(state, event, config)
    case 'found': {
      const { peer } = state
      if (peer?.incarnation !== event.incarnation || peer.condition === 'process-gone')
        return undefined
      if (peer.condition === event.verdict) return undefined
      return stay({ ...state, peer: { ...peer, condition: event.verdict } })
    }
    case 'hung':
    case 'vouched':
      return noteHung(state, event.incarnation, 'frameNo' in event ? event.frameNo : undefined)
    case 'link-up':
      return stay({ ...state, link: event.incarnation })
    case 'link-down':
      return state.link === event.incarnation ? stay({ ...state, link: undefined }) : undefined
    case 'load-asked':
      return state.link === event.incarnation ? stay(above(state, event.highest)) : undefined
    case 'resume-asked':
    case 'resume-refused':
    case 'near':
    case 'covered':
    case 'told-in-sync':
    case 'handed-over':
      return state.link === event.incarnation ? stay(state) : undefined
    default:
      return stay(state)
  }
}

/** Reigns that are given from here on lie above what the other one may have used. */
function above(state: State, highest: Epoch | undefined): State {
  const isBelieved = highest !== undefined && highest <= highestHeard && highest > state.highest
  return isBelieved ? { ...state, highest } : state
}

/** A member that is not heard is lost or was never known: how its loop does says nothing then. */
function noteHung(
  state: State,
  incarnation: Incarnation,
  hungIn: number | undefined,
): Transition<State> | undefined {
  const { peer } = state
  if (peer === undefined || !isAlive(state, incarnation) || peer.hungIn === hungIn) return undefined
  return stay({ ...state, peer: { ...peer, hungIn } })
}

/** A fresh beat. One of another incarnation proves the former gone (docs/PROTOCOL.md#2). */
function hear(
  state: State,
  event: Extract<Event, { type: 'heard' }>,
  config: CoreConfig,
): Transition<State> | undefined {
  if (Math.max(event.presence.epoch, event.presence.renounced) > highestHeard) return undefined
  const former = state.peer
  const isNewborn = former !== undefined && former.incarnation !== event.incarnation
  const before =
    isNewborn && former.condition !== 'process-gone'
      ? step(state, found(event, former.incarnation), config)
      : stay(state)
  return chain(before, (then) => {
    const peer: PeerView = {
      incarnation: event.incarnation,
      presence: event.presence,
      answered: event.answered,
      condition: 'alive',
      hungIn: isAlive(then, event.incarnation) ? then.peer?.hungIn : undefined,
    }
    const highest = Math.max(then.highest, event.presence.epoch, event.presence.renounced)
    const lost = newlyLost(isNewborn ? undefined : former?.presence, event.presence)
    const told = lost ? [tellResync(peerOf(config.self), lost)] : []
    return go({ ...then, peer, highest: epochOf(highest) }, ...told)
  })
}

function found(event: Event, incarnation: Incarnation): Event {
  const { now, wall, entropy } = event
  return { type: 'found', incarnation, verdict: 'process-gone', now, wall, entropy }
}

/**
 * Every change of what a member is stands in its beats: added here where a role did not say it
 * itself. What was said before the last change (a newborn proves its former self gone, and is heard
 * in the same step) is said anew.
 */
function sayWhatChanged(
  from: State,
  { state, effects }: Transition<State>,
  config: CoreConfig,
): Transition<State> {
  const before = effects.findLast((effect) => effect.type === 'announce')
  const said = before?.presence ?? presenceOf(from, config)
  if (from === state || isSame(said, presenceOf(state, config))) return { state, effects }
  return { state, effects: [...effects, announce(state, config)] }
}

function isSame(one: Presence, other: Presence): boolean {
  return (
    one.role === other.role &&
    one.mode === other.mode &&
    one.isBlank === other.isBlank &&
    one.epoch === other.epoch &&
    one.history === other.history &&
    one.draw === other.draw &&
    one.drawEcho === other.drawEcho &&
    one.inSync === other.inSync &&
    one.renounced === other.renounced &&
    one.askRenounce === other.askRenounce &&
    one.lost === other.lost
  )
}

/**
 * The reign that a member which ends gives up, or had given up before; one that it has claimed and
 * may yet be granted, too.
 */
function renouncedBy(state: State): Epoch {
  const isActive = state.role === 'primary' || state.role === 'standby'
  const held = 'renounced' in state ? state.renounced : noEpoch
  return epochOf(Math.max(isActive ? state.epoch : held, claimedReign(state)))
}

/**
 * The member ends. A primary or standby renounces its reign, so that the other may go on at once; a
 * primary first lets what is being delivered settle. After a broken invariant nothing is said but
 * the role.
 */
function stop(state: State, why: 'close-asked' | 'broken', config: CoreConfig): Transition<State> {
  if (state.role === 'stopped') return stay(state)
  const next: StoppedState = {
    ...common(state),
    role: 'stopped',
    epoch: 'epoch' in state ? state.epoch : noEpoch,
    renounced: renouncedBy(state),
  }
  const effects: Effect[] = [{ type: 'stop-intake' }]
  if (state.role === 'primary' && why === 'close-asked') effects.push({ type: 'settle' })
  effects.push({ type: 'close-gate' })
  if (state.role === 'primary') effects.push({ type: 'demote' })
  if (state.role === 'standby') effects.push({ type: 'stop-acknowledging' })
  effects.push(
    announce(next, config),
    tellRole(state, next, why === 'broken' ? 'invariant' : 'closed'),
    { type: 'stop' },
  )
  return { state: next, effects }
}
