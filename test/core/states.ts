/**
 * Builders of small states, and the one way in which the role tables ask `step`.
 *
 * Self is always incarnation 10, the other 20; a primary is member a in reign 101, whoever follows
 * is member b. A builder gives a whole state; a test names only what matters to its rule.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Event, Happening } from '#lib/core/event.js'
import { brokenInvariant } from '#lib/core/invariants.js'
import { presenceOf } from '#lib/core/presence.js'
import type {
  CoreConfig,
  FencedState,
  LoadingState,
  PairRecord,
  PeerView,
  Presence,
  PrimaryState,
  StandbyState,
  StartingState,
  State,
  StoppedState,
} from '#lib/core/state.js'
import { step } from '#lib/core/step.js'
import type { RoleCause, Verdict } from '#lib/events.js'
import {
  type Epoch,
  epochOf,
  type HistoryId,
  historyId,
  type Incarnation,
  incarnationOf,
  instant,
  type MemberId,
  millis,
} from '#lib/units.js'

export const self: Incarnation = incarnationOf(10n)
export const other: Incarnation = incarnationOf(20n)
/** The one that comes after `other`, or any third. */
export const newborn: Incarnation = incarnationOf(21n)
export const settings = 77n
export const history: HistoryId = historyId('0123456789abcdef0123456789abcdef')
/** The reign in which member a rules. */
export const reign: Epoch = epochOf(101)
export const noReign: Epoch = epochOf(0)
/** The randomness of every event: the low half is the next number for a draw. */
export const entropy = 0xaaaa_bbbb_cccc_dddd_0000_0000_0000_0009n
export const wall = 1_000

export function configOf(
  member: MemberId,
  onLoss: 'wait' | 'go' = 'wait',
  onSuspect: CoreConfig['onSuspect'] = 'retry',
): CoreConfig {
  return {
    self: member,
    incarnation: self,
    settings,
    startWindow: millis(1_000),
    window: millis(500),
    hasArbiter: false,
    headStart: millis(0),
    onLoss,
    onSuspect,
    onStuckDeliver: 'retry',
  }
}

export const a: CoreConfig = configOf('a')
export const b: CoreConfig = configOf('b')

export function presence(over: Partial<Presence> = {}): Presence {
  return {
    role: 'starting',
    mode: undefined,
    isBlank: true,
    epoch: noReign,
    history: undefined,
    draw: (over.role ?? 'starting') === 'starting' ? 5n : 0n,
    drawEcho: 0n,
    inSync: undefined,
    renounced: noReign,
    askRenounce: noReign,
    lost: undefined,
    settings,
    ...over,
  }
}

/** A primary of `reign` that has told self that it is in sync. */
export function rulingPresence(over: Partial<Presence> = {}): Presence {
  const base = { role: 'primary', mode: 'paired', isBlank: false, epoch: reign, history } as const
  return presence({ ...base, inSync: self, ...over })
}

/** A member that follows self in `reign`. */
export function followingPresence(over: Partial<Presence> = {}): Presence {
  return presence({ role: 'standby', isBlank: false, epoch: reign, history, ...over })
}

export function peer(said: Presence, over: Partial<PeerView> = {}): PeerView {
  return {
    incarnation: other,
    presence: said,
    answered: 0n,
    condition: 'alive',
    hungIn: undefined,
    ...over,
  }
}

export function recordOf(primary: MemberId, epoch: Epoch, isPaired = false): PairRecord {
  const ruler = primary === 'a' ? self : other
  const inSync = [{ member: primary, incarnation: ruler }]
  if (isPaired) inSync.push({ member: 'b', incarnation: other })
  return { history, epoch, primary, inSync }
}

export const unasked = { kept: undefined, claim: undefined }
const unknown = {
  ...{ peer: undefined, link: undefined, record: undefined, highest: noReign },
  ...unasked,
}

export function starting(over: Partial<StartingState> = {}): StartingState {
  return { ...unknown, role: 'starting', phase: 'listening', draw: 7n, ...over }
}

/** Member b, which hears a rule. */
export function loading(over: Partial<LoadingState> = {}): LoadingState {
  return {
    role: 'loading',
    phase: 'asking',
    peer: peer(rulingPresence({ mode: 'solo', inSync: undefined })),
    link: other,
    record: heardRecord(reign),
    highest: reign,
    ...unasked,
    primary: other,
    epoch: reign,
    history,
    hasState: false,
    renounced: noReign,
    failures: 0,
    lost: undefined,
    isHeldOff: false,
    distrustsBefore: undefined,
    ...over,
  }
}

