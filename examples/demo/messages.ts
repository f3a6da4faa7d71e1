/**
 * What the demo's main process and a member's process tell each other over their IPC channel.
 *
 * It is the demo's own remote control and no part of the pair: a member that is killed says nothing
 * here, and the other learns of it by its heartbeats alone.
 */

import type { MemberId, MemberOptions, Mode, Role } from 'hotpair'
import type { Place } from './ports.js'

/** What a member is opened with. */
export interface MemberSettings {
  readonly member: MemberId
  /** `host:port` of each link of both; data uses the next port. */
  readonly members: { readonly a: readonly string[]; readonly b: readonly string[] }
  /** Where this member takes records from the source. */
  readonly intake: Place
  readonly sink: Place
  readonly secret: string | undefined
  /** Undefined: `'none'`. */
  readonly arbiter?: MemberOptions<unknown>['arbiter'] | undefined
  readonly heartbeatMs: number | undefined
  readonly windowMs: number | undefined
  readonly hangAfterMs: number | undefined
  /** The folder of the units' sockets, where units are processes of their own. */
  readonly unitFolder: string | undefined
}

/** From main to member. */
export type Order =
  | { readonly type: 'open'; readonly settings: MemberSettings }
  | { readonly type: 'close' }
  /** Let the event loop stand still for so long. */
  | { readonly type: 'block'; readonly milliseconds: number }
  /** Hand over to the other member. */
  | { readonly type: 'switchover' }

/** From member to main. `at` is milliseconds since the epoch. */
export type Report =
  /** Everything is loaded, nothing is opened: waits for `open`. */
  | { readonly type: 'parked' }
  | {
      readonly type: 'role'
      readonly at: number
      readonly role: Role
      readonly epoch: number
      readonly cause: string
      readonly verdict: string | undefined
    }
  | { readonly type: 'mode'; readonly at: number; readonly mode: Mode; readonly epoch: number }
  | {
      readonly type: 'verdict'
      readonly at: number
      readonly verdict: string
      readonly silenceMs: number
    }
  | {
      readonly type: 'takeover'
      readonly at: number
      readonly epoch: number
      readonly verdict: string
      readonly frameNo: number
      readonly inDoubt: readonly { readonly channel: string; readonly number: number }[]
      readonly tookMs: number
    }
  /** A switchover that this member was told to make has resolved, or was refused. */
  | {
      readonly type: 'switchover'
      readonly at: number
      readonly epoch: number
      readonly tookMs: number
    }
  | {
      readonly type: 'switchover-refused'
      readonly at: number
      readonly code: string
      readonly message: string
    }
  /** A takeover has left out the record inside which the other hung. */
  | {
      readonly type: 'skipped'
      readonly at: number
      readonly frameNo: number
      readonly seq: number
    }
  /** Who sends the beats of this member: itself, or a unit with this process id. */
  | {
      readonly type: 'unit'
      readonly at: number
      readonly place: 'embedded' | 'process'
      readonly pid: number
    }
  | {
      readonly type: 'link'
      readonly at: number
      readonly up: boolean
      /** Of the other member. */
      readonly address: string
      readonly reason: string
    }
  /** An event `fault` or `refused`, or an error of the member's own program. */
  | {
      readonly type: 'trouble'
      readonly at: number
      readonly code: string
      readonly message: string
    }
