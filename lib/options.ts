/**
 * What a user writes: the options of `openMember`, their defaults, units and bounds.
 *
 * One table (`limitsTable`) has every number once; the types, the checks and docs/API.md follow it.
 */

import type { ArbiterOption } from './config/arbiter.js'
import type { SharedState } from './state/shared-state.js'
import type { HistoryId, MemberId } from './units.js'

/** One output on its way to the outside. Its identity is (pair, history, channel, number). */
export interface Output {
  readonly pair: string
  readonly history: HistoryId
  readonly epoch: number
  /** The first number of this channel that this epoch sends: tells a receiver a gap from a fork. */
  readonly firstOfEpoch: number
  readonly channel: string
  /** Counted from 1 without gaps within (history, channel). */
  readonly number: number
  /** CRC-32C of `data`. */
  readonly digest: number
  readonly data: Uint8Array
  /** The frame that produced it. */
  readonly frameNo: number
  /** May have been sent before, by the former primary or by an attempt that failed. */
  readonly isRepeat: boolean
}

/** One input as `process` sees it. */
export interface Frame {
  readonly frameNo: number
  /** Pair time in milliseconds since the epoch; never goes back. */
  readonly now: number
  readonly source: string | undefined
  readonly seq: number | undefined
  /** The name of the timer that is due; undefined for an input. */
  readonly timer: string | undefined
  /** Of an input, or what the timer was set with. Valid during the call; copy what you keep. */
  readonly data: Uint8Array
}

/** What `process` may use instead of the clock, randomness and I/O. Valid during the call only. */
export interface ProcessContext {
  readonly frameNo: number
  /** The frame's pair time in milliseconds since the epoch. */
  readonly now: number
  /** 0 ≤ number < 1, alike on both members. */
  random(): number
  /** A version-4 UUID, alike on both members. */
  uuid(): string
  /**
   * Queues one output; it leaves when both members hold the frame. Default channel: `'default'`.
   */
  send(data: Uint8Array, options?: { readonly channel?: string }): void
  /**
   * Has a frame with `timer` = `name` and this `data` processed when `delayMs` of pair time have
   * passed, whoever rules by then; in place of a timer of that name, if one is set. A name has 1 to
   * 64 characters, `data` at most 4,096 bytes (default: none), a delay 0 ms to ten years.
   */
  setTimer(name: string, delayMs: number, data?: Uint8Array): void
  /** Takes the timer back, if it is set: no frame of it is processed afterwards. */
  clearTimer(name: string): void
}

/** The application, whatever its state is kept in. */
export interface AppHooks<State> {
  /** Deterministic and synchronous: no clock, no randomness, no I/O. Changes `state` in place. */
  process(state: State, frame: Frame, ctx: ProcessContext): void
  /**
   * Primary only. Resolve it when the receiver has confirmed: only then is the output sent.
   * `signal` aborts when the gate closes.
   */
  deliver(output: Output, context: { readonly signal: AbortSignal }): Promise<void> | void
  /**
   * For channels whose `inDoubt` is `'ask'`: whether the receiver has this output of a former
   * primary. It is asked for all of a channel at once; `signal` aborts after
   * `askReceiverTimeoutMs`, and what was not answered by then is sent again.
   */
  wasReceived?(
    output: Output,
    context: { readonly signal: AbortSignal },
  ): Promise<boolean> | boolean
  /**
   * Called on a loading and a standby member, so that outside connections stand before they are
   * needed.
   */
  prepare?(context: { readonly signal: AbortSignal }): Promise<void> | void
}

/** An application whose state is a plain JavaScript value. */
export interface PlainApp<State> extends AppHooks<State> {
  readonly state?: undefined
  /** The state with which a history begins. Called on one member only. */
  init(): State
}

/** An application whose state lies in shared memory (docs/SHARED-STATE.md). */
export interface SharedApp<State> extends AppHooks<State> {
  /** What `sharedState` has made. */
  readonly state: SharedState<State>
  /**
   * Fills the state with which a history begins; it is all zeros before. Called on one member only.
   */
  init?(state: State): void
}

/** The application. */
export type App<State> = PlainApp<State> | SharedApp<State>

/**
 * resend: again under the same number, marked as a repeat; ask the receiver first (`wasReceived`);
 * drop: never again, so that it may be lost. Whatever it is, a takeover lists them all.
 */
export type InDoubtPolicy = 'resend' | 'ask' | 'drop'

