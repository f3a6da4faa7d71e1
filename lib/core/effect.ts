/**
 * What the rules want done, as plain data. The runtime runs a list strictly in order.
 *
 * Order is meaning: a barrier (`BarrierEffect`) holds back everything after it until it is done, so
 * "recorded before visible" and "read out before taking over" are properties of the list, and tests
 * compare whole lists.
 */

import type { Mode, ResyncReason, Role, RoleCause, SwitchoverOutcome, Verdict } from '../events.js'
import type { Epoch, HistoryId, Incarnation, MemberId, Millis } from '../units.js'
import type { TimerName } from './event.js'
import type { ArbiterRecord, PairRecord, Presence } from './state.js'

/** Done when its promise has settled; what follows waits. */
export type BarrierEffect =
  /**
   * The record is kept (durably, or at the arbiter, where there is one) before anything that rests
   * on it.
   */
  | { readonly type: 'store-record'; readonly record: PairRecord }
  /** Read what the lost primary had already sent off the data link, then close that link. */
  | { readonly type: 'read-out' }
  /** Let running deliveries settle and their notices reach the standby, within a deadline. */
  | { readonly type: 'settle' }

/** A frame inside which the former primary hung, and whether it is left out. */
export interface Suspect {
  readonly frameNo: number
  readonly isSkipped: boolean
}

export type InstantEffect =
  /** Say this in each beat from now on, and beat at once. */
  | { readonly type: 'announce'; readonly presence: Presence }
  | { readonly type: 'set-timer'; readonly name: TimerName; readonly delay: Millis }
  | { readonly type: 'clear-timer'; readonly name: TimerName }
  /** Read what the arbiter keeps, however long it takes, and report it as `kept`. */
  | { readonly type: 'read-arbiter' }
  /**
   * After `delay` ask the arbiter to keep `next` if it keeps `expected`, until it has answered;
   * report `granted` or `refused`.
   */
  | {
      readonly type: 'claim'
      readonly expected: ArbiterRecord | undefined
      readonly next: ArbiterRecord
      readonly delay: Millis
    }
  /** Begin a history as primary: from `init()`, or over the state that is there. */
  | {
      readonly type: 'begin'
      readonly history: HistoryId
      readonly epoch: Epoch
      readonly over: 'nothing' | 'state'
    }
  /** Ask the primary at the other end of the link for a load. */
  | { readonly type: 'ask-load' }
  /** Give up the load under way and the tail collected for it. */
  | { readonly type: 'drop-load' }
  /** Ask the primary to go on from what is held. */
  | { readonly type: 'ask-resume' }
  /** Send the state as of now, then every frame from here on. */
  | { readonly type: 'send-load'; readonly to: Incarnation }
  /** Answer that no load can be had at the moment. */
  | { readonly type: 'postpone-load' }
  /** Send again what the mirror lacks, and go on. */
  | { readonly type: 'resume-feed'; readonly to: Incarnation }
  | { readonly type: 'refuse-resume' }
  /** Stop feeding, say so over a link that stands, and forget what is kept for the mirror. */
  | { readonly type: 'drop-feed' }
  /** Pairing: from now on release only what is acknowledged; report `covered` when that is all. */
  | { readonly type: 'hold' }
  /** Pairing was given up: release everything again, in the same reign. */
  | { readonly type: 'release' }
  /** Tell the mirror on the data stream that it is in sync. */
  | { readonly type: 'tell-in-sync'; readonly epoch: Epoch }
  /** Acknowledge nothing more in this reign. */
  | { readonly type: 'stop-acknowledging' }
  /** Process what is held, reconcile the outbox, take what was held back, and deliver. */
  | {
      readonly type: 'take-over'
      readonly epoch: Epoch
      readonly verdict: Verdict | 'renounced'
      readonly suspect: Suspect | undefined
    }
  /** Go on to the frame before `frameNo`, no further, and tell the user why. */
  | { readonly type: 'halt'; readonly frameNo: number }
  /** Send unacknowledged from now on, in a new reign. */
  | { readonly type: 'go-solo'; readonly epoch: Epoch }
  /** Number nothing from now on; report `drained` when all that was numbered is settled. */
  | { readonly type: 'hold-intake' }
  /** Number what waits, and go on. */
  | { readonly type: 'release-intake' }
  /**
   * Give up a primary's duties, tell the mirror that it rules in `epoch`, and follow it from there.
   */
  | { readonly type: 'hand-over'; readonly former: Epoch; readonly epoch: Epoch }
  /** Rule what was handed over, with `mirror` in sync from the first frame on. */
  | { readonly type: 'succeed'; readonly epoch: Epoch; readonly mirror: Incarnation }
  /** Give up a primary's duties: nothing is accepted or delivered any more. */
  | { readonly type: 'demote' }
  | { readonly type: 'open-gate' }
  | { readonly type: 'close-gate' }
  /** Refuse inputs from now on. */
  | { readonly type: 'stop-intake' }
  /** End everything. */
  | { readonly type: 'stop' }
  | {
      readonly type: 'tell-role'
      readonly role: Role
      readonly from: Role
      readonly epoch: Epoch
      readonly history: HistoryId | undefined
      readonly cause: RoleCause
      readonly verdict: Verdict | undefined
    }
  | { readonly type: 'tell-mode'; readonly mode: Mode; readonly epoch: Epoch }
  /** Tell the user that `member` has lost step; from the third time in a row on, as a fault too. */
  | {
      readonly type: 'tell-resync'
      readonly member: MemberId
      readonly reason: ResyncReason
      readonly inARow: number
      readonly wait: Millis
    }
  | {
      readonly type: 'tell-switchover'
      readonly outcome: SwitchoverOutcome
      readonly epoch: Epoch
      readonly tookMs: number
    }

export type Effect = BarrierEffect | InstantEffect

/** What `step` returns. */
export interface Transition<Of> {
  readonly state: Of
  readonly effects: readonly Effect[]
}

/** The kinds of effect that hold back what follows. */
const barriers: ReadonlySet<Effect['type']> = new Set(['store-record', 'read-out', 'settle'])

export function isBarrier(effect: Effect): effect is BarrierEffect {
  return barriers.has(effect.type)
}
