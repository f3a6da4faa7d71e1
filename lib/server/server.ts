/**
 * The server of one member: it does what the rules decide, and reports what they need to know.
 *
 * Two duties exclude each other, ruling (with `feeding` as its end of the link) and following, over
 * one replica. This class joins them and hands packets to the right one. It decides nothing about
 * roles: every method of the ports is the effect of that name.
 */

import type { Suspect } from '../core/effect.js'
import { ClosedError, InputError, PairError } from '../errors.js'
import type { SkippedFrame, Verdict } from '../events.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { ServerEvents, ServerOptions, ServerPort } from '../runtime/ports-server.js'
import { type Epoch, type HistoryId, type Incarnation, type Instant, millis } from '../units.js'
import { packetLimit } from '../wire/limits.js'
import type { Message } from '../wire/message.js'
import { readMessage } from '../wire/read-message.js'
import type { ServerCounts } from './counts.js'
import { Delivery } from './delivery.js'
import { Feeding } from './feeding.js'
import { Following } from './following.js'
import { Handing } from './handing.js'
import { holdingOf } from './holding.js'
import { LastWords, queuePending } from './in-doubt.js'
import { type Input, Intake } from './intake.js'
import { Replica } from './replica.js'
import { Ruling } from './ruling.js'
import { type SharedStatus, sharedStatus } from './shared-status.js'

export class Server<State> implements ServerPort {
  readonly feeding: Feeding<State>
  readonly following: Following<State>
  readonly handing: Handing<State>
  readonly lastWords: LastWords = new LastWords()
  readonly #options: ServerOptions<State>
  readonly #events: ServerEvents
  readonly #clock: ClockPort
  readonly #replica: Replica<State>
  readonly #intake: Intake
  readonly #delivery: Delivery
  readonly #ruling: Ruling<State>
  #link: PeerLink | undefined
  #isClosed = false
  #isOver = false
  #watch: Timer | undefined

