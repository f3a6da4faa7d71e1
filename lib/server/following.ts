/**
 * The duties of a member that does not rule: follow the primary's stream over the replica, and hold
 * inputs.
 *
 * It holds what it is given until the twin is announced, forwards what the primary never announces,
 * and hands everything over when this member rules. What a frame or notice reveals (divergence, a
 * full outbox) is reported; what follows from it is decided by the rules.
 */

import type { PairError } from '../errors.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { SnapshotPort } from '../runtime/ports-outbox.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { RegionPort, RegionProgress } from '../runtime/ports-region.js'
import type { FollowingPort, ServerEvents } from '../runtime/ports-server.js'
import { Follow } from '../sync/follow.js'
import type { FollowHandlers, FollowLimits } from '../sync/follow-handlers.js'
import type { LoadHeader } from '../sync/staging.js'
import { type Epoch, elapsed, epochOf, type HistoryId, type Instant, instant } from '../units.js'
import type { Message } from '../wire/message.js'
import { Arriving } from './arriving.js'
import { Comparing } from './comparing.js'
import { Held, refusal } from './held.js'
import type { Input } from './intake.js'
import type { Replica } from './replica.js'
import { Turn } from './turn.js'

/** Held inputs that are forwarded at once: what a link takes in some milliseconds. */
const forwardBytes = 1_048_576

const noEpoch: Epoch = epochOf(0)

export interface FollowingOptions extends FollowLimits {
  readonly clock: ClockPort
  readonly snapshot: SnapshotPort
  readonly region: RegionPort | undefined
  readonly queueBytes: number
  readonly windowMs: number
}

export class Following<State> implements FollowingPort {
  readonly #replica: Replica<State>
  readonly #options: FollowingOptions
  readonly #events: ServerEvents
  readonly #held: Held
  readonly #follow: Follow
  #link: PeerLink | undefined
  /**
   * A load is in place, or was before this member lost step: its table of sources speaks of the
   * pair.
   */
  #isInstalled = false
  #isClosed = false
  readonly #turn: Turn
  /** When the frames of this run of code arrived: read once, with the first of them. */
  #arrivedAt: Instant | undefined
  readonly #comparing: Comparing<State>
  /** Of a shared state. */
  readonly #arriving: Arriving<State> | undefined

