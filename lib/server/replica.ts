/**
 * What both members hold alike: the application's state and all that must travel with it.
 *
 * State, deduplication table, timers, pair time, channels and pending outputs, as of one frame. It
 * is changed by `apply`, frame after frame, whoever rules; it is taken out as one image and put in
 * as one.
 */

import { PairError } from '../errors.js'
import type { SkippedFrame } from '../events.js'
import type { App } from '../options.js'
import type { OutboxPort } from '../runtime/ports-outbox.js'
import type { LoopPort, ServerEvents } from '../runtime/ports-server.js'
import { Arena } from '../sync/arena.js'
import type { LoggedFrame } from '../sync/frame-log.js'
import { type Epoch, frameNo, type HistoryId, type Instant } from '../units.js'
import { Application } from './application.js'
import type { Channel } from './channels.js'
import { type Holding, holdingOf, type Pages } from './holding.js'
import type { ImageMeta, PendingEntry } from './image.js'
import { Ledger } from './ledger.js'
import { PairClock } from './pair-clock.js'
import { Sources } from './sources.js'
import { Timers } from './timers.js'

export interface ReplicaLimits {
  readonly outboxBytes: number
  readonly sources: number
  readonly channels: number
  readonly timers: number
}

export type ReplicaEvents = Pick<ServerEvents, 'fault' | 'skipped'>

/** Skipped frames that are remembered: each was a takeover from a member that hung. */
const mostSkipped = 1_000

/**
 * Longest that an image may take, to be made or put in place. Both block the event loop; a value of
 * a GiB takes some seconds.
 */
const imageMs = 30_000

export class Replica<State> {
  readonly sources: Sources
  readonly timers: Timers
  readonly clock: PairClock = new PairClock()
  readonly ledger: Ledger
  /**
   * Milliseconds that a digest takes: of the last one, or estimated from a load by whoever has
   * timed it; 0: not known.
   */
  digestMs = 0
  readonly #application: Application<State>
  readonly #limits: ReplicaLimits
  readonly #loop: LoopPort
  readonly #events: ReplicaEvents
  readonly #holding: Holding<State>
  #skipped: readonly SkippedFrame[] = []
  #frameNo = 0
  #faultAt = 0

  constructor(
    app: App<State>,
    outbox: OutboxPort,
    limits: ReplicaLimits,
    loop: LoopPort,
    events: ReplicaEvents,
    holding: Holding<State> = holdingOf(app, undefined),
  ) {
    this.#holding = holding
    this.#limits = limits
    this.#loop = loop
    this.#events = events
    this.sources = new Sources(limits.sources)
    this.timers = new Timers(limits.timers)
    this.ledger = new Ledger(outbox, limits.channels)
    // The outputs of one frame must fit in the outbox beside those of another.
    const outputBytes = Math.floor(limits.outboxBytes / 2)
    const parts = { timers: this.timers, outputBytes, arena: new Arena() }
    this.#application = new Application(app, parts)
  }

  /** The last frame processed. */
  get frameNo(): number {
    return this.#frameNo
  }

  /** The last frame on which `process` has failed, in this history; 0: none has. */
  get faultAt(): number {
    return this.#faultAt
  }

  /** The state, once there is one. */
  get held(): { readonly state: State } | undefined {
    return this.#application.held
  }

  /** The newest frames of this history that were left out. */
  get skipped(): readonly SkippedFrame[] {
    return this.#skipped
  }

  get history(): HistoryId {
    return this.#application.history
  }

  /** Begins `history` from the application's `init()`. */
  init(history: HistoryId): void {
    const begin = () => this.#holding.begin()
    // What is there has to be put away, which may be much.
    const state = this.held === undefined ? begin() : this.blocking(begin)
    this.#application.begin(history, state)
    this.#frameNo = 0
    this.#skipped = []
    this.#faultAt = 0
    this.sources.reset([])
    this.timers.reset({ settings: 0, entries: [] })
    this.ledger.reset([])
  }

  /** Begins `history` over the state that is there; what was pending becomes its first outputs. */
  rename(history: HistoryId): void {
    const pending = [...this.ledger.channels].flatMap((channel) =>
      [...this.ledger.pending(channel)].map(({ data }) => ({ channel: channel.name, data })),
    )
    // The outbox may have been full: what waits for room comes behind what has found some.
    for (const { owner, data } of this.ledger.waiting) pending.push({ channel: owner.name, data })
    this.#application.rename(history)
    this.#frameNo = 0
    this.#skipped = []
    this.#faultAt = 0
    this.sources.reset(this.sources.list().map((entry) => ({ ...entry, frameNo: 0 })))
    this.ledger.reset([])
    this.ledger.add(0, pending)
  }

  /** As of the last frame both members are equal, in the reign `epoch`, whose primary has told. */
  markEqual(epoch: Epoch): void {
    this.#holding.mark([this.history, epoch, this.#frameNo])
  }

