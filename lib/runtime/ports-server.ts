/**
 * The seam between the server of a member and what hosts it: options in, events out. Types only.
 */

import type { Suspect } from '../core/effect.js'
import type { OutOfStep } from '../core/event.js'
import type { PairError } from '../errors.js'
import type { SkippedFrame, TakeoverEvent, Verdict } from '../events.js'
import type { App, InDoubtPolicy, Limits } from '../options.js'
import type { Epoch, HistoryId, Incarnation, Instant } from '../units.js'
import type { MarksPort } from './ports-beats.js'
import type { ClockPort } from './ports-clock.js'
import type { OutboxPort, SnapshotPort } from './ports-outbox.js'
import type { RegionPort } from './ports-region.js'

/** What the beat thread is told of this event loop. */
export interface LoopPort {
  /** The frame that is being processed from now on; 0: none. Cheap: called twice a frame. */
  markFrame(frameNo: number): void
  /**
   * The event loop is about to stand still for at most `atMostMs`, and does not hang by that.
   * Returns what ends it early.
   */
  announceBlock(atMostMs: number): () => void
}

/** What a server is made from. */
export interface ServerOptions<State> {
  readonly pair: string
  readonly app: App<State>
  readonly limits: Limits
  readonly inFlight: number
  /** What becomes of a frame inside which a primary hung. Default: it is tried again. */
  readonly onSuspect?: 'retry' | 'skip' | 'halt' | undefined
  readonly deliverTimeoutMs: number
  readonly askReceiverTimeoutMs: number
  readonly inDoubt: Readonly<Record<string, InDoubtPolicy>>
  readonly windowMs: number
  readonly ackTimeoutMs: number
  /** Frames from one digest of the state to the next; 0: none is taken. */
  readonly digestEvery: number
  /** What the states of both are compared by. Default: the canonical walk. */
  readonly digestOf?: ((value: unknown) => bigint) | undefined
  readonly clock: ClockPort
  readonly outbox: OutboxPort
  readonly snapshot: SnapshotPort
  /** Where the state lives, if it is a shared one. */
  readonly region?: RegionPort | undefined
  /** Whether the gate is open at this moment. */
  readonly isGateOpen: () => boolean
  readonly loop: LoopPort
  /** Where what is begun and sent is written down; undefined: nobody would read it. */
  readonly marks?: MarksPort | undefined
}

/** What a server reports: most become events of the rules, some go to the user. */
export interface ServerEvents {
  loadAsked(from: Incarnation, highest: Epoch): void
  resumeAsked(from: Incarnation, epoch: Epoch, history: HistoryId): void
  resumeRefused(from: Incarnation): void
  loadInstalled(epoch: Epoch, history: HistoryId): void
  loadFailed(): void
  near(mirror: Incarnation): void
  covered(mirror: Incarnation): void
  /** `addressee` was told by `from` that it is in sync. */
  toldInSync(addressee: Incarnation, from: Incarnation, epoch: Epoch): void
  outOfStep(reason: OutOfStep): void
  ackTimeout(): void
  /** Nothing of a channel has settled for `deliverTimeoutMs`. */
  stuck(hasDelivered: boolean): void
  drained(): void
  handedOver(from: Incarnation, former: Epoch, epoch: Epoch, isExact: boolean): void
  fault(error: PairError, frameNo?: number, channel?: string): void
  takeover(found: TakeoverReport): void
  /** A suspect frame was left out. */
  skipped(frame: SkippedFrame): void
}

/** What the runtime has a server do: each method is the effect of that name. */
export interface ServerPort {
  readonly feeding: FeedingPort
  readonly following: FollowingPort
  readonly handing: HandingPort
  begin(history: HistoryId, epoch: Epoch, over: 'nothing' | 'state'): void
  goSolo(epoch: Epoch): void
  takeOver(
    epoch: Epoch,
    verdict: Verdict | 'renounced',
    since: Instant,
    suspect: Suspect | undefined,
  ): void
  /** Goes on to the frame before `frameNo`, no further, and reports why. */
  halt(frameNo: number): void
  demote(): void
  openGate(): void
  closeGate(): void
  stopIntake(): void
  settle(limitMs: number): Promise<void>
  readOut(limitMs: number): Promise<void>
}

/** The primary's end of the link. */
export interface FeedingPort {
  sendLoad(to: Incarnation): void
  postponeLoad(): void
  resumeFeed(to: Incarnation): void
  refuseResume(): void
  dropFeed(): void
  hold(): void
  release(): void
  tellInSync(epoch: Epoch): void
}

/** The mirror's end of the link. */
export interface FollowingPort {
  /** `highest`: no reign up to that one is free. */
  askLoad(highest: Epoch): void
  dropLoad(): void
  askResume(epoch: Epoch, history: HistoryId): void
  stopAcknowledging(): void
}

/** The planned switchover, at either end. */
export interface HandingPort {
  holdIntake(): void
  releaseIntake(): void
  handOver(former: Epoch, epoch: Epoch): void
  succeed(epoch: Epoch, mirror: Incarnation): void
}

/** What a takeover found and did. */
export type TakeoverReport = Pick<TakeoverEvent, 'epoch' | 'verdict' | 'inDoubt' | 'tookMs'> & {
  readonly frameNo: number
  readonly suspect: number | undefined
}
