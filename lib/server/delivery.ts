/**
 * Speaking to the outside: each output is begun in order, by channel, when the output rule and the
 * gate allow it.
 *
 * An output may leave when its frame and all before are held by whoever must hold them (`release`),
 * when the gate is open at that moment, and when it lies at most `inFlight` past the last notice
 * that the standby holds, so that after a death the other knows which ones are in doubt
 * (docs/PROTOCOL.md#5). *Sent* means that `deliver` has resolved. A failure holds its channel
 * alone: it is tried again with back-off, then what came behind it, in order. Nothing is ever
 * dropped here.
 */

import { setMaxListeners } from 'node:events'
import { PairError } from '../errors.js'
import type { Timer } from '../runtime/ports-clock.js'
import { type HistoryId, millis } from '../units.js'
import type { Channel } from './channels.js'
import type { DeliveryOptions } from './delivery-options.js'
import { type Answers, Inquiry } from './inquiry.js'
import {
  deliverFault,
  firstFailed,
  type Item,
  type Lane,
  openLane,
  outputOf,
  overdue,
  type Reign,
  type SentItem,
  shiftSent,
} from './lane.js'

/** First and longest pause before a failed delivery is tried again. */
const firstRetryMs = 10
const longestRetryMs = 1_000
/** Looks for overdue deliveries in the time that one may take. */
const looksATimeout = 4

const noContext: { readonly signal: AbortSignal } = { signal: AbortSignal.abort() }

