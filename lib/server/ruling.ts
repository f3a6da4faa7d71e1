/**
 * The duties of a primary: take inputs, number them, process them, feed the mirror, deliver.
 *
 * Work is done once a turn: everything that arrived is numbered and put on the wire first, so that
 * the mirror's acknowledgement travels while this member processes. What may be answered and
 * delivered follows from one number, `committed`: all frames while this member may send
 * unacknowledged, the acknowledged ones otherwise (docs/PROTOCOL.md#5).
 */

import type { MarksPort } from '../runtime/ports-beats.js'
import type { Feed } from '../sync/feed.js'
import type { LoggedFrame } from '../sync/frame-log.js'
import { type Epoch, elapsed, type HistoryId, type Instant } from '../units.js'
import type { SentNotice } from '../wire/message.js'
import type { Channel } from './channels.js'
import type { Delivery } from './delivery.js'
import { Digesting, type DigestOptions } from './digesting.js'
import type { Input, Intake } from './intake.js'
import { type Item, letGo } from './lane.js'
import { Numbering } from './numbering.js'
import { Pace, type PaceOptions, turnMs } from './pace.js'
import type { Replica } from './replica.js'
import { type Held, Settling } from './settling.js'

export interface RulingOptions extends PaceOptions, DigestOptions {
  /** Whether the right to accept and to send is beyond doubt at this moment. */
  readonly isGateOpen: () => boolean
  readonly marks?: MarksPort | undefined
  readonly onSuspect?: 'retry' | 'skip' | 'halt' | undefined
  /** More than `unacknowledgedBytes` wait for a mirror that loads: it takes the tail too slowly. */
  readonly onOverflow: () => void
}

/** Who must hold a frame before it counts: nobody else (solo), or the mirror. */
export type Release = 'all' | 'acknowledged'

export class Ruling<State> {
  readonly settling: Settling
  readonly #replica: Replica<State>
  readonly #intake: Intake
  readonly #delivery: Delivery
  readonly #options: RulingOptions
  readonly #numbering: Numbering<State>
  readonly #digesting: Digesting
  #epoch: Epoch | undefined
  #last = 0
  #acked = 0
  #feed: Feed | undefined
  #notices: SentNotice[] = []
  #isScheduled = false
  readonly #pace: Pace

  constructor(replica: Replica<State>, intake: Intake, delivery: Delivery, options: RulingOptions) {
    this.#replica = replica
    this.#intake = intake
    this.#delivery = delivery
    this.#options = options
    this.#numbering = new Numbering(replica, intake, options.clock)
    this.#digesting = new Digesting(replica, options)
    this.#pace = new Pace(options, replica.ledger)
    this.settling = new Settling(intake, delivery, () => this.#held())
  }

  /** The reign, while this member rules. */
  get epoch(): Epoch | undefined {
    return this.#epoch
  }

  get isRuling(): boolean {
    return this.#epoch !== undefined
  }

  /** Last frame whose input is accepted and whose outputs may leave. */
  get committed(): number {
    return this.#isAlone ? this.#last : this.#acked
  }

  // What this member alone holds counts.
  get #isAlone(): boolean {
    return !this.#delivery.isBoundByNotices
  }

  get feed(): Feed | undefined {
    return this.#feed
  }