  constructor(options: ServerOptions<State>, events: ServerEvents) {
    const { limits, clock, app, outbox, loop } = options
    this.#options = options
    this.#events = events
    this.#clock = clock
    const holding = holdingOf(app, options.region, options.digestOf)
    this.#replica = new Replica(app, outbox, limits, loop, events, holding)
    this.#intake = new Intake(limits.queueBytes)
    this.#delivery = new Delivery({
      pair: options.pair,
      deliver: (output, context) => app.deliver(output, context),
      clock,
      inFlight: options.inFlight,
      timeoutMs: options.deliverTimeoutMs,
      wasReceived: (output, context) => app.wasReceived?.(output, context) ?? false,
      askTimeoutMs: options.askReceiverTimeoutMs,
      isGateOpen: options.isGateOpen,
      marks: options.marks,
      onSent: (channel, item) => this.#ruling.sent(channel, item),
      onFault: (error, channel, frameNo) => events.fault(error, frameNo, channel),
      onStuck: (hasDelivered) => events.stuck(hasDelivered),
    })
    const { snapshot, region, windowMs } = options
    const packetBytes = packetLimit(limits.inputBytes)
    this.#ruling = new Ruling(this.#replica, this.#intake, this.#delivery, {
      ...options,
      ...limits,
      onOverflow: () => this.feeding.overflow(),
    })
    const parts = { replica: this.#replica, ruling: this.#ruling, delivery: this.#delivery }
    this.feeding = new Feeding(parts, { clock, snapshot, region, packetBytes }, events)
    const bounds = { ...limits, packetBytes, clock, snapshot, region, windowMs }
    this.following = new Following(this.#replica, bounds, events)
    const { feeding, following } = this
    this.handing = new Handing({ ...parts, feeding, following }, events)
    this.#watchWaits()
  }

  /** The state and its frame, once there is one. */
  get held(): { readonly state: State; readonly frameNo: number } | undefined {
    const { held } = this.#replica
    // Of a region that was given back nothing is left to read.
    if (this.#isOver && this.#options.region) return undefined
    return held && { state: held.state, frameNo: this.#replica.frameNo }
  }

  /** Of a shared state; undefined: it is a plain one. */
  get shared(): SharedStatus | undefined {
    const { region } = this.#options
    return region && sharedStatus(region, this.feeding.progress, this.following.progress)
  }

  /** The newest frames of this history that a takeover has left out. */
  get skipped(): readonly SkippedFrame[] {
    return this.#replica.skipped
  }

  get counts(): ServerCounts {
    const { isRuling } = this.#ruling
    return {
      frameNo: this.#replica.frameNo,
      committed: isRuling ? this.#ruling.committed : this.following.acked,
      unacknowledged: this.#ruling.feed?.unacknowledgedCount ?? 0,
      lag: this.following.lag,
      comparedAt: isRuling ? this.#ruling.comparedAt : this.following.comparedAt,
      waiting: this.#intake.waitingCount,
      heldBytes: this.following.heldBytes,
      outboxBytes: this.#isOver ? 0 : this.#replica.ledger.bytes,
      pending: this.#delivery.pendingCount,
    }
  }

  /** One input of the application: see `Member.receive`. */
  receive(input: Input): void {
    if (this.#isClosed) return input.answer.reject(new ClosedError())
    if (this.#ruling.isRuling) return this.#ruling.take(input)
    if (input.source !== undefined) return this.following.take(input, input.source)
    const text =
      'this member does not rule: give the input a (source, seq), or give it to the primary'
    input.answer.reject(new InputError('ERR_HOTPAIR_NOT_PRIMARY', text))
  }

  stopIntake(): void {
    this.#isClosed = true
    this.#ruling.holdTimers()
    refuse(this.following.drainHeld(), new ClosedError())
  }

  begin(history: HistoryId, epoch: Epoch, over: 'nothing' | 'state'): void {
    if (over === 'nothing') this.#replica.init(history)
    else this.#replica.rename(history)
    this.#rule(epoch)
  }

  goSolo(epoch: Epoch): void {
    this.#ruling.reign(this.#replica.history, epoch)
    this.#ruling.commit()
  }

  openGate(): void {
    this.#delivery.open()
    this.#ruling.commit()
    this.#ruling.schedule()
  }

  closeGate(): void {
    this.#delivery.shut()
  }

  /** Inputs with an identity are held again, others are refused. */
  demote(): void {
    const error = new InputError(
      'ERR_HOTPAIR_DEMOTED',
      'this member lost its role before the input was held by both; it may still have been taken: send it again with the same (source, seq)',
    )
    this.feeding.endPages()
    for (const input of this.#ruling.end()) {
      if (input.source === undefined || this.#isClosed) input.answer.reject(error)
      else this.following.holdAgain(input, input.source)
    }
  }

  /** Resolves when all that was taken in has left and the standby knows it, or after `limitMs`. */
  settle(limitMs: number): Promise<void> {
    return this.#ruling.settling.settle(this.#clock, millis(limitMs))
  }

  /** Reads out what the lost primary had sent; then the link is down. */
  async readOut(limitMs: number): Promise<void> {
    await this.#link?.readOut(limitMs)
  }

  /**
   * docs/PROTOCOL.md#7: process what is held, reconcile, send what is not noticed as sent, take
   * what was held back.
   */
  takeOver(
    epoch: Epoch,
    verdict: Verdict | 'renounced',
    since: Instant,
    suspect: Suspect | undefined,
  ): void {
    const { epoch: former } = this.following
    // One that follows nobody ruled itself: all that it has processed may have left.
    const acked = former === undefined ? this.#replica.frameNo : this.following.acked
    this.following.finish(suspect?.isSkipped ? { skip: suspect.frameNo } : {})
    const { inFlight, inDoubt: policies } = this.#options
    const begun = this.lastWords.take(this.#replica.ledger, former)
    const bounds = { inFlight, acked, policies, begun }
    const inDoubt = queuePending(this.#replica.ledger, this.#delivery, bounds)
    this.#rule(epoch)
    const tookMs = this.#clock.now() - since
    const { frameNo } = this.#replica
    this.#events.takeover({ epoch, verdict, frameNo, inDoubt, tookMs, suspect: suspect?.frameNo })
  }

  /** What is held from `frameNo` on is given up with the following; it is the user's to decide. */
  halt(frameNo: number): void {
    this.following.finish({ before: frameNo })
    const text = `the former primary hung inside frame ${frameNo}; as onSuspect 'halt' has it, this member has stopped before that frame and waits for an operator`
    this.#events.fault(new PairError('ERR_HOTPAIR_SUSPECT', text), frameNo)
  }

  linkUp(link: PeerLink): void {
    this.#link = link
    this.feeding.attach(link)
    this.following.attach(link)
  }

  linkDown(): void {
    this.#link = undefined
    this.following.detach()
    this.feeding.detach()
  }

  drained(): void {
    this.feeding.drained()
  }

  /** Throws ERR_HOTPAIR_PEER_PROTOCOL for what the protocol does not allow. */
  packet(link: PeerLink, body: Uint8Array): void {
    if (link !== this.#link) return
    const message = readMessage(body)
    if (message !== undefined && this.#onMessage(message, link.hello.incarnation)) return
    const what = message === undefined ? `a packet of type ${body[0]}` : `a message ${message.type}`
    throw new PairError('ERR_HOTPAIR_PEER_PROTOCOL', `${what} does not fit here`)
  }

  close(): void {
    this.stopIntake()
    this.#watch?.clear()
    refuse(this.#ruling.end(), new ClosedError())
    this.feeding.endPages()
    this.following.close()
    this.#isOver = true
    this.#options.outbox.close()
  }

  /** Gives the region back, which takes up to a second: when the last word has left. */
  release(): void {
    this.#options.region?.close()
  }

  #onMessage(message: Message, from: Incarnation): boolean {
    const events = this.#events
    switch (message.type) {
      case 'refuse-resume':
        events.resumeRefused(from)
        return true
      case 'refuse-load':
        if (this.following.isNewest(message.ask)) events.loadFailed()
        return true
      case 'in-sync':
        events.toldInSync(message.incarnation, from, message.epoch)
        return true
      case 'hand-over':
        this.handing.handedOver(message, from)
        return true
      default:
        return this.feeding.onMessage(message, from) ?? this.following.onMessage(message)
    }
  }

  #rule(epoch: Epoch): void {
    this.#ruling.reign(this.#replica.history, epoch)
    this.#ruling.keep()
    for (const input of this.following.drainHeld()) this.#ruling.take(input)
    this.#ruling.commit()
  }

  /** Looks after what waits: held inputs are forwarded, a silent mirror is reported. */
  #watchWaits(): void {
    const { windowMs, ackTimeoutMs } = this.#options
    const period = Math.min(windowMs, ackTimeoutMs) / 4
    const due = this.#clock.now() + period
    this.#watch = this.#clock.setTimer(millis(period), () => {
      this.following.forwardOverdue()
      const now = this.#clock.now()
      const waiting = this.#ruling.feed?.waitingSince
      const isOverdue = waiting !== undefined && now - waiting > ackTimeoutMs
      // Who slept has acknowledgements lying in its buffers: they are read before anybody is
      // blamed.
      if (isOverdue && now - due < period) this.#events.ackTimeout()
      this.#watchWaits()
    })
  }
}

function refuse(inputs: readonly Input[], error: Error): void {
  for (const { answer } of inputs) answer.reject(error)
}
