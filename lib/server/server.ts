/**
 * The server of one member: it does what the rules decide, and reports what they need to know.
 *
 * Two duties exclude each other: ruling (`Ruling` with a `Feed`) and following (`Follow`); inputs that
 * come meanwhile are held. This class joins them over one `Replica` and turns packets of the link into
 * calls and events. It decides nothing about roles: every method below is the effect of that name.
 */

import type { OutOfStep } from '../core/event.js'
import { ClosedError, type ErrorCode, errorCodes, InputError, PairError } from '../errors.js'
import type { Verdict } from '../events.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { ServerEvents, ServerOptions, ServerPort } from '../runtime/ports-server.js'
import { Feed } from '../sync/feed.js'
import { Follow, type LoadHeader } from '../sync/follow.js'
import {
  type Epoch,
  epochOf,
  type HistoryId,
  type Incarnation,
  type Instant,
  instant,
  millis,
} from '../units.js'
import { type Message, readMessage, writeMessage } from '../wire/message.js'
import { PacketWriter } from '../wire/packet.js'
import { Delivery } from './delivery.js'
import { Held } from './held.js'
import { type Input, Intake } from './intake.js'
import { Replica } from './replica.js'
import { Ruling } from './ruling.js'

/** Bytes of image in one chunk: large enough for the wire, small enough not to hold up frames. */
const chunkBytes = 262_144
/** Headers around the largest thing a packet carries. */
const packetOverheadBytes = 4_096

export class Server<State> implements ServerPort {
  readonly #options: ServerOptions<State>
  readonly #events: ServerEvents
  readonly #clock: ClockPort
  readonly #replica: Replica<State>
  readonly #intake: Intake
  readonly #held: Held
  readonly #delivery: Delivery
  readonly #ruling: Ruling<State>
  readonly #follow: Follow
  readonly #writer: PacketWriter
  #link: PeerLink | undefined
  #isFollowing = false
  #isClosed = false
  #watch: Timer | undefined