  /**
   * A reign begins here, or goes on as another one, from the last processed frame on: alone, or
   * with a mirror that is in sync from there.
   */
  reign(history: HistoryId, epoch: Epoch, release: Release = 'all'): void {
    this.#epoch = epoch
    this.#last = this.#replica.frameNo
    this.#delivery.isBoundByNotices = release === 'acknowledged'
    const { channels } = this.#replica.ledger
    channels.beginReign()
    this.#delivery.reign(history, epoch)
    this.#options.marks?.reign(
      epoch,
      Array.from(channels, ({ sent }) => sent),
    )
    this.schedule()
  }

  /** The last frame after which the mirror was told what the state is. */
  get comparedAt(): number {
    return this.#digesting.frameNo
  }

  /** A mirror was given a load or goes on: every further frame goes to it too. */
  feedWith(feed: Feed): void {
    this.#feed?.close()
    this.#feed = feed
    this.#acked = feed.acked
    this.#digesting.begin(feed.acked)
    this.#notices = []
  }

  dropFeed(): void {
    this.#feed?.close()
    this.#feed = undefined
    this.#notices = []
  }

  /** Release only what is acknowledged from now on. */
  hold(): void {
    this.#delivery.isBoundByNotices = true
    this.#tellProgress()
    this.#feed?.hold()
  }

  /** Release everything again. */
  release(): void {
    this.#delivery.isBoundByNotices = false
    this.commit()
    this.schedule()
  }

  /** The mirror holds all up to `frameNo`. */
  acknowledged(frameNo: number): void {
    this.#acked = frameNo
    this.commit()
    if (this.#numbering.hasWork) this.schedule()
  }

  /** An output left: the mirror must learn of it. */
  sent(channel: Channel, item: Item): void {
    this.#replica.ledger.sent(channel, item.number)
    letGo(item)
    if (this.#feed) this.#notices.push(item)
    this.schedule()
  }

  /** An input for this primary. */
  take(input: Input): void {
    this.#intake.push(input)
    this.schedule()
  }

  schedule(): void {
    if (this.#isScheduled || this.#epoch === undefined) return
    this.#isScheduled = true
    this.#options.clock.defer(() => this.#turn())
  }

  /**
   * Everything due is answered and may leave. Behind a shut gate the right is in doubt: an input
   * that is accepted there would be lost with this reign (docs/PROTOCOL.md#8).
   */
  commit(): void {
    const epoch = this.#epoch
    if (epoch === undefined || !this.#options.isGateOpen()) return
    const committed = this.committed
    this.#intake.commit(committed, epoch)
    this.#delivery.release(committed)
    this.settling.check()
  }

  /** No timer becomes a frame any more: this member ends, and the other will see to them. */
  holdTimers(): void {
    this.#numbering.holdTimers(true)
  }

  /** This member rules no more. Returns the inputs that were not answered. */
  end(): readonly Input[] {
    this.#epoch = undefined
    this.dropFeed()
    this.#numbering.end()
    this.#delivery.clear()
    this.#options.marks?.end()
    const inputs = this.#intake.drain()
    this.settling.check()
    this.settling.release()
    return inputs
  }

  #held(): Held {
    const feed = this.#feed
    // Whoever loads is not in sync, so nothing rests on what it was told.
    const isNoticed = this.#notices.length === 0 && (feed?.isNoticed ?? true)
    const isAcknowledged = feed?.acked === this.#last && this.#replica.frameNo === this.#last
    // Nothing is answered or delivered behind a shut gate, however long it is waited for.
    const isShut = !this.#options.isGateOpen()
    return { isShut, isAlone: this.#isAlone, isNoticed, isAcknowledged }
  }

  #turn(): void {
    this.#isScheduled = false
    const epoch = this.#epoch
    if (epoch === undefined) return
    const isOpen = this.#options.isGateOpen()
    if (isOpen) this.#takeIn()
    this.#tellProgress()
    this.#feed?.pump()
    // Whoever loads must not throttle a primary that works alone: its load is given up instead.
    if (this.#isAlone && this.#pace.isTailTooLong(this.#feed)) this.#options.onOverflow()
    this.commit()
    if (isOpen && this.#numbering.hasWork && !this.#isThrottled()) this.#continue()
    // The program may have closed its own member.
    if (this.isRuling) this.#numbering.arm(() => this.schedule())
  }

  #apply(frames: readonly LoggedFrame[]): void {
    const { ledger } = this.#replica
    const began = this.#options.clock.now()
    const before = ledger.addedBytes
    for (const frame of frames) {
      this.#replica.apply(frame)
      this.#digesting.processed(this.#feed, began)
      if (ledger.isBatchLarge) this.keep()
    }
    this.keep()
    const took = elapsed(began, this.#options.clock.now())
    this.#pace.learn(frames.length, ledger.addedBytes - before, took)
  }

  /** The mirror is to know what is processed and what was sent. */
  #tellProgress(): void {
    const notices = this.#notices
    this.#notices = []
    this.#feed?.progress(this.#replica.frameNo, notices, this.#options.clock.now())
  }

  /** More waits than one turn may take: let acknowledgements and deliveries through first. */
  #continue(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#options.clock.nextTurn(() => this.#turn())
  }

  /** Numbers and processes what waits, until a turn is full or has taken long enough. */
  #takeIn(): void {
    const { clock } = this.#options
    // One moment for all of a turn.
    const now = clock.now()
    let left = this.#pace.mostATurn
    this.#numbering.begin(left, now)
    while (left > 0 && this.isRuling && elapsed(now, clock.now()) < turnMs) {
      if (this.#isWireBusy) return
      const frames = this.#number(Math.min(left, this.#pace.mostAtOnce), now)
      if (frames.length === 0) return
      this.#feed?.pump()
      this.#apply(frames)
      left -= frames.length
    }
  }

  /**
   * Where a frame that hangs must not be tried by both, the mirror has to hold it before it is
   * tried here: TLS gives a second write of one turn to the system only after that turn.
   */
  get #isWireBusy(): boolean {
    const { onSuspect } = this.#options
    if (onSuspect === undefined || onSuspect === 'retry') return false
    return !this.#isAlone && this.#feed?.isOnItsWay === true
  }

  /** Numbers at most `most` frames, as far as the bounds allow; hands them to the feed. */
  #number(most: number, now: Instant): readonly LoggedFrame[] {
    const frames: LoggedFrame[] = []
    while (frames.length < most && !this.#isThrottled()) {
      const frame = this.#numbering.next(this.#last + 1)
      if (frame === undefined) break
      this.#last = frame.frameNo
      this.#feed?.push(frame, now)
      frames.push(frame)
    }
    return frames
  }

  /** Intake waits where the bounds say so, and while the rule is being given away. */
  #isThrottled(): boolean {
    return this.settling.isHolding || this.#pace.isThrottled(this.#feed, !this.#isAlone)
  }

  /** Puts what was produced into the outbox, and from there in line for delivery. */
  keep(): void {
    for (const item of this.#replica.ledger.flush()) this.#delivery.enqueue(item)
  }
}
