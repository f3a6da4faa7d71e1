/**
 * What a member tells its user, as one union, and the emitter type made from it.
 *
 * Times are milliseconds since the epoch by this member's wall clock: for people, never for
 * decisions.
 */

import type { ErrorCode, PairError } from './errors.js'
import type { InDoubtPolicy } from './options.js'
import type { Epoch, FrameNo, HistoryId, MemberId } from './units.js'

/** A role as seen from outside. */
export type Role = 'starting' | 'loading' | 'standby' | 'primary' | 'fenced' | 'stopped'

/**
 * The modes of a primary: has the right to send unacknowledged; releases what is acknowledged;
 * sends nothing new.
 */
export type Mode = 'solo' | 'paired' | 'waiting'

/** A confirmed finding about the other member. */
export type Verdict = 'process-gone' | 'unreachable' | 'hung'

/** Why a role changed. */
export type RoleCause =
  | 'opened'
  | 'first-up'
  | 'draw-won'
  | 'heard-primary'
  | 'paired'
  | 'takeover'
  | 'renounced'
  | 'resync'
  | 'switchover'
  | 'higher-epoch'
  | 'peer-lost'
  | 'deliver-stuck'
  | 'closed'
  | 'invariant'
  | 'suspect'
  | 'forced'

/**
 * Why a standby is no longer in step with its primary: frames are missing, an output differs, its
 * outbox is full, it holds more unprocessed frames than it may, its state cannot be restored, the
 * protocol was broken; it was asked to renounce because it acknowledged too late; the primary fed
 * it no more, or would not let it go on over a new link.
 */
export type ResyncReason =
  | 'gap'
  | 'divergence'
  | 'overflow'
  | 'lag'
  | 'state'
  | 'protocol'
  | 'asked'
  | 'dropped'
  | 'refused'

/** The member's role changed. */
export interface RoleEvent {
  readonly type: 'role'
  readonly at: number
  readonly role: Role
  readonly from: Role
  readonly epoch: Epoch
  readonly history: HistoryId | undefined
  readonly cause: RoleCause
  /** The finding that led to a takeover, where one did. */
  readonly verdict: Verdict | undefined
}

/** The primary's mode changed: `paired` means that the standby may take over now. */
export interface ModeEvent {
  readonly type: 'mode'
  readonly at: number
  readonly mode: Mode
  readonly epoch: Epoch
}

/** What this member finds about the other one. */
export interface VerdictEvent {
  readonly type: 'verdict'
  readonly at: number
  readonly verdict: Verdict | 'alive'
  /** Milliseconds since the other was last heard; of `hung`: since its event loop last answered. */
  readonly silenceMs: number
}

/** A takeover by this member, with what it found. */
export interface TakeoverEvent {
  readonly type: 'takeover'
  readonly at: number
  readonly epoch: Epoch
  readonly verdict: Verdict | 'renounced'
  /** The last frame of the former reign that this member holds. */
  readonly frameNo: FrameNo
  /** The frame inside which the former primary is known to have hung. */
  readonly suspect: FrameNo | undefined
  /** Outputs that the former primary may have sent, and what is done with them (`inDoubt`). */
  readonly inDoubt: readonly {
    readonly channel: string
    readonly number: number
    readonly policy: InDoubtPolicy
  }[]
  /** Milliseconds from the finding to the open gate. */
  readonly tookMs: number
}

/** A frame that keeps its number and was never processed. */
export interface SkippedFrame {
  readonly frameNo: FrameNo
  readonly kind: 'input' | 'timer'
  /** The source of an input, empty without (source, seq); the name of a timer. */
  readonly source: string
  readonly seq: number
}

/** A takeover has left out the frame inside which the former primary hung. */
export interface SkippedEvent extends SkippedFrame {
  readonly type: 'skipped'
  readonly at: number
}

/**
 * How a planned switchover ended. done: the other member rules. not-possible: nothing was begun.
 * timeout, cancelled, standby-lost: rolled back before the hand-over. refused: handed over, and the
 * other one gave it up or was lost; this member rules again. unknown: this member cannot tell
 * whether the other one rules, and does not rule itself. closed: this member was closed meanwhile.
 */
export type SwitchoverOutcome =
  | 'done'
  | 'not-possible'
  | 'timeout'
  | 'cancelled'
  | 'standby-lost'
  | 'refused'
  | 'unknown'
  | 'closed'

/** A planned switchover that this member was asked for has ended. */
export interface SwitchoverEvent {
  readonly type: 'switchover'
  readonly at: number
  readonly outcome: SwitchoverOutcome
  /** The reign that follows or stands. */
  readonly epoch: Epoch
  /** Milliseconds since it was asked for. */
  readonly tookMs: number
}

/**
 * The other side was refused: reported once until something changes. Or strangers were turned away:
 * reported together, at most once a minute.
 */
export interface RefusedEvent {
  readonly type: 'refused'
  readonly at: number
  readonly code: ErrorCode
  readonly message: string
  readonly address: string
}

/** Something failed that the application should know; the member goes on. */
export interface FaultEvent {
  readonly type: 'fault'
  readonly at: number
  readonly error: PairError
  readonly frameNo: FrameNo | undefined
  readonly channel: string | undefined
}

/** The link to the other member came up or went down. */
export interface LinkEvent {
  readonly type: 'link'
  readonly at: number
  readonly up: boolean
  readonly address: string
  readonly reason: string | undefined
}

/**
 * The beats of this member are sent by another process than before: its unit has ended, or a new
 * one was started. No role changes by it. Told at the start, too, when the unit has killed the
 * server before this one because it hung (`onHang: 'kill'`).
 */
export interface UnitEvent {
  readonly type: 'unit'
  readonly at: number
  readonly place: 'embedded' | 'process'
  readonly reason: string
}

/** The arbiter answers, or does not. A whole pair works on without it. */
export interface ArbiterEvent {
  readonly type: 'arbiter'
  readonly at: number
  readonly isReachable: boolean
  /** Why not, where it is not reachable. */
  readonly reason: string | undefined
}

/**
 * A standby has given up being in sync and loads again. Told by both members, by the other one as
 * its beats say it.
 */
export interface ResyncEvent {
  readonly type: 'resync'
  readonly at: number
  /** The member that loads again. */
  readonly member: MemberId
  readonly reason: ResyncReason
  /** How often this has happened since the pair was last whole for ten windows. */
  readonly inARow: number
  /** Milliseconds that it waits before it asks for a load; 0 before the third in a row. */
  readonly waitMs: number
}

/** Everything that a member may tell. */
export type PairEvent =
  | RoleEvent
  | ModeEvent
  | VerdictEvent
  | TakeoverEvent
  | SkippedEvent
  | SwitchoverEvent
  | RefusedEvent
  | FaultEvent
  | LinkEvent
  | UnitEvent
  | ArbiterEvent
  | ResyncEvent

/** The payload of each event by its name: the type behind `member.on(name, listener)`. */
export type PairEvents = {
  readonly [Name in PairEvent['type']]: Extract<PairEvent, { type: Name }>
}