/** The record that member b makes of a primary that it hears. */
export function heardRecord(epoch: Epoch): PairRecord {
  return { history, epoch, primary: 'a', inSync: [{ member: 'a', incarnation: other }] }
}

/** Member b, in sync with a. */
export function standby(over: Partial<StandbyState> = {}): StandbyState {
  return {
    role: 'standby',
    peer: peer(rulingPresence()),
    link: other,
    record: heardRecord(reign),
    highest: reign,
    ...unasked,
    primary: other,
    epoch: reign,
    history,
    resyncs: 0,
    distrustsBefore: undefined,
    handover: undefined,
    ...over,
  }
}

/** Member a, ruling. With mode `paired`, b is in sync; with `pairing`, b is being fed. */
export function primary(over: Partial<PrimaryState> = {}): PrimaryState {
  const mode = over.mode ?? 'solo'
  return {
    role: 'primary',
    peer: mode === 'paired' ? peer(followingPresence()) : peer(presence({ role: 'loading' })),
    link: other,
    record: recordOf('a', reign, mode === 'paired'),
    highest: reign,
    ...unasked,
    epoch: reign,
    history,
    mode,
    mirror: mode === 'solo' ? undefined : other,
    hasAsked: false,
    isGiven: false,
    switchingSince: undefined,
    distrustsBefore: undefined,
    ...over,
  }
}

/** Member a, with a state and without the right to act on it. */
export function fenced(over: Partial<FencedState> = {}): FencedState {
  return {
    role: 'fenced',
    peer: undefined,
    link: undefined,
    record: recordOf('a', reign),
    highest: reign,
    ...unasked,
    epoch: reign,
    history,
    renounced: reign,
    isHalted: false,
    ...over,
  }
}

export function stopped(over: Partial<StoppedState> = {}): StoppedState {
  return { ...unknown, role: 'stopped', epoch: noReign, renounced: noReign, ...over }
}

export function eventOf(happening: Happening): Event {
  return { ...happening, now: instant(1), wall, entropy }
}

/** A beat of the other member. */
export function heard(
  said: Presence,
  answered = 0n,
  incarnation: Incarnation = other,
): Extract<Happening, { type: 'heard' }> {
  return { type: 'heard', incarnation, presence: said, answered }
}

export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) frozen(part)
  }
  return value
}

/**
 * What `step` decides. The state is frozen before; a broken invariant is thrown as its sentence.
 */
export function decide(
  from: State,
  happening: Happening,
  config: CoreConfig,
): { readonly state: State; readonly effects: readonly Effect[] } {
  const { state, effects } = step(frozen(from), frozen(eventOf(happening)), config)
  const broken = brokenInvariant(from, state, config)
  if (broken !== undefined) throw new Error(broken)
  return { state, effects }
}

/** The effect that says `state` in the beats. */
export function announce(state: State, config: CoreConfig): Effect {
  return { type: 'announce', presence: presenceOf(state, config) }
}

/** One rule: this state, this event, and then exactly this state and this list of effects. */
export interface Rule {
  readonly from: State
  readonly event: Happening
  readonly as: CoreConfig
  readonly to: State
  readonly effects: readonly Effect[]
}

/** Checks one rule under its name, a sentence. */
export function rule(name: string, { from, event, as, to, effects }: Rule): void {
  t.test(name, (t) => {
    const decided = decide(from, event, as)
    t.strictSame(decided.state, to, 'the next state')
    t.strictSame(decided.effects, effects, 'the whole list of effects, in order')
    t.end()
  })
}

/** Nothing changes, and nothing is done. */
export function ignored(name: string, from: State, event: Happening, as: CoreConfig): void {
  rule(name, { from, event, as, to: from, effects: [] })
}

/** The change of role as it is told to the user. */
export function roleTold(
  from: State,
  to: State,
  cause: RoleCause,
  verdict?: Verdict,
): Extract<Effect, { type: 'tell-role' }> {
  const epoch = 'epoch' in to ? to.epoch : noReign
  const ofHistory = 'history' in to ? to.history : undefined
  return {
    type: 'tell-role',
    role: to.role,
    from: from.role,
    epoch,
    history: ofHistory,
    cause,
    verdict,
  }
}
