/**
 * What a member knows when it decides: the whole state of the rules, and nothing else.
 *
 * The state is a union on `role`; a field exists only in the roles where it means something. It
 * holds no queue, socket, buffer or promise: frames and outputs live in `sync/` and `server/`,
 * which report what matters here as events. Everything is deeply read-only: `step` returns a new
 * state.
 */

import type { Mode, ResyncReason, Role, Verdict } from '../events.js'
import type { Epoch, HistoryId, Incarnation, Instant, MemberId, Millis } from '../units.js'

/** What each beat of a member says of it. The numbers of section "for show" travel beside it. */
export interface Presence {
  readonly role: Role
  readonly mode: Mode | undefined
  /** Holds no state of any history. */
  readonly isBlank: boolean
  /** The reign that this member rules or follows; 0 before any. */
  readonly epoch: Epoch
  readonly history: HistoryId | undefined
  /** This member's number in the draw between two blank members; 0 outside it. */
  readonly draw: bigint
  /** The other's number as heard; the draw is decided when both see their own echoed. */
  readonly drawEcho: bigint
  /** "You, this incarnation, are in sync in my epoch." Undefined: nobody is. */
  readonly inSync: Incarnation | undefined
  /** The reign in which this member has given up sending or acknowledging, for good; 0: none. */
  readonly renounced: Epoch
  /**
   * "Renounce in this reign": asked by a primary whose standby acknowledges too late, or by a
   * standby whose primary hangs; 0: not asked.
   */
  readonly askRenounce: Epoch
  /** Why this member, which loads, is no longer in sync; undefined where it never was. */
  readonly lost: LostStep | undefined
  /**
   * Digest of all that must match between the members; nobody rules or follows across a difference.
   */
  readonly settings: bigint
}

/** Why a member that was in sync loads again, and how long it waits before it asks. */
export interface LostStep {
  readonly reason: ResyncReason
  /** 1 for the first time since the pair was last whole for a while. */
  readonly inARow: number
  /** Whole milliseconds. */
  readonly wait: Millis
}

/** Each member's copy of who rules; changed before it is acted upon. */
export interface PairRecord {
  readonly history: HistoryId
  readonly epoch: Epoch
  readonly primary: MemberId
  /** Who holds all that was accepted or released: the only ones that may take over. */
  readonly inSync: readonly Holder[]
}

/** What a member knows of former reigns when it starts. */
export interface Remembered {
  readonly record: PairRecord | undefined
  /** No reign above it was ever used here. */
  readonly highest: Epoch
}

/** The record as an arbiter keeps it. */
export interface ArbiterRecord extends PairRecord {
  /**
   * The claim that wrote it: 128 random bits, drawn anew for each. A claim whose answer was lost
   * knows by it, when it reads the record back, whether it was made.
   */
  readonly claim: bigint
}

/** What the arbiter was asked for and has not answered (docs/PROTOCOL.md#21). */
export interface Claim {
  readonly purpose: ClaimPurpose
  readonly record: ArbiterRecord
  /** What the arbiter kept when it was asked; undefined: nothing. */
  readonly expected: ArbiterRecord | undefined
}

/** Why a history begins. */
export type BeginCause = 'draw-won' | 'first-up' | 'peer-lost' | 'forced'

export type ClaimPurpose =
  /** A history, from `init()` or over the state that is there. */
  | { readonly type: 'begin'; readonly cause: BeginCause }
  /** The reign of a primary that was found lost. */
  | { readonly type: 'take-over'; readonly verdict: Verdict }
  /** To send unacknowledged again: the standby was found lost. */
  | { readonly type: 'go-solo' }
  /** To have `mirror` in sync. */
  | { readonly type: 'pair'; readonly mirror: Incarnation }
  /** To name the other one the primary. */
  | { readonly type: 'hand-over' }

/** One incarnation of one member. */
export interface Holder {
  readonly member: MemberId
  readonly incarnation: Incarnation
}

/** The other member as last heard. */
export interface PeerView {
  readonly incarnation: Incarnation
  readonly presence: Presence
  /** The newest own beat that the other has heard: what it says is younger than that beat. */
  readonly answered: bigint
  /** `process-gone` is final for the incarnation, `unreachable` is taken back by a fresh beat. */
  readonly condition: 'alive' | 'process-gone' | 'unreachable'
  /**
   * Set while its event loop hangs: the frame inside which it does, 0 where none is known. A
   * finding and no loss: the member is alive, and what it says counts.
   */
  readonly hungIn: number | undefined
}

/** What a member knows in every role. */
export interface Common {
  /** The other member, once heard freshly. */
  readonly peer: PeerView | undefined
  /** The incarnation at the other end of the data link, while it is up. */
  readonly link: Incarnation | undefined
  /** The newest record this member knows of: its own, or what it heard of a primary. */
  readonly record: PairRecord | undefined
  /** Highest reign ever seen; the next one lies above. */
  readonly highest: Epoch
  /**
   * What the arbiter keeps, as read last; nothing: no record yet; lost: less than it had, so it is
   * asked no more; undefined: not read yet.
   */
  readonly kept: ArbiterRecord | 'nothing' | 'lost' | undefined
  /**
   * Asked of the arbiter and not answered. It may come true at any time, so nothing that it would
   * contradict is decided before its end; no time ends it.
   */
  readonly claim: Claim | undefined
}

