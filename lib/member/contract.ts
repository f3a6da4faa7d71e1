/**
 * What a user holds: the types of a member, its status and what it can be asked. Types only.
 */

import type { Writable } from 'node:stream'
import type { Mode, PairEvent, PairEvents, Role, SkippedFrame } from '../events.js'
import type { BeatStatistics } from '../runtime/ports-beats.js'
import type { ServerCounts } from '../server/counts.js'
import type { Received } from '../server/intake.js'
import type { SharedStatus } from '../server/shared-status.js'
import type { MemberId } from '../units.js'

/** Identity of an input: one run of a sender, which counts without gaps. */
export interface InputId {
  readonly source: string
  readonly seq: number
}

/** How a planned switchover is asked for. */
export interface SwitchoverOptions {
  /**
   * Milliseconds until all that was taken in must be delivered and acknowledged; else it is rolled
   * back. Default 5,000, 1 to 600,000.
   */
  readonly deadlineMs?: number
  /** Takes it back while nothing is handed over; afterwards it ends the wait only. */
  readonly signal?: AbortSignal
}

/** A switchover that succeeded. */
export interface SwitchoverResult {
  /** The reign of the other member. */
  readonly epoch: number
  /** Milliseconds from the call until the other was heard to rule. */
  readonly tookMs: number
}

/** What `until` waits for. */
export type Milestone = 'primary' | 'standby' | 'paired' | 'ruled'

/** What a member has turned away: strangers, garbage, what is old, and a peer that does not fit. */
export interface RefusedCounts {
  /** Beats and what came in their place. */
  readonly beats: number
  /** Data connections that were not let in. */
  readonly connections: number
  /** Data links closed because the other member broke the protocol. */
  readonly links: number
}

/**
 * The secrets of the pair, each by its place in the option `secret`, from 1. An old one can go when
 * both members show that `heard` and `link` are of the new one.
 */
export interface SecretsInUse {
  /** How many this member accepts. */
  readonly accepted: number
  /** That of the other member's newest beat; 0: none was heard, or there is no secret. */
  readonly heard: number
  /** That by which the data link that stands was proved; 0: none stands, or there is no secret. */
  readonly link: number
}

/** A member as it sees itself at one moment. */
export interface Status {
  readonly pair: string
  readonly member: MemberId
  readonly role: Role
  readonly mode: Mode | undefined
  readonly epoch: number
  readonly history: string | undefined
  readonly incarnation: bigint
  /** The other member, once heard. */
  readonly peer:
    | {
        readonly role: Role
        readonly epoch: number
        readonly condition: 'alive' | 'process-gone' | 'unreachable' | 'hung'
      }
    | undefined
  readonly isLinked: boolean
  readonly roundTripMs: number
  /** Who sends the beats: this process, or the unit as a process of its own, with its id. */
  readonly unit: { readonly place: 'embedded' | 'process'; readonly pid: number }
  readonly counts: ServerCounts
  /** Frames of this history that a takeover left out (`onSuspect: 'skip'`): the newest 1,000. */
  readonly skipped: readonly SkippedFrame[]
  /** Of a state that `sharedState` has made; undefined: it is a plain one. */
  readonly shared: SharedStatus | undefined
  readonly secrets: SecretsInUse
  /** What was turned away since this member was opened. */
  readonly refused: RefusedCounts
  /** Who keeps the record for both, and whether it answers; undefined: `arbiter: 'none'`. */
  readonly arbiter: { readonly name: string; readonly isReachable: boolean } | undefined
  /** Where this member keeps its record, and whether that fails; undefined: in memory. */
  readonly record: { readonly path: string; readonly isFailing: boolean } | undefined
  /** What this member cannot promise as it is configured. */
  readonly limits: readonly string[]
}

/** One side of a pair. */
export interface Member<State> {
  readonly role: Role
  /** Defined while this member rules. */
  readonly mode: Mode | undefined
  readonly epoch: number
  readonly history: string | undefined
  /**
   * Takes one input. Resolves once it is accepted: held by both members, or by a primary that rules
   * alone by right; on a standby when its twin was announced or it rules. `data` must not change
   * until then.
   *
   * @throws InputError with a code that says whether the input may still have been taken.
   */
  receive(data: Uint8Array, id?: InputId): Promise<Received>
  /**
   * A stream of inputs: objects `{ data, source, seq }`, at most `highWaterMark` (default 256)
   * unanswered.
   */
  intake(options?: { readonly highWaterMark?: number }): Writable
  /** Reads the state on either member; it must not be changed. Undefined before there is one. */
  read<Result>(reader: (state: State, frameNo: number) => Result): Result | undefined
  /**
   * Resolves when the milestone is reached: this member rules, stands by, its pair is whole, or
   * somebody rules.
   */
  until(milestone: Milestone, options?: { readonly signal?: AbortSignal }): Promise<void>
  on<Name extends PairEvent['type']>(name: Name, listener: (event: PairEvents[Name]) => void): this
  off<Name extends PairEvent['type']>(name: Name, listener: (event: PairEvents[Name]) => void): this
  /** Every event from now on; a slow reader loses the oldest beyond 1,000. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<PairEvent>
  status(): Status
  /**
   * The event loop is about to stand still for up to `atMost` milliseconds, 1 to 600,000, and does
   * not hang by that: the other member is told that this one is busy. Dispose of what is returned
   * as soon as the block is over.
   *
   * @throws ConfigError when `atMost` is out of bounds.
   */
  announceBlock(block: { readonly atMost: number }): Disposable
  /**
   * How the beats of each link fared since this member was opened, or, given an earlier result,
   * since that: loss, jitter and round trip.
   */
  beatStatistics(since?: BeatStatistics): BeatStatistics
  /**
   * Gives the rule to the standby, on a primary that is paired. Resolves when the other one is
   * heard to rule; this member then stands by, in sync. The same on the other one gives it back.
   *
   * @throws PairError with a code that says who rules: see the codes `ERR_HOTPAIR_SWITCHOVER_…`.
   */
  switchover(options?: SwitchoverOptions): Promise<SwitchoverResult>
  /**
   * The operator's word that nobody else rules, or will: a member that waits begins a new history,
   * over its state if it holds one, and rules. Resolves when it does; an arbiter is waited for.
   *
   * @throws PairError `ERR_HOTPAIR_FORCE` for one that does not wait, or hears a member that rules
   * or may.
   */
  force(options?: { readonly signal?: AbortSignal }): Promise<void>
  /**
   * Ends this member: a primary lets running deliveries settle and leaves the rule to the other
   * one. Idempotent.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