  /** Of the state and the timers, as of the last frame. */
  digest(): bigint {
    return this.blocking(() => this.#holding.digest(this.held?.state, this.timers.list()))
  }

  /** Processes the next frame; its outputs wait in the ledger for a flush. */
  apply(frame: LoggedFrame): void {
    const { frameNo, stamp, kind, source, seq, data } = frame
    if (kind === 'skip') return this.skip(frame)
    this.#frameNo = frameNo
    // Cleared or set again by a frame between its numbering and this one.
    if (kind === 'timer' && !this.timers.fire(source, seq)) return
    const isNamed = kind === 'input' && source !== ''
    this.#loop.markFrame(frameNo)
    const { outputs, fault } = this.#application.apply({
      frameNo,
      now: stamp,
      source: isNamed ? source : undefined,
      seq: isNamed ? seq : undefined,
      timer: kind === 'timer' ? source : undefined,
      data,
    })
    this.#loop.markFrame(0)
    if (fault) {
      this.#faultAt = frameNo
      this.#events.fault(fault, frameNo)
    }
    if (outputs.length === 0 || this.ledger.add(frameNo, outputs)) return
    const error = new PairError(
      'ERR_HOTPAIR_OUTPUT',
      `frame ${frameNo} opens more than ${this.#limits.channels} channels; its outputs are dropped`,
    )
    this.#events.fault(error, frameNo)
  }

  /** Leaves a frame out: it keeps its number, is listed, and a timer has fired by it. */
  skip({ frameNo: number, kind, source, seq }: LoggedFrame): void {
    this.#frameNo = number
    const isTimer = kind === 'timer' && this.timers.fire(source, seq)
    const frame: SkippedFrame = {
      frameNo: frameNo(number),
      kind: isTimer ? 'timer' : 'input',
      source,
      seq,
    }
    this.#skipped = [...this.#skipped, frame].slice(-mostSkipped)
    this.#events.skipped(frame)
  }

  /** All of it as of the last frame, as one image. `pending`: what is not sent, from delivery. */
  image(
    epoch: Epoch,
    pending: (channel: Channel) => readonly { frameNo: number; data: Uint8Array }[],
  ): Uint8Array {
    const entries: PendingEntry[] = []
    for (const channel of this.ledger.channels) {
      for (const { frameNo, data } of pending(channel)) {
        entries.push({ channel: channel.name, frameNo, data })
      }
    }
    // The outbox may be full: what waits for room comes behind what has found some.
    for (const { owner, frameNo, data } of this.ledger.waiting) {
      entries.push({ channel: owner.name, frameNo, data })
    }
    return this.blocking(() => this.#image(epoch, entries))
  }

  #image(epoch: Epoch, pending: readonly PendingEntry[]): Uint8Array {
    const meta: Omit<ImageMeta, 'digest'> = {
      history: this.history,
      epoch,
      frameNo: this.#frameNo,
      stamp: this.clock.last,
      sources: this.sources.list(),
      channels: this.ledger.channels.list(),
      timers: this.timers.list(),
      skipped: this.#skipped,
      pending,
    }
    return this.#holding.image(meta, this.held?.state)
  }

  /**
   * Takes everything out of an image, and out of the `pages` that came beside it. Throws
   * ERR_HOTPAIR_LOAD or ERR_HOTPAIR_STATE, and nothing has changed.
   */
  restore(
    image: Uint8Array,
    expected: { history: HistoryId; frameNo: number },
    now: Instant,
    pages?: Pages,
  ): void {
    const check = ({ history, frameNo }: ImageMeta) => {
      if (history === expected.history && frameNo === expected.frameNo) return
      throw new PairError(
        'ERR_HOTPAIR_LOAD',
        'the load cannot be used: it is not the announced one',
      )
    }
    const { meta, state } = this.blocking(() => this.#holding.restore(image, check, pages))
    this.#application.begin(meta.history, state)
    this.#adopt(meta, now)
  }

  /** Runs what blocks the event loop for long, and by that does not hang. */
  blocking<Result>(run: () => Result): Result {
    const end = this.#loop.announceBlock(imageMs)
    try {
      return run()
    } finally {
      end()
    }
  }

  #adopt(meta: ImageMeta, now: Instant): void {
    this.#frameNo = meta.frameNo
    this.#faultAt = 0
    this.clock.reset(meta.stamp, now)
    this.sources.reset(meta.sources)
    this.timers.reset(meta.timers)
    this.#skipped = meta.skipped
    this.ledger.reset(meta.channels)
    for (const { channel, frameNo, data } of meta.pending) {
      this.ledger.add(frameNo, [{ channel, data }])
      if (this.ledger.isBatchLarge) this.ledger.store()
    }
    this.ledger.store()
  }
}
