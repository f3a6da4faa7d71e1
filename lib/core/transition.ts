/**
 * Small tools that every role file uses: staying, moving, and the sentences that several roles
 * share.
 */

import type { RoleCause, Verdict } from '../events.js'
import {
  type Epoch,
  epochOf,
  type HistoryId,
  historyId,
  type Incarnation,
  nextEpoch,
} from '../units.js'
import type { Effect, Transition } from './effect.js'
import type { Moment } from './event.js'
import { presenceOf } from './presence.js'
import type {
  Common,
  CoreConfig,
  FencedState,
  Holder,
  LoadingState,
  PairRecord,
  PeerView,
  Presence,
  PrimaryState,
  State,
} from './state.js'

export const noEpoch: Epoch = epochOf(0)

/** Nothing changes, and that is meant. */
export function stay<Of extends State>(state: Of): Transition<Of> {
  return { state, effects: [] }
}

/** The state changes, perhaps with effects. */
export function go<Of extends State>(state: Of, ...effects: readonly Effect[]): Transition<Of> {
  return { state, effects }
}

/** `first`, then what `next` makes of its state. */
export function chain<From extends State, To extends State>(
  first: Transition<From>,
  next: (state: From) => Transition<To>,
): Transition<To> {
  const second = next(first.state)
  return { state: second.state, effects: [...first.effects, ...second.effects] }
}

/** What the type system excludes is a mistake of this library: it is said, never passed over. */
export function assertNever(value: never): never {
  const found: unknown = value
  const isTagged = typeof found === 'object' && found !== null && 'type' in found
  throw new TypeError(`no case for ${String(isTagged ? found.type : found)}`)
}

/** Say in the beats what `state` means. */
export function announce(state: State, config: CoreConfig): Effect {
  return { type: 'announce', presence: presenceOf(state, config) }
}

/** Tell the user that the role changed. */
export function tellRole(from: State, to: State, cause: RoleCause, verdict?: Verdict): Effect {
  return {
    type: 'tell-role',
    role: to.role,
    from: from.role,
    epoch: 'epoch' in to ? to.epoch : noEpoch,
    history: 'history' in to ? to.history : undefined,
    cause,
    verdict,
  }
}

/** A number for the draw: the low 64 bits, never 0. */
export function drawFrom(moment: Moment): bigint {
  const draw = BigInt.asUintN(64, moment.entropy)
  return draw === 0n ? 1n : draw
}

/** A history id from the event's randomness. */
export function newHistory(moment: Moment): HistoryId {
  return historyId(BigInt.asUintN(128, moment.entropy).toString(16).padStart(32, '0'))
}

/** The fields of every state, as they are. */
export function common(state: State): Common {
  const { peer, link, record, highest, kept, claim } = state
  return { peer, link, record, highest, kept, claim }
}

/**
 * The next reign of this member: above all that were ever seen. Who does not rule may just have
 * been given the first one above, and not know it: that number is left out, so that no two reigns
 * bear the same (docs/PROTOCOL.md#17).
 */
export function nextReign(state: State, config: CoreConfig): Epoch {
  const next = nextEpoch(state.highest, config.self)
  return state.role === 'primary' ? next : nextEpoch(next, config.self)
}

export function recordOf(
  history: HistoryId,
  epoch: Epoch,
  config: CoreConfig,
  ...others: readonly Holder[]
): PairRecord {
  const self: Holder = { member: config.self, incarnation: config.incarnation }
  return { history, epoch, primary: config.self, inSync: [self, ...others] }
}

/** A peer that is alive, rules, and agrees on all that must match: one to load from. */
export function rulingPeer(state: State, config: CoreConfig): PeerView | undefined {
  const peer = state.peer
  if (peer?.condition !== 'alive' || peer.presence.role !== 'primary') return undefined
  const { settings, history, epoch, renounced } = peer.presence
  if (settings !== config.settings || history === undefined) return undefined
  // Its beat thread has renounced this reign, and its event loop does not know it yet.
  if (renounced === epoch) return undefined
  return peer
}

/** Begin to load from `peer`, a ruling one. */
export function loadFrom(
  state: State,
  peer: PeerView,
  config: CoreConfig,
  cause: RoleCause,
  renounced: Epoch,
): Transition<State> {
  const { epoch, history } = peer.presence
  if (history === undefined) return stay(state)
  const holder: Holder = { member: config.self === 'a' ? 'b' : 'a', incarnation: peer.incarnation }
  // Another reign of the same primary: what made this member wait has not changed.
  const again = state.role === 'loading' && state.primary === peer.incarnation ? state : undefined
  const next: LoadingState = {
    ...common(state),
    role: 'loading',
    phase: 'asking',
    primary: peer.incarnation,
    epoch,
    history,
    hasState:
      state.role === 'standby' ||
      state.role === 'fenced' ||
      state.role === 'primary' ||
      (state.role === 'loading' && state.hasState),
    renounced,
    failures: 0,
    lost: again?.lost,
    isHeldOff: again?.isHeldOff ?? false,
    distrustsBefore: undefined,
    record: { history, epoch, primary: holder.member, inSync: [holder] },
  }
  const effects: Effect[] = [
    { type: 'clear-timer', name: 'start' },
    announce(next, config),
    ...(state.role === 'loading' ? [] : [tellRole(state, next, cause)]),
  ]
  if (next.link === next.primary && !next.isHeldOff) effects.push({ type: 'ask-load' })
  return { state: next, effects }
}

/** Hold what is there and wait: for a ruling peer, or (policy `go`) for the start window. */
export function fence(
  state: State,
  held: { readonly epoch: Epoch; readonly history: HistoryId },
  config: CoreConfig,
  cause: RoleCause,
  renounced: Epoch,
): Transition<State> {
  const next: FencedState = {
    ...common(state),
    role: 'fenced',
    epoch: held.epoch,
    history: held.history,
    renounced,
    isHalted: false,
  }
  const effects: Effect[] = [announce(next, config), tellRole(state, next, cause)]
  if (config.onLoss === 'go')
    effects.push({ type: 'set-timer', name: 'start', delay: config.startWindow })
  return { state: next, effects }
}

/**
 * Whether whoever says `presence` has given up `epoch`: that very reign, or one above it that it
 * claimed in it and will not rule.
 */
export function hasRenounced({ epoch: own, renounced }: Presence, epoch: Epoch): boolean {
  return renounced === epoch || (own === epoch && renounced > epoch)
}

/** Whether the last thing known of `incarnation` is that it lives. */
export function isAlive(state: State, incarnation: Incarnation): boolean {
  const { peer } = state
  return peer?.incarnation === incarnation && peer.condition === 'alive'
}

/** Whether the beat that was heard last answers an own one that is younger than the last stall. */
export function isFresh(state: State & { readonly distrustsBefore: bigint | undefined }): boolean {
  const { distrustsBefore, peer } = state
  if (distrustsBefore === undefined) return true
  return peer !== undefined && peer.answered >= distrustsBefore
}

/** A reign that begins alone, by right: nobody is fed, nobody else is in sync by its record. */
export function soloReign(
  state: State,
  history: HistoryId,
  epoch: Epoch,
  config: CoreConfig,
): PrimaryState & { readonly record: PairRecord } {
  return {
    ...common(state),
    role: 'primary',
    epoch,
    history,
    mode: 'solo',
    mirror: undefined,
    hasAsked: false,
    isGiven: false,
    switchingSince: undefined,
    distrustsBefore: undefined,
    highest: epoch,
    record: recordOf(history, epoch, config),
  }
}