/** The options of `openMember`. */
export interface MemberOptions<State> {
  /** Name of the service, 1 to 64 characters; the same on both members. */
  readonly pair: string
  /** Which side this is. */
  readonly member: MemberId
  /** `host:port` of each link, the same count on both sides. Data uses port + 1. */
  readonly members: {
    readonly a: string | readonly string[]
    readonly b: string | readonly string[]
  }
  /**
   * At least 16 characters; required as soon as an address is not loopback. Two while the pair goes
   * from one to the other: this member uses the first and accepts either (docs/OPERATING.md).
   */
  readonly secret?: string | readonly [string, string] | undefined
  /**
   * Third party whose record gives the right to rule without the other member: a witness or an
   * etcd. `'none'`, a verdict is enough, must be written out.
   */
  readonly arbiter: ArbiterOption
  /** Version of the application; members of different versions do not pair. Default `''`. */
  readonly appVersion?: string
  readonly app: App<State>
  /** Milliseconds between heartbeats. Default 100, 1 to 10,000. */
  readonly heartbeatMs?: number
  /**
   * Milliseconds of silence until a member counts as unreachable. Default 5 × `heartbeatMs`; at
   * least 3 ×.
   */
  readonly windowMs?: number
  /** Milliseconds a starting member listens before it rules alone. Default 2 × `windowMs`. */
  readonly startWindowMs?: number
  /**
   * Milliseconds without an acknowledgement until the primary asks the standby to renounce. Default
   * `max(500, windowMs)`.
   */
  readonly ackTimeoutMs?: number
  /**
   * When nobody who is in sync is left: wait for an operator, or go on with what is there under a
   * new history. Default `'wait'`.
   */
  readonly onLoss?: 'wait' | 'go'
  /**
   * Milliseconds for which the event loop may fail to come round, its wait for events not counted,
   * until the member counts as hung. Default `max(500, windowMs)`; at least `windowMs`.
   */
  readonly hangAfterMs?: number
  /**
   * What a takeover does with a frame inside which the former primary is known to have hung:
   * process it, leave it out and say so, or halt before it and wait for an operator. Default
   * `'retry'`.
   */
  readonly onSuspect?: 'retry' | 'skip' | 'halt'
  /** Milliseconds after which a `deliver` that has not settled counts as failed. Default 10,000. */
  readonly deliverTimeoutMs?: number
  /**
   * When nothing of a channel settled for `deliverTimeoutMs`: try again, or give the rule to a
   * standby in sync, whose way to the receiver may be another one; once, and again only when a
   * delivery of that channel has succeeded under the new reign. Default `'retry'`.
   */
  readonly onStuckDeliver?: 'retry' | 'switch'
  /**
   * What a takeover does with outputs that the former primary may have sent, by channel. Default
   * `'resend'` for each.
   */
  readonly inDoubt?: Readonly<Record<string, InDoubtPolicy>>
  /** Milliseconds that `app.wasReceived` has. Default 500, 1 to 3,600,000. */
  readonly askReceiverTimeoutMs?: number
  /**
   * Outputs a channel may have begun past the last notice that the standby holds. Default 64, 1 to
   * 4,096.
   */
  readonly inFlight?: number
  /**
   * Frames after which the members compare a digest of their states, if that costs less than a
   * hundredth of the time. Default 1,000; 0: never.
   */
  readonly digestEvery?: number
  /**
   * For development: calls in `process` that differ between the members (clocks, chance, timers)
   * are told as `fault` once a place, or thrown back. Replaces global functions of this process
   * while the member is open. The same on both members. Default `'off'`.
   */
  readonly trap?: 'off' | 'report' | 'throw'
  /**
   * A folder on this host, of this user alone, in which the record survives a restart: a blank
   * member then waits for whoever it knows to hold the state, instead of beginning anew. It is made
   * where it is missing, none above it. Default: none; the record is kept in memory.
   */
  readonly folder?: string
  /**
   * Where the part lives that beats and judges. `'process'`: apart from this one, so that it
   * outlives it, knows of its death at once and exactly what it had sent. Default `'embedded'`.
   */
  readonly unit?: 'embedded' | 'process'
  /**
   * The socket of the unit as a process, an absolute path of at most 107 bytes. Default: in a
   * folder of this user, named after pair and member. A unit that listens there is joined, else one
   * is started.
   */
  readonly unitSocket?: string
  /**
   * What becomes of a server whose event loop hangs, when its beat thread has given its reign up
   * and the other member rules: it is left alone, shut off, and loads when it comes back; or its
   * unit kills it, so that whoever has started it starts it again. Never the last one that holds
   * the state. `'kill'` needs `unit: 'process'`. Default `'fence'`.
   */
  readonly onHang?: 'fence' | 'kill'
  readonly limits?: Partial<Limits>
  /** Ends opening, and closes the member when it aborts later. */
  readonly signal?: AbortSignal
}

/** Every bound, in bytes unless its name says otherwise. */
export interface Limits {
  /** One input. Default 1 MiB. */
  readonly inputBytes: number
  /** Inputs waiting to be numbered, and copies held on a standby, each. Default 64 MiB. */
  readonly queueBytes: number
  /**
   * Frames that the standby has not acknowledged or not processed. Default 64 MiB; intake is
   * throttled at half.
   */
  readonly unacknowledgedBytes: number
  /**
   * Frames that a standby holds and has not processed: they are part of a takeover's time. From
   * half of it on it acknowledges only what it can process in time, so that the senders wait;
   * beyond, it gives up being in sync and loads again. Default 100,000: a second of a program that
   * takes 10 µs a frame.
   */
  readonly lagFrames: number
  /** Outputs not sent or not noticed. Default 64 MiB. */
  readonly outboxBytes: number
  /** The image of a load. Default 1 GiB. */
  readonly stateBytes: number
  /**
   * Sources remembered for deduplication; beyond, the one silent for longest is forgotten. Default
   * 10,000.
   */
  readonly sources: number
  /** Channels of one history. Default 256. */
  readonly channels: number
  /** Timers that are set at once. Default 10,000. */
  readonly timers: number
}
