/**
 * What a standby does with the primary's stream: stage a load, hold frames, acknowledge, process
 * one step behind.
 *
 * A frame is acknowledged when it is held in order, and processed only after the primary has
 * reported it done (docs/PROTOCOL.md#13). A notice is applied when the frames before it are
 * processed. Acknowledging waits for processing while much waits to be processed: the primary then
 * throttles its intake; beyond `lagFrames` this member is out of step. Nothing here decides about
 * roles; what does not fit is reported as `outOfStep`.
 */

import type { OutOfStep } from '../core/event.js'
import { PairError } from '../errors.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { Epoch, HistoryId } from '../units.js'
import {
  type FrameMessage,
  type Message,
  type ProgressMessage,
  type SentNotice,
  writeMessage,
} from '../wire/message.js'
import { PacketWriter } from '../wire/packet.js'
import { Acknowledging } from './acknowledging.js'
import { Arena } from './arena.js'
import { Deque } from './deque.js'
import { Digests } from './digests.js'
import type { FollowHandlers, FollowLimits } from './follow-handlers.js'
import { FrameLog, type LoggedFrame } from './frame-log.js'
import { type LoadHeader, type LoadParts, Staging } from './staging.js'

/** Frames processed before the event loop gets a turn, if `isTurnOver` does not say so before. */
const framesATurn = 512

export class Follow {
  readonly #handlers: FollowHandlers
  readonly #limits: FollowLimits
  readonly #writer: PacketWriter
  #link: PeerLink | undefined
  #epoch: Epoch | undefined
  readonly #staging: Staging
  readonly #log = new FrameLog()
  readonly #digests = new Digests()
  readonly #arena = new Arena()
  readonly #progress = new Deque<ProgressMessage>()
  #held = 0
  readonly #acknowledging = new Acknowledging()
  #progressNo = 0
  #done = 0
  #isScheduled = false

  constructor(parts: LoadParts, limits: FollowLimits, handlers: FollowHandlers) {
    this.#staging = new Staging(parts, limits.stateBytes)
    this.#limits = limits
    this.#handlers = handlers
    this.#writer = new PacketWriter(limits.packetBytes)
  }

  /** The reign that is followed, once a load is in place. */
  get epoch(): Epoch | undefined {
    return this.#epoch
  }

  /** Last frame acknowledged: outputs of later ones cannot have left the primary. */
  get acked(): number {
    return this.#acknowledging.frameNo
  }

  /** Frames held and not processed. */
  get lag(): number {
    return this.#log.length
  }