  constructor(replica: Replica<State>, options: FollowingOptions, events: ServerEvents) {
    this.#replica = replica
    this.#options = options
    this.#events = events
    this.#turn = new Turn(options.clock)
    this.#held = new Held(options.queueBytes)
    this.#comparing = new Comparing(replica, options.clock, events)
    const { region, snapshot } = options
    const failed = (error: PairError) => this.#loadFailed(error)
    this.#arriving = region && new Arriving(region, replica, failed)
    const parts = { snapshot, pages: this.#arriving?.pages }
    this.#follow = new Follow(parts, options, this.#handlers())
  }

  /** The reign that this member follows. */
  get epoch(): Epoch | undefined {
    return this.#follow.epoch
  }

  /** Last frame that this member has acknowledged. */
  get acked(): number {
    return this.#follow.acked
  }

  /** The last frame after which both states were found equal. */
  get comparedAt(): number {
    return this.#comparing.equalAt
  }

  /** Frames held and not processed. */
  get lag(): number {
    return this.#follow.lag
  }

  /** How far the pages of a load are; undefined: none are on their way. */
  get progress(): RegionProgress | undefined {
    return this.#arriving?.pages.progress
  }

  get heldBytes(): number {
    return this.#held.bytes
  }

  attach(link: PeerLink): void {
    this.#link = link
    this.#follow.attach(link)
  }

  detach(): void {
    this.#link = undefined
    this.#follow.detach()
  }

  /** An input of the application, which has an identity. */
  take(input: Input, source: string): void {
    const verdict = this.#isInstalled
      ? this.#replica.sources.classify(source, input.seq)
      : undefined
    if (verdict?.type === 'known') {
      const frameNo = verdict.isNewest ? verdict.frameNo : undefined
      const epoch = this.#follow.epoch ?? noEpoch
      return input.answer.resolve({ frameNo, epoch, duplicate: true })
    }
    this.#held.hold(input, source, this.#options.clock.now())
  }

  /** Holds what a primary that was demoted had not answered. */
  holdAgain(input: Input, source: string): void {
    this.#held.hold(input, source, this.#options.clock.now())
  }

  /** Everything that is held, in order of arrival: it is the caller's now. */
  drainHeld(): readonly Input[] {
    return this.#held.drain()
  }

  /** Gives the primary what it has not announced within a window. */
  forwardOverdue(): void {
    // What was forwarded before has to leave first.
    if (this.#link?.bufferedBytes !== 0) return
    this.#forward(instant(this.#options.clock.now() - this.#options.windowMs))
  }

  /** Gives the primary at once what is held. */
  forwardHeld(): void {
    this.#forward(this.#options.clock.now())
  }

  /** Follows from `frameNo` on, which this member holds because it ruled until then. */
  followOn(epoch: Epoch, frameNo: number): number {
    this.#isInstalled = true
    this.#follow.followOn(epoch, frameNo)
    return this.#follow.newestAsk
  }

  /** Processes all up to `frameNo` of the reign `former` at once; false when it cannot. */
  catchUp(former: Epoch, frameNo: number): boolean {
    return this.#follow.epoch === former && this.#follow.catchUp(frameNo)
  }

  askLoad(highest: Epoch): void {
    this.#isInstalled = false
    this.#follow.askLoad(highest)
  }

  /** Whether `ask` is the load that this member waits for or follows. */
  isNewest(ask: number): boolean {
    return ask === this.#follow.newestAsk
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

  /**
   * Processes all that is held, applies the notices that wait, and ends following. The frame `skip`
   * keeps its number and is not processed; with `before`, neither is that one nor any behind it.
   */
  finish({ skip, before }: { readonly skip?: number; readonly before?: number } = {}): void {
    const { ledger } = this.#replica
    this.#isInstalled = false
    const { frames, sent } = this.#follow.drain()
    for (const frame of frames) {
      if (frame.frameNo === before) break
      if (frame.frameNo === skip) this.#replica.skip(frame)
      else this.#replica.apply(frame)
      if (ledger.isBatchLarge) ledger.store()
    }
    ledger.store()
    ledger.peerSent(sent)
  }

  /** False when the message does not fit. */
  onMessage(message: Message): boolean {
    if (message.type !== 'refuse-forward') return this.#follow.onMessage(message)
    const { source, seq, code, expected } = message
    this.#held.refused(source, seq, refusal(code, expected))
    return true
  }

  close(): void {
    this.#isClosed = true
    this.#follow.close()
  }

  #handlers(): FollowHandlers {
    const { clock } = this.#options
    return {
      announced: (frame, epoch) => {
        const { kind, source, seq, frameNo, stamp } = frame
        this.#arrivedAt ??= clock.now()
        this.#replica.clock.observe(stamp, this.#arrivedAt)
        if (kind === 'timer' || source === '') return
        this.#replica.sources.take(source, seq, frameNo)
        this.#held.announced(source, seq, frameNo, epoch)
      },
      process: (frame, digest) => {
        this.#replica.apply(frame)
        if (this.#isClosed) return undefined
        if (this.#replica.ledger.isBatchLarge) this.#replica.ledger.store()
        const { epoch } = this.#follow
        if (digest === undefined || epoch === undefined) return undefined
        return this.#comparing.state(frame.frameNo, digest, epoch)
      },
      flush: () => {
        this.#replica.ledger.store()
        return this.#replica.ledger.isFull ? 'overflow' : this.#comparing.outputs()
      },
      sent: (notices) => {
        this.#replica.ledger.peerSent(notices)
        return this.#comparing.outputs()
      },
      install: (image, header) => {
        const begun = clock.now()
        this.#replica.restore(image, header, begun, this.#arriving?.pages.of(header.ask))
        // About a third of it went into the digest.
        this.#replica.digestMs = elapsed(begun, clock.now()) / 3
      },
      installed: (header) => this.#installed(header),
      loadFailed: (error) => {
        this.#arriving?.failed()
        this.#events.fault(error)
        this.#events.loadFailed()
      },
      outOfStep: (reason) => this.#events.outOfStep(reason),
      schedule: (later) => {
        const turn = () => {
          this.#arrivedAt = undefined
          this.#turn.begin()
          this.#follow.turn()
        }
        if (later) clock.nextTurn(turn)
        else clock.defer(turn)
      },
      isTurnOver: () => this.#turn.isOver(),
    }
  }

  #forward(before: Instant): void {
    if (this.#follow.epoch === undefined || this.#link === undefined) return
    const now = this.#options.clock.now()
    for (const { source, seq, data } of this.#held.overdue(before, now, forwardBytes)) {
      if (source !== undefined) this.#follow.forward(source, seq, data)
    }
  }

  /** The pages of a load will not arrive. */
  #loadFailed(error: PairError): void {
    this.#follow.dropLoad()
    this.#events.fault(error)
    this.#events.loadFailed()
  }

  #installed(header: LoadHeader): void {
    this.#isInstalled = true
    this.#arriving?.installed()
    this.#comparing.found(header.epoch)
    for (const { source, seq, frameNo } of this.#replica.sources.list()) {
      this.#held.announced(source, seq, frameNo, header.epoch)
    }
    this.#events.loadInstalled(header.epoch, header.history)
  }
}