export class Delivery {
  /** A standby must know all but `inFlight` of what was begun. In force at once when it is set. */
  isBoundByNotices = false
  readonly #options: DeliveryOptions
  readonly #lanes = new Map<number, Lane>()
  #reign: Reign | undefined
  #released = 0
  #abort: AbortController | undefined
  /** What each `deliver` is given beside its output; means nothing without `#abort`. */
  #context = noContext
  #watch: Timer | undefined
  /** Looks for overdue deliveries so far: exact enough, where a clock costs as much as the rest. */
  #looks = 0

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** Outputs that wait or are on their way. */
  get pendingCount(): number {
    let count = 0
    for (const lane of this.#lanes.values()) count += lane.items.length
    return count
  }

  /** A reign begins, or goes on under another epoch. */
  reign(history: HistoryId, epoch: number): void {
    this.#reign = { pair: this.#options.pair, history, epoch }
  }

  /** Takes an output, the next in order of its channel. */
  enqueue(item: Item): void {
    this.#lane(item.owner).items.push(item)
  }

  /** The first `count` outputs that wait in `channel` may have arrived: asked before any leaves. */
  askFor(channel: Channel, count: number): void {
    this.#lane(channel).toAsk = count
  }

  /** Outputs of frames up to `frameNo` may leave. */
  release(frameNo: number): void {
    this.#released = frameNo
    for (const lane of this.#lanes.values()) this.#pump(lane)
  }

  /** The standby holds the notices of `channel` up to `number`. */
  notice(channel: Channel, number: number): void {
    const lane = this.#lane(channel)
    if (number <= lane.noticed) return
    lane.noticed = number
    this.#pump(lane)
  }

  /** A standby that was given all notices so far joins: count from what is sent. */
  noticeAll(): void {
    for (const lane of this.#lanes.values()) lane.noticed = lane.channel.sent
  }

  /** What is not sent of `channel`, in order. */
  pending(channel: Channel): readonly SentItem[] {
    return [...(this.#lanes.get(channel.index)?.items ?? [])]
  }

  /** The gate is open (again). */
  open(): void {
    if (this.#abort) return
    this.#abort = new AbortController()
    this.#context = Object.freeze({ signal: this.#abort.signal })
    // One signal serves every running delivery: more listeners than the usual bound are no leak.
    setMaxListeners(0, this.#abort.signal)
    this.#watchTimeouts()
    for (const lane of this.#lanes.values()) this.#pump(lane)
  }

  /** The gate is shut: running deliveries are told, nothing is begun. */
  shut(): void {
    this.#abort?.abort(new PairError('ERR_HOTPAIR_DEMOTED', 'the gate of this member has closed'))
    this.#abort = undefined
    this.#watch?.clear()
    this.#watch = undefined
  }

  /**
   * Forgets everything: this member rules no more. Late results of running deliveries mean nothing.
   */
  clear(): void {
    this.shut()
    for (const lane of this.#lanes.values()) {
      lane.isOver = true
      lane.retry?.clear()
      lane.inquiry?.end()
    }
    this.#lanes.clear()
    this.#reign = undefined
    this.#released = 0
  }

  #lane(channel: Channel): Lane {
    const known = this.#lanes.get(channel.index)
    if (known?.channel === channel) return known
    if (known) known.isOver = true
    const lane = openLane(channel)
    this.#lanes.set(channel.index, lane)
    return lane
  }

  #pump(lane: Lane): void {
    if (lane.isPumping) return
    lane.isPumping = true
    this.#beginAll(lane)
    lane.isPumping = false
  }

  #beginAll(lane: Lane): void {
    const { inFlight } = this.#options
    if (lane.toAsk > 0) return this.#ask(lane)
    while (lane.begun < lane.items.length && lane.retry === undefined && this.#abort) {
      const item = lane.items.at(lane.begun)
      if (item === undefined || item.frameNo > this.#released) return
      const base = this.isBoundByNotices ? lane.noticed : lane.channel.sent
      if (item.number > base + inFlight) return
      lane.begun += 1
      if (this.#begin(lane, item)) continue
      lane.begun -= 1
      return
    }
  }

  /** Nothing of the lane is begun before the receiver has answered, or its time is over. */
  #ask(lane: Lane): void {
    const { wasReceived, clock, askTimeoutMs, isGateOpen } = this.#options
    const reign = this.#reign
    const items = [...lane.items].slice(0, lane.toAsk)
    const isReleased = items.every(({ frameNo }) => frameNo <= this.#released)
    if (lane.inquiry || reign === undefined || !isReleased) return
    if (this.#abort === undefined || !isGateOpen()) return
    const outputs = items.map((item) => outputOf(lane, item, reign))
    const options = { wasReceived, clock, timeoutMs: askTimeoutMs }
    lane.inquiry = new Inquiry(outputs, options, (answers) => this.#answered(lane, items, answers))
  }

  /** What the receiver has counts as sent; what it has not is begun again, in order. */
  #answered(lane: Lane, items: readonly Item[], { received, unknown }: Answers): void {
    lane.inquiry = undefined
    lane.toAsk = 0
    lane.begun = items.length
    for (const item of items) item.state = received.has(item.number) ? 'sent' : 'failed'
    const first = firstFailed(lane)
    if (first && unknown !== undefined)
      this.#report(lane, first, `the receiver was asked, ${unknown}`)
    this.#reportSent(lane)
    this.#retry(lane)
  }

  /** False: the gate is shut, and nothing was begun. */
  #begin(lane: Lane, item: Item): boolean {
    const { deliver, isGateOpen } = this.#options
    const reign = this.#reign
    if (reign === undefined || this.#abort === undefined) return false
    const output = outputOf(lane, item, reign)
    item.begunIn = this.#looks
    // Asked last of all: a process that is stopped behind this line sends when it is woken.
    if (!isGateOpen()) return false
    item.state = 'running'
    this.#options.marks?.begun(lane.channel.index, item.number)
    try {
      const running = deliver(output, this.#context)
      if (running === undefined) this.#succeed(lane, item)
      else {
        running.then(
          () => this.#succeed(lane, item),
          (error) => {
            lane.settledIn = this.#looks
            this.#fail(lane, item, error)
          },
        )
      }
    } catch (error) {
      lane.settledIn = this.#looks
      this.#fail(lane, item, error)
    }
    return true
  }

  #succeed(lane: Lane, item: Item): void {
    if (lane.isOver || item.state === 'sent') return
    item.state = 'sent'
    lane.failures = 0
    lane.hasDelivered = true
    lane.settledIn = this.#looks
    this.#reportSent(lane)
    this.#pump(lane)
  }

  #reportSent(lane: Lane): void {
    for (let sent = shiftSent(lane); sent; sent = shiftSent(lane)) {
      this.#options.marks?.sent(lane.channel.index, sent.number)
      this.#options.onSent(lane.channel, sent)
    }
  }

  #fail(lane: Lane, item: Item, cause: unknown): void {
    if (lane.isOver || item.state !== 'running') return
    item.state = 'failed'
    // A delivery that was told to stop is no fault of its receiver.
    if (this.#abort) this.#report(lane, item, cause)
    if (lane.retry) return
    const delay = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(lane.failures, 7))
    lane.failures += 1
    lane.retry = this.#options.clock.setTimer(millis(delay), () => this.#retry(lane))
  }

  #report(lane: Lane, item: Item, cause: unknown): void {
    this.#options.onFault(deliverFault(lane, item, cause), lane.channel.name, item.frameNo)
  }

  /**
   * Everything of the lane that failed is begun again in order, marked as a repeat; then new ones.
   */
  #retry(lane: Lane): void {
    lane.retry = undefined
    if (lane.isOver) return
    // One that succeeds at once leaves the queue: what failed is looked for anew each time, and
    // nothing new is begun before it.
    lane.isPumping = true
    for (let item = firstFailed(lane); item && !lane.retry; item = firstFailed(lane)) {
      item.isRepeat = true
      if (!this.#begin(lane, item)) {
        lane.retry = this.#options.clock.setTimer(millis(firstRetryMs), () => this.#retry(lane))
      }
    }
    lane.isPumping = false
    this.#pump(lane)
  }

  /** A `deliver` that does not settle counts as failed; some looks a timeout are exact enough. */
  #watchTimeouts(): void {
    const { clock, timeoutMs } = this.#options
    this.#watch = clock.setTimer(millis(timeoutMs / looksATimeout), () => {
      this.#watchTimeouts()
      this.#looks += 1
      const before = this.#looks - looksATimeout
      for (const lane of this.#lanes.values()) this.#failOverdue(lane, before)
    })
  }

  /** Begun before the interval `before` counts as failed; stuck if nothing has ended since. */
  #failOverdue(lane: Lane, before: number): void {
    const { timeoutMs, onStuck } = this.#options
    const isStuck = lane.settledIn < before
    const items = overdue(lane, before)
    for (const item of items) {
      this.#fail(lane, item, new Error(`deliver did not settle within ${timeoutMs} ms`))
    }
    if (isStuck && items.length > 0) onStuck(lane.hasDelivered)
  }
}