  get #processed(): number {
    return this.#held - this.lag
  }

  attach(link: PeerLink): void {
    this.#link = link
  }

  detach(): void {
    this.#link = undefined
    this.#staging.detach()
    this.#writer.take()
  }

  askLoad(highest: Epoch): void {
    this.dropLoad()
    this.#send({ type: 'ask-load', ask: this.#staging.ask(), highest })
  }

  askResume(epoch: Epoch, history: HistoryId): void {
    this.#send({ type: 'ask-resume', epoch, history, frameNo: this.#held })
  }

  /** The newest question: the load that answers it is the one asked for or followed. */
  get newestAsk(): number {
    return this.#staging.newest
  }

  /** Follows a reign from `frameNo` on, all of which is held and processed: no load is needed. */
  followOn(epoch: Epoch, frameNo: number): void {
    this.dropLoad()
    this.#start(epoch, frameNo)
  }

  /** Processes all up to `frameNo` at once. False: that is not what is held, or out of step. */
  catchUp(frameNo: number): boolean {
    if (this.#held !== frameNo) return false
    this.#done = frameNo
    const isSound = this.#process(Number.POSITIVE_INFINITY)
    return isSound && this.lag === 0 && this.#progress.length === 0
  }

  forward(source: string, seq: number, data: Uint8Array): void {
    this.#send({ type: 'forward', source, seq, data })
  }

  /** Gives up the load under way, or the tail collected since. The state that is there stays. */
  dropLoad(): void {
    this.stopAcknowledging()
    this.#epoch = undefined
    this.#log.clear()
    this.#progress.clear()
    this.#digests.clear()
  }

  stopAcknowledging(): void {
    this.#staging.giveUp()
    this.#acknowledging.stop()
  }

  /**
   * Takes what is held and not processed, in order, and the notices that wait; nothing is held
   * afterwards.
   */
  drain(): { readonly frames: readonly LoggedFrame[]; readonly sent: readonly SentNotice[] } {
    const frames: LoggedFrame[] = []
    for (let frame = this.#log.shift(); frame; frame = this.#log.shift()) frames.push(frame)
    const sent = [...this.#progress].flatMap((progress) => progress.sent)
    // Nothing of that reign is taken any more, whoever may still send it.
    this.dropLoad()
    return { frames, sent }
  }

  onMessage(message: Message): boolean {
    switch (message.type) {
      case 'frame':
        return this.#onFrame(message)
      case 'progress':
        return this.#onProgress(message)
      case 'begin-pages':
      case 'begin-load':
      case 'chunk':
        return this.#onLoad(message)
      case 'resume':
        return this.#onResume(message)
      case 'digest':
        if (message.epoch === this.#epoch) this.#digests.tell(message.frameNo, message.digest)
        return true
      default:
        return false
    }
  }

  /** Once a turn: acknowledge what is held, then process what may be. */
  turn(): void {
    this.#isScheduled = false
    this.#acknowledge()
    if (!this.#process(framesATurn)) return
    this.#acknowledge()
    const next = this.#log.first
    if (next !== undefined && next.frameNo <= this.#done) this.#schedule(true)
  }

  close(): void {
    this.dropLoad()
    this.detach()
  }

  /** At most so many frames of those that may be. False: this member goes on no more. */
  #process(most: number): boolean {
    for (let count = 0; count < most && this.#epoch !== undefined; count += 1) {
      const frame = this.#log.first
      if (frame === undefined || frame.frameNo > this.#done) break
      if (count > 0 && most === framesATurn && this.#handlers.isTurnOver()) break
      this.#log.shift()
      const apart = this.#handlers.process(frame, this.#digests.at(frame.frameNo))
      if (apart && this.#epoch !== undefined) {
        this.#handlers.outOfStep(apart)
        return false
      }
    }
    // The program may have closed its own member.
    if (this.#epoch === undefined) return false
    const wrong = this.#handlers.flush() ?? this.#applyNotices()
    if (wrong) this.#handlers.outOfStep(wrong)
    return wrong === undefined
  }

  #onFrame(message: FrameMessage): boolean {
    if (this.#epoch === undefined || message.epoch < this.#epoch) return true
    if (message.epoch > this.#epoch) return false
    if (message.frameNo !== this.#held + 1) {
      this.#handlers.outOfStep('gap')
      return true
    }
    const { frameNo, stamp, kind, source, seq } = message
    const data = this.#arena.copy(message.data)
    const frame: LoggedFrame = { frameNo, stamp, kind, source, seq, data }
    this.#log.push(frame)
    this.#held = frameNo
    this.#handlers.announced(frame, message.epoch)
    if (this.#log.length === this.#limits.lagFrames + 1) this.#handlers.outOfStep('lag')
    this.#schedule(false)
    return true
  }

  #onResume(message: Extract<Message, { type: 'resume' }>): boolean {
    // What was held has been given up since it was offered.
    if (this.#epoch === undefined) return true
    if (message.epoch !== this.#epoch || message.frameNo !== this.#held) return false
    this.#progressNo = 0
    // Whether the last acknowledgement has arrived is not known.
    this.#acknowledging.startAgain()
    this.#schedule(false)
    return true
  }

  #onProgress(message: ProgressMessage): boolean {
    if (this.#epoch === undefined || message.epoch < this.#epoch) return true
    if (message.epoch > this.#epoch || message.progressNo !== this.#progressNo + 1) return false
    if (message.done > this.#held) return false
    this.#progressNo = message.progressNo
    this.#done = Math.max(this.#done, message.done)
    if (message.sent.length > 0) this.#progress.push(message)
    this.#schedule(false)
    return true
  }

  #applyNotices(): OutOfStep | undefined {
    const processed = this.#processed
    while (this.#progress.first !== undefined && this.#progress.first.done <= processed) {
      const progress = this.#progress.shift()
      const wrong = this.#handlers.sent(progress?.sent ?? [])
      if (wrong) return wrong
    }
    return undefined
  }

  #onLoad(message: Extract<Message, { type: 'begin-pages' | 'begin-load' | 'chunk' }>): true {
    const load = this.#staging.take(message, this.#link, this.#handlers.install)
    if (load instanceof PairError) {
      this.dropLoad()
      this.#handlers.loadFailed(load)
    } else if (load !== undefined) this.#begin(load)
    return true
  }

  #begin(header: LoadHeader): void {
    this.#staging.giveUp()
    this.#start(header.epoch, header.frameNo)
    this.#acknowledging.remind()
    this.#handlers.installed(header)
    this.#schedule(false)
  }

  #start(epoch: Epoch, frameNo: number): void {
    this.#epoch = epoch
    this.#held = frameNo
    this.#done = frameNo
    this.#progressNo = 0
    this.#acknowledging.start(frameNo)
  }

  #acknowledge(): void {
    const epoch = this.#epoch
    if (epoch === undefined || this.#link === undefined) return
    const { unacknowledgedBytes, lagFrames } = this.#limits
    // Who is slow makes the primary as slow: it acknowledges no more than it can process in time.
    const most = Math.min(this.#held, this.#processed + lagFrames / 2)
    const isBehind = this.#log.bytes > unacknowledgedBytes
    const frameNo = isBehind ? this.acked : Math.max(this.acked, Math.floor(most))
    if (!this.#acknowledging.take(frameNo, this.#progressNo)) return
    this.#send({ type: 'acknowledge', epoch, frameNo, progressNo: this.#progressNo })
  }

  #send(message: Message): void {
    if (this.#link === undefined) return
    writeMessage(this.#writer, message)
    this.#link.write(this.#writer.take())
  }

  #schedule(later: boolean): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#handlers.schedule(later)
  }
}