/** Blank; looks for the other. */
export interface StartingState extends Common {
  readonly role: 'starting'
  /**
   * listening: for the start window; drawing: both blank; waiting: for the other to rule, or an
   * operator.
   */
  readonly phase: 'listening' | 'drawing' | 'waiting'
  /** Own number in the draw, never 0. */
  readonly draw: bigint
  /** It was forced, and waits for what the arbiter keeps. */
  readonly isForced?: boolean
}

/** Takes the state over from a primary. Never promotable. */
export interface LoadingState extends Common {
  readonly role: 'loading'
  /** asking: no image yet; catching-up: the image is installed and the tail is being followed. */
  readonly phase: 'asking' | 'catching-up'
  readonly primary: Incarnation
  /** The reign of that primary. */
  readonly epoch: Epoch
  readonly history: HistoryId
  /** Holds a whole state, perhaps an older one: it is not blank. */
  readonly hasState: boolean
  /** The reign in which this member, formerly in sync, has renounced; 0: none. */
  readonly renounced: Epoch
  /** Loads that failed, installed or not, since this member began to load: sets the back-off. */
  readonly failures: number
  /** Why it is no longer in sync; undefined for a member that was not, or not with this primary. */
  readonly lost: LostStep | undefined
  /** It has lost step too often and waits for its timer before it asks for a load. */
  readonly isHeldOff: boolean
  /**
   * Set after the beat thread stood still for a window: a word "in sync" on the data stream may be
   * older than that. Goes along into `standby`; cleared by a beat of the same reign that answers
   * this own beat.
   */
  readonly distrustsBefore: bigint | undefined
}

/** In sync with a primary: may take over. */
export interface StandbyState extends Common {
  readonly role: 'standby'
  readonly primary: Incarnation
  readonly epoch: Epoch
  readonly history: HistoryId
  /** How often in a row it has lost step before; 0 once the pair was whole for a while. */
  readonly resyncs: number
  /**
   * Set while this member must not believe that it is in sync: its beat thread stood still for a
   * window, and no beat that answers this own beat or a later one has said "you are in sync" since.
   */
  readonly distrustsBefore: bigint | undefined
  /**
   * Set while this member, which ruled before and has named the other one the primary of `epoch`,
   * has not heard it rule.
   */
  readonly handover: Handover | undefined
}

/** A reign that was given away by hand-over (docs/PROTOCOL.md#17). */
export interface Handover {
  /** The reign that this member ruled until then. */
  readonly former: Epoch
  /**
   * sent: whether the other one has taken it is not known. asked: neither that nor its renunciation
   * was heard for a window, so it is asked to renounce.
   */
  readonly phase: 'sent' | 'asked'
  /** When the switchover was asked for. */
  readonly since: Instant
}

/** Rules. */
export interface PrimaryState extends Common {
  readonly role: 'primary'
  readonly epoch: Epoch
  readonly history: HistoryId
  /**
   * solo: has the right to send unacknowledged. pairing: still has it and gives it up: releases
   * only what is acknowledged, until all is. paired: the other is in sync; sends only what it
   * acknowledged.
   */
  readonly mode: 'solo' | 'pairing' | 'paired'
  /** Who is being fed, always a member that was heard; defined in `pairing` and `paired`. */
  readonly mirror: Incarnation | undefined
  /** The other was asked to renounce in this reign. */
  readonly hasAsked: boolean
  /** The other one gave up its reign for this one, perhaps because its deliveries were stuck. */
  readonly isGiven: boolean
  /**
   * A planned switchover is under way since then: intake is held until all that was taken in is
   * settled. Only in `paired`.
   */
  readonly switchingSince: Instant | undefined
  /**
   * As in standby: the gate stays shut until the other has answered, or (solo) a window has passed.
   */
  readonly distrustsBefore: bigint | undefined
}

/** Holds a state and may not act: it renounced, or cannot know what the other did. */
export interface FencedState extends Common {
  readonly role: 'fenced'
  readonly epoch: Epoch
  readonly history: HistoryId
  readonly renounced: Epoch
  /**
   * It halted before a suspect frame: only an operator may have it go on, whatever `onLoss` says.
   */
  readonly isHalted: boolean
  /** As in starting. */
  readonly isForced?: boolean
}

/** Closed. Final. */
export interface StoppedState extends Common {
  readonly role: 'stopped'
  readonly epoch: Epoch
  readonly renounced: Epoch
}

export type State =
  | StartingState
  | LoadingState
  | StandbyState
  | PrimaryState
  | FencedState
  | StoppedState

/** What the rules need to know of the options. */
export interface CoreConfig {
  readonly self: MemberId
  readonly incarnation: Incarnation
  /** Digest of all that must match. */
  readonly settings: bigint
  readonly startWindow: Millis
  readonly window: Millis
  /** Whether an arbiter gives the right to send unacknowledged; without one a verdict does. */
  readonly hasArbiter: boolean
  /** How long a standby leaves a primary that may live the first claim. */
  readonly headStart: Millis
  readonly onLoss: 'wait' | 'go'
  /** What a takeover does with a frame inside which the former primary hung. */
  readonly onSuspect: 'retry' | 'skip' | 'halt'
  readonly onStuckDeliver: 'retry' | 'switch'
}
