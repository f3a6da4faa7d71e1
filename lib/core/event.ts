/**
 * Everything that can happen to the rules, as plain data.
 *
 * Each event carries the time and the randomness that a decision may need: `step` asks nobody.
 * Events that speak of the other member carry its incarnation, so that a late one about a former
 * incarnation is recognised by one rule at the top of `step`.
 */

import type { Epoch, HistoryId, Incarnation, Instant, Millis } from '../units.js'
import type { ArbiterRecord, Presence, Remembered } from './state.js'

/** What every event has. */
export interface Moment {
  readonly now: Instant
  /**
   * Wall clock in milliseconds since the epoch: only the first epoch of a history comes from it.
   */
  readonly wall: number
  /** 128 random bits, fresh for each event. */
  readonly entropy: bigint
}

/** Why a mirror is no longer in step with its primary. */
export type OutOfStep = 'gap' | 'divergence' | 'overflow' | 'lag' | 'state' | 'protocol'

export type Happening =
  /** The ports are open. */
  | { readonly type: 'opened'; readonly remembered?: Remembered }
  /** A fresh beat of the other says something new, or ends a silence. */
  | {
      readonly type: 'heard'
      readonly incarnation: Incarnation
      readonly presence: Presence
      readonly answered: bigint
    }
  /** The detector's confirmed finding. */
  | {
      readonly type: 'found'
      readonly incarnation: Incarnation
      readonly verdict: 'process-gone' | 'unreachable'
    }
  /**
   * Fresh beats say that the other's event loop has not come round for `hangAfter`. It rules on:
   * this gives nobody a right (docs/PROTOCOL.md#8).
   */
  | {
      readonly type: 'hung'
      readonly incarnation: Incarnation
      /** The frame inside which it hangs; 0: none is known. */
      readonly frameNo: number
    }
  /** Its event loop answers again. */
  | { readonly type: 'vouched'; readonly incarnation: Incarnation }
  /** The own beat thread has renounced `epoch`, because the other one asked while it might. */
  | { readonly type: 'fenced'; readonly epoch: Epoch }
  /** The own beat thread stood still so long that the gate expired; `seq`: its first beat since. */
  | { readonly type: 'stalled'; readonly seq: bigint }
  | { readonly type: 'link-up'; readonly incarnation: Incarnation }
  | { readonly type: 'link-down'; readonly incarnation: Incarnation }
  /** The other end of the link wants the whole state. */
  /** `highest`: no reign up to that one is free, for whoever asks may have used it. */
  | {
      readonly type: 'load-asked'
      readonly incarnation: Incarnation
      readonly highest?: Epoch
    }
  /** The other end of the link wants to go on following from `epoch` of `history`. */
  | {
      readonly type: 'resume-asked'
      readonly incarnation: Incarnation
      readonly epoch: Epoch
      readonly history: HistoryId
    }
  /** The primary will not let this member go on without a load. */
  | { readonly type: 'resume-refused'; readonly incarnation: Incarnation }
  /** A load is in place: this member follows the tail. */
  | { readonly type: 'load-installed'; readonly epoch: Epoch; readonly history: HistoryId }
  /** A load was refused, corrupt, or broke off. */
  | { readonly type: 'load-failed' }
  /** The mirror holds nearly all: pairing may begin. */
  | { readonly type: 'near'; readonly incarnation: Incarnation }
  /** The mirror has acknowledged all that was accepted or released. */
  | { readonly type: 'covered'; readonly incarnation: Incarnation }
  /** The primary says on the data stream: you are in sync. */
  | { readonly type: 'told-in-sync'; readonly incarnation: Incarnation; readonly epoch: Epoch }
  /** This mirror cannot go on from what it has. */
  | { readonly type: 'out-of-step'; readonly reason: OutOfStep }
  /** The mirror has acknowledged nothing for `ackTimeout` though something waits. */
  | { readonly type: 'ack-timeout' }
  /**
   * Nothing of a channel has settled for `deliverTimeout`; `hasDelivered`: something of it has been
   * delivered since this member began to rule.
   */
  | { readonly type: 'stuck'; readonly hasDelivered: boolean }
  | { readonly type: 'timer'; readonly name: TimerName }
  /** The user wants the other member to rule; given up when it is not drained in `deadline`. */
  | { readonly type: 'switchover-asked'; readonly deadline: Millis }
  | { readonly type: 'switchover-cancelled' }
  /** The operator says that nobody else rules, or will. */
  | { readonly type: 'force-asked' }
  /** Intake is held, and all that was taken in is acknowledged, delivered and noticed. */
  | { readonly type: 'drained' }
  /**
   * The primary hands its rule over on the data stream. `isExact`: this member holds just what that
   * one says it holds, no less and no more, and has processed it.
   */
  | {
      readonly type: 'handed-over'
      readonly incarnation: Incarnation
      readonly former: Epoch
      readonly epoch: Epoch
      readonly isExact: boolean
    }
  /** The arbiter was read, or says that its record has changed. */
  | { readonly type: 'kept'; readonly kept: ArbiterRecord | undefined }
  /** The record of `claim` is the one that the arbiter keeps. */
  | { readonly type: 'granted'; readonly claim: bigint }
  /** The arbiter keeps another record than the claim took for granted, and not the claimed one. */
  | {
      readonly type: 'refused'
      readonly claim: bigint
      readonly found: ArbiterRecord | undefined
    }
  | { readonly type: 'close-asked' }
  /** An effect failed that the order of the list depends on, or an invariant broke. */
  | { readonly type: 'broken' }

/**
 * start: the start window; ask: ask for a load again; reopen: a solo primary's gate after a stall;
 * steady: the pair was whole for so long that earlier resyncs are forgotten; drain: the deadline of
 * a switchover; handover: the wait for a hand-over, or for what became of it.
 */
export type TimerName = 'start' | 'ask' | 'reopen' | 'steady' | 'drain' | 'handover'

export type Event = Happening & Moment

/** What the arbiter says: decided beside the roles, in `roles/answers.ts`. */
export type ArbiterEvent = Extract<Event, { type: 'kept' | 'granted' | 'refused' }>
/** What the roles decide. */
export type RoleEvent = Exclude<Event, ArbiterEvent | { type: 'force-asked' }>