  constructor(options: ServerOptions<State>, events: ServerEvents) {
    const { limits, clock, app } = options
    this.#options = options
    this.#events = events
    this.#clock = clock
    this.#replica = new Replica(app, options.outbox, limits, (error, frameNo) =>
      events.fault(error, frameNo),
    )
    this.#intake = new Intake(limits.queueBytes)
    this.#held = new Held(limits.queueBytes)
    this.#writer = new PacketWriter(this.#packetBytes)
    this.#delivery = new Delivery({
      pair: options.pair,
      deliver: (output, context) => app.deliver(output, context),
      clock,
      inFlight: options.inFlight,
      timeoutMs: options.deliverTimeoutMs,
      isGateOpen: options.isGateOpen,
      onSent: (channel, item) => this.#ruling.sent(channel, item),
      onFault: (error, channel, frameNo) => events.fault(error, frameNo, channel),
    })
    this.#ruling = new Ruling(this.#replica, this.#intake, this.#delivery, {
      clock,
      outboxBytes: limits.outboxBytes,
      unacknowledgedBytes: limits.unacknowledgedBytes,
      onOverflow: () => this.#overflow(),
    })
    this.#follow = new Follow(
      options.snapshot,
      {
        stateBytes: limits.stateBytes,
        unacknowledgedBytes: limits.unacknowledgedBytes,
        packetBytes: this.#packetBytes,
      },
      this.#followHandlers(),
    )
    this.#watchWaits()
  }

  get #packetBytes(): number {
    return Math.max(this.#options.limits.inputBytes, chunkBytes) + packetOverheadBytes
  }

  /** The state and its frame, once there is one. */
  get held(): { readonly state: State; readonly frameNo: number } | undefined {
    const held = this.#replica.held
    return held && { state: held.state, frameNo: this.#replica.frameNo }
  }

  /** Numbers for status and beats. */
  get counts(): ServerCounts {
    return {
      frameNo: this.#replica.frameNo,
      committed: this.#ruling.isRuling ? this.#ruling.committed : this.#follow.acked,
      unacknowledged: this.#ruling.feed?.unacknowledgedCount ?? 0,
      lag: this.#follow.lag,
      waiting: this.#intake.waitingCount,
      heldBytes: this.#held.bytes,
      outboxBytes: this.#replica.ledger.bytes,
      pending: this.#delivery.pendingCount,
    }
  }

  // ---- inputs ----

  /** One input of the application: see `Member.receive`. */
  receive(input: Input): void {
    if (this.#isClosed) return input.answer.reject(new ClosedError())
    if (this.#ruling.isRuling) return this.#ruling.take(input)
    const { source, seq } = input
    if (source === undefined) {
      const text =
        'this member does not rule; give the input a (source, seq), or give it to the primary'
      return input.answer.reject(new InputError('ERR_HOTPAIR_NOT_PRIMARY', text))
    }
    const verdict = this.#isFollowing ? this.#replica.sources.classify(source, seq) : undefined
    if (verdict?.type === 'known') {
      const frameNo = verdict.isNewest ? verdict.frameNo : undefined
      return input.answer.resolve({
        frameNo,
        epoch: this.#follow.epoch ?? noEpoch,
        duplicate: true,
      })
    }
    this.#held.hold(input, source, this.#clock.now())
  }

  stopIntake(): void {
    this.#isClosed = true
    this.#refuse(this.#held.drain(), new ClosedError())
  }

  // ---- effects of a primary ----

  begin(history: HistoryId, epoch: Epoch, over: 'nothing' | 'state'): void {
    this.#isFollowing = false
    if (over === 'nothing') this.#replica.init(history)
    else this.#replica.rename(history)
    this.#rule(history, epoch)
  }

  goSolo(epoch: Epoch): void {
    this.#ruling.reign(this.#replica.history, epoch)
    this.#ruling.commit()
  }

  sendLoad(to: Incarnation): void {
    const link = this.#link
    const { epoch } = this.#ruling
    if (link?.hello.incarnation !== to || epoch === undefined) return
    let image: Uint8Array
    try {
      image = this.#replica.image(epoch, (channel) => this.#delivery.pending(channel))
    } catch (error) {
      const fault =
        error instanceof PairError ? error : new PairError('ERR_HOTPAIR_STATE', String(error))
      this.#events.fault(fault)
      return this.#send({ type: 'refuse-load', reason: fault.message })
    }
    const feed = new Feed(to, epoch, this.#replica.frameNo, this.#packetBytes, {
      acknowledged: (frameNo) => this.#ruling.acknowledged(frameNo),
      noticed: (index, number) => {
        const channel = this.#replica.ledger.channels.at(index)
        if (channel) this.#delivery.notice(channel, number)
      },
      near: () => this.#events.near(to),
      covered: () => this.#events.covered(to),
    })
    this.#delivery.noticeAll()
    this.#ruling.feedWith(feed)
    feed.begin(
      link,
      this.#replica.history,
      image.length,
      this.#options.snapshot.cut(image, chunkBytes),
    )
  }

  postponeLoad(): void {
    this.#send({ type: 'refuse-load', reason: 'not at the moment' })
  }

  resumeFeed(to: Incarnation): void {
    const { feed } = this.#ruling
    const asked = this.#resumeFrom
    if (feed?.follower !== to || this.#link === undefined || asked === undefined) return
    if (!feed.resume(this.#link, asked)) this.refuseResume()
  }

  refuseResume(): void {
    this.#send({ type: 'refuse-resume' })
  }

  dropFeed(): void {
    this.#ruling.dropFeed()
  }

  hold(): void {
    this.#ruling.hold()
  }

  release(): void {
    this.#ruling.release()
  }

  tellInSync(epoch: Epoch): void {
    this.#ruling.feed?.tellInSync(epoch)
  }

  openGate(): void {
    this.#delivery.open()
    this.#ruling.commit()
  }

  closeGate(): void {
    this.#delivery.shut()
  }

  /** This member rules no more; inputs with an identity are held again, others are refused. */
  demote(): void {
    const now = this.#clock.now()
    const error = new InputError(
      'ERR_HOTPAIR_DEMOTED',
      'this member lost its role before the input was held by both; it may still have been taken: send it again with the same (source, seq)',
    )
    for (const input of this.#ruling.end()) {
      if (input.source === undefined || this.#isClosed) input.answer.reject(error)
      else this.#held.hold(input, input.source, now)
    }
  }

  /** Resolves when what may leave has left and the follower holds the notices, or after `limitMs`. */
  settle(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const limit = this.#clock.setTimer(millis(limitMs), resolve)
      const finish = () => {
        limit.clear()
        resolve()
      }
      void this.#delivery.settle().then(finish)
    })
  }

  // ---- effects of a follower ----

  askLoad(): void {
    this.#isFollowing = false
    this.#follow.askLoad()
  }

  dropLoad(): void {
    this.#follow.dropLoad()
  }

  askResume(epoch: Epoch, history: HistoryId): void {
    this.#follow.askResume(epoch, history)
  }

  stopAcknowledging(): void {
    this.#follow.stopAcknowledging()
  }

  /** Reads out what the lost primary had sent; then the link is down. */
  async readOut(limitMs: number): Promise<void> {
    await this.#link?.readOut(limitMs)
  }

  /** DESIGN 2.10: process all that is held, reconcile, send what is not noticed as sent, take what was held back. */
  takeOver(epoch: Epoch, verdict: Verdict | 'renounced', since: Instant): void {
    const { ledger } = this.#replica
    this.#isFollowing = false
    const acked = this.#follow.acked
    const { frames, sent } = this.#follow.drain()
    for (const frame of frames) {
      this.#replica.apply(frame)
      if (ledger.isBatchLarge) ledger.flush()
    }
    ledger.flush()
    ledger.peerSent(sent)
    const inDoubt = this.#queuePending(acked)
    this.#rule(this.#replica.history, epoch)
    const tookMs = this.#clock.now() - since
    this.#events.takeover({ epoch, verdict, frameNo: this.#replica.frameNo, inDoubt, tookMs })
  }

  // ---- the link ----

  linkUp(link: PeerLink): void {
    this.#link = link
    this.#follow.attach(link)
  }

  linkDown(): void {
    this.#link = undefined
    this.#follow.detach()
    this.#ruling.feed?.detach()
  }

  drained(): void {
    this.#ruling.feed?.drained()
  }

  /** Throws ERR_HOTPAIR_PEER_PROTOCOL for what the protocol does not allow. */
  packet(link: PeerLink, body: Uint8Array): void {
    if (link !== this.#link) return
    const message = readMessage(body)
    if (message === undefined || !this.#onMessage(message, link.hello.incarnation)) {
      const what =
        message === undefined ? `a packet of type ${body[0]}` : `a message ${message.type}`
      throw new PairError('ERR_HOTPAIR_PEER_PROTOCOL', `${what} does not fit here`)
    }
  }

  close(): void {
    this.stopIntake()
    this.#watch?.clear()
    this.#refuse(this.#ruling.end(), new ClosedError())
    this.#follow.close()
    this.#options.outbox.close()
  }

  // ---- inside ----

  #resumeFrom: number | undefined

  #onMessage(message: Message, from: Incarnation): boolean {
    switch (message.type) {
      case 'ask-load':
        this.#events.loadAsked(from)
        return true
      case 'ask-resume':
        this.#resumeFrom = message.frameNo
        this.#events.resumeAsked(from, message.epoch, message.history)
        return true
      case 'acknowledge':
        return this.#ruling.feed?.onAcknowledge(message, this.#clock.now()) ?? true
      case 'refuse-resume':
        this.#events.resumeRefused(from)
        return true
      case 'refuse-load':
        this.#follow.dropLoad()
        this.#events.loadFailed()
        return true
      case 'in-sync':
        this.#events.toldInSync(message.incarnation, from, message.epoch)
        return true
      case 'forward':
        this.#takeForwarded(message)
        return true
      case 'refuse-forward':
        this.#held.refused(message.source, message.seq, refusal(message.code, message.expected))
        return true
      default:
        return this.#follow.onMessage(message)
    }
  }

  #followHandlers(): ConstructorParameters<typeof Follow>[2] {
    return {
      announced: (frame, epoch) => {
        const { source, seq, frameNo, stamp } = frame
        this.#replica.clock.observe(stamp, this.#clock.now())
        if (source === '') return
        this.#replica.sources.take(source, seq, frameNo)
        this.#held.announced(source, seq, frameNo, epoch)
      },
      process: (frame) => {
        this.#replica.apply(frame)
        if (this.#replica.ledger.isBatchLarge) this.#replica.ledger.flush()
      },
      flush: () => {
        this.#replica.ledger.flush()
        return this.#replica.ledger.isFull ? 'overflow' : this.#divergence()
      },
      sent: (notices) => {
        this.#replica.ledger.peerSent(notices)
        return this.#divergence()
      },
      install: (image, header) => this.#replica.restore(image, header, this.#clock.now()),
      installed: (header) => this.#installed(header),
      loadFailed: (error) => {
        this.#events.fault(error)
        this.#events.loadFailed()
      },
      outOfStep: (reason) => this.#events.outOfStep(reason),
      schedule: (later) => {
        if (later) this.#clock.nextTurn(() => this.#follow.turn())
        else this.#clock.defer(() => this.#follow.turn())
      },
    }
  }

  #installed(header: LoadHeader): void {
    this.#isFollowing = true
    for (const { source, seq, frameNo } of this.#replica.sources.list()) {
      this.#held.announced(source, seq, frameNo, header.epoch)
    }
    this.#events.loadInstalled(header.epoch, header.history)
  }

  #divergence(): OutOfStep | undefined {
    const found = this.#replica.ledger.divergence
    if (found === undefined) return undefined
    const error = new PairError(
      'ERR_HOTPAIR_DIVERGED',
      `output ${found.number} of channel ${JSON.stringify(found.channel)} differs between the members; this one loads again. Look for a clock, randomness or I/O in process().`,
    )
    this.#events.fault(error, this.#replica.frameNo, found.channel)
    return 'divergence'
  }

  #rule(history: HistoryId, epoch: Epoch): void {
    this.#ruling.reign(history, epoch)
    for (const { channel, ...item } of this.#replica.ledger.flush()) {
      this.#delivery.enqueue(channel, item, false)
    }
    for (const input of this.#held.drain()) this.#ruling.take(input)
    this.#ruling.commit()
  }

  /** Lines up what the former primary did not report sent; those it may have begun are in doubt. */
  #queuePending(acked: number): { readonly channel: string; readonly number: number }[] {
    const inDoubt: { channel: string; number: number }[] = []
    for (const channel of this.#replica.ledger.channels) {
      const lastInDoubt = channel.sent + this.#options.inFlight
      for (const item of this.#replica.ledger.pending(channel)) {
        const isInDoubt = item.number <= lastInDoubt && item.frameNo <= acked
        if (isInDoubt) inDoubt.push({ channel: channel.name, number: item.number })
        this.#delivery.enqueue(channel, item, isInDoubt)
      }
    }
    return inDoubt
  }

  #takeForwarded(message: Extract<Message, { type: 'forward' }>): void {
    if (!this.#ruling.isRuling) return
    const { source, seq, data } = message
    const reject = (error: Error) => {
      const isMine = error instanceof InputError && error.code === 'ERR_HOTPAIR_INPUT_GAP'
      if (!isMine) return
      const expected = error.expectedSeq ?? 0
      this.#send({ type: 'refuse-forward', source, seq, code: error.code, expected })
    }
    const answer = { resolve: () => {}, reject }
    this.#ruling.take({ data: new Uint8Array(data), source, seq, answer })
  }

  /** Looks after what waits: held inputs are forwarded, a silent follower is reported. */
  #watchWaits(): void {
    const { windowMs, ackTimeoutMs } = this.#options
    this.#watch = this.#clock.setTimer(millis(Math.min(windowMs, ackTimeoutMs) / 4), () => {
      const now = this.#clock.now()
      if (this.#isFollowing && this.#link) {
        const before = instant(now - windowMs)
        for (const { source, seq, data } of this.#held.overdue(before, now)) {
          if (source !== undefined) this.#follow.forward(source, seq, data)
        }
      }
      const waiting = this.#ruling.feed?.waitingSince
      if (waiting !== undefined && now - waiting > ackTimeoutMs) this.#events.ackTimeout()
      this.#watchWaits()
    })
  }

  #overflow(): void {
    this.#send({
      type: 'refuse-load',
      reason: 'the tail grew over the bound before the load was in place',
    })
    this.#ruling.dropFeed()
  }

  #send(message: Message): void {
    if (this.#link === undefined) return
    writeMessage(this.#writer, message)
    this.#link.write(this.#writer.take())
  }

  #refuse(inputs: readonly Input[], error: Error): void {
    for (const { answer } of inputs) answer.reject(error)
  }
}

/** Numbers of one server, for people. */
export interface ServerCounts {
  readonly frameNo: number
  readonly committed: number
  readonly unacknowledged: number
  readonly lag: number
  readonly waiting: number
  readonly heldBytes: number
  readonly outboxBytes: number
  readonly pending: number
}

function refusal(code: string, expected: number): InputError {
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'ERR_HOTPAIR_INPUT'
  const text =
    expected > 0
      ? `the primary expects ${expected} next; it was not taken`
      : 'the primary refused the input'
  return new InputError(known, text, expected > 0 ? expected : undefined)
}

const noEpoch: Epoch = epochOf(0)
