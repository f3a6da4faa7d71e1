/**
 * What a primary sends to the one member that follows it: a load, then every frame, progress and
 * notice.
 *
 * Frames are kept until they are acknowledged, so a link that breaks costs nothing but a
 * repetition. The socket never holds more than its high-water mark and one batch: chunks and frames
 * are written as it drains. Whether the mirror may be paired is decided elsewhere; the feed says
 * when it is near and when it covers all that was accepted or released.
 */

import type { ChunkWriter } from '../runtime/ports-outbox.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { Epoch, Incarnation, Instant } from '../units.js'
import type { AcknowledgeMessage, BeginLoadMessage, SentNotice } from '../wire/message.js'
import { writeFrame, writeMessage } from '../wire/message.js'
import { PacketWriter } from '../wire/packet.js'
import type { FeedHandlers, LoadBasis } from './feed-handlers.js'
import { FrameLog, type LoggedFrame } from './frame-log.js'
import { Notices } from './notices.js'

/** Bytes that are collected before a piece goes to the socket. */
const pieceBytes = 262_144
/**
 * Pair time between the first and the last unacknowledged frame at which a mirror counts as near.
 * Outputs wait about that long while pairing: half would make a busy pair wait longer for a good
 * moment, ten times as much would be heard as a silence.
 */
const nearMs = 100

export class Feed {
  readonly mirror: Incarnation
  /** The question that its load answers. */
  readonly ask: number
  readonly epoch: Epoch
  readonly #handlers: FeedHandlers
  readonly #writer: PacketWriter
  readonly #log = new FrameLog()
  #link: PeerLink | undefined
  #isWritable = false
  #load: ChunkWriter | undefined
  #acked: number
  #last: number
  #next: number
  #done: number
  #progressNo = 0
  #isProgressDue = false
  /** The newest one that is not written. */
  #digest: { readonly frameNo: number; readonly digest: bigint } | undefined
  readonly #notices = new Notices()
  /** Last progress that the mirror holds, on the present link. */
  #heldProgressNo = 0
  #isNear = false
  /** While pairing: the frame up to which all must be acknowledged. */
  #barrier: { readonly frameNo: number; readonly progressNo: number } | undefined
  #waitingSince: Instant | undefined

  constructor(
    mirror: Incarnation,
    { ask, epoch, frameNo }: LoadBasis,
    mostPacketBytes: number,
    handlers: FeedHandlers,
  ) {
    this.mirror = mirror
    this.ask = ask
    this.epoch = epoch
    this.#handlers = handlers
    this.#writer = new PacketWriter(mostPacketBytes)
    this.#acked = frameNo
    this.#last = frameNo
    this.#next = frameNo + 1
    this.#done = frameNo
  }

  /** Last frame that the mirror holds. */
  get acked(): number {
    return this.#acked
  }

  /** Bytes of frames and notices that it has not acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#log.bytes + this.#notices.bytes
  }

  get unacknowledgedCount(): number {
    return this.#log.length
  }

  /** Since when a frame or a notice waits for an acknowledgement without any progress. */
  get waitingSince(): Instant | undefined {
    return this.#waitingSince
  }

  /** Whether the mirror holds every notice that it was given. */
  get isNoticed(): boolean {
    return this.#notices.areHeld
  }

  /** Begins with a load over `link`. */
  begin(
    link: PeerLink,
    load: Pick<BeginLoadMessage, 'history' | 'imageBytes'>,
    chunks: ChunkWriter,
  ): void {
    this.#link = link
    this.#isWritable = true
    this.#load = chunks
    writeMessage(this.#writer, {
      type: 'begin-load',
      ask: this.ask,
      epoch: this.epoch,
      // What has been pushed since the image was taken is behind it.
      frameNo: this.#next - 1,
      ...load,
    })
    this.pump()
  }

  /** Goes on over a new link, from what the mirror holds. False when that is not possible. */
  resume(link: PeerLink, frameNo: number): boolean {
    if (frameNo < this.#acked || frameNo > this.#last) return false
    this.#link = link
    this.#isWritable = true
    this.#next = frameNo + 1
    writeMessage(this.#writer, { type: 'resume', epoch: this.epoch, frameNo })
    // Said again, and counted anew.
    this.#notices.tellAgain()
    this.#progressNo = 0
    this.#heldProgressNo = 0
    this.#isProgressDue = true
    this.pump()
    return true
  }

  /** The link is gone; what is kept stays. */
  detach(): void {
    this.#link = undefined
    this.#isWritable = false
    this.#writer.take()
  }

  /** One more frame. It is written by the next `pump`. */
  push(frame: LoggedFrame, now: Instant): void {
    this.#waitingSince ??= now
    this.#log.push(frame)
    this.#last = frame.frameNo
  }

  /** All up to `done` is processed; `sent`, the feed's own now, were sent since the last call. */
  progress(done: number, sent: SentNotice[], now: Instant): void {
    if (done === this.#done && sent.length === 0) return
    // Outputs stand still when notices are not taken, however idle the inputs are.
    if (sent.length > 0) this.#waitingSince ??= now
    this.#done = done
    this.#notices.add(sent)
    this.#isProgressDue = true
  }

  /** The state after `frameNo`, processed last, has this digest. Written before any progress. */
  digest(frameNo: number, digest: bigint): void {
    this.#digest = { frameNo, digest }
  }

  /** Tells the mirror that it is in sync. */
  tellInSync(epoch: Epoch): void {
    if (this.#link === undefined) return
    writeMessage(this.#writer, { type: 'in-sync', epoch, incarnation: this.mirror })
    this.pump()
  }

  /**
   * Pairing begins: `covered` is told when all that exists now is acknowledged, the notices too,
   * for the mirror must know all but `inFlight` of what was sent.
   */
  hold(): void {
    const progressNo = this.#progressNo + this.#notices.packetCount
    this.#barrier = { frameNo: this.#last, progressNo }
    this.#checkBarrier()
  }

  /** Something that was written is not yet in the hands of the operating system. */
  get isOnItsWay(): boolean {
    return (this.#link?.bufferedBytes ?? 0) > 0
  }

  drained(): void {
    this.#isWritable = true
    this.pump()
  }

  /** Writes what there is, as far as the socket takes it. */
  pump(): void {
    if (this.#link === undefined) return
    while (this.#isWritable && this.#load) this.#writeChunk(this.#load)
    while (this.#isWritable && this.#load === undefined) {
      const frame = this.#log.at(this.#next)
      if (frame === undefined) break
      writeFrame(this.#writer, this.epoch, frame)
      this.#next += 1
      if (this.#writer.byteLength >= pieceBytes) this.#flush()
    }
    if (this.#isWritable && this.#load === undefined) this.#writeDigest()
    while (this.#isWritable && this.#isProgressDue && this.#next > this.#done) {
      this.#writeProgress()
    }
    this.#flush()
  }

  /** False when the message breaks the protocol. */
  onAcknowledge(message: AcknowledgeMessage, now: Instant): boolean {
    if (message.epoch < this.epoch) return true
    const isPossible =
      message.epoch === this.epoch &&
      message.frameNo < this.#next &&
      message.progressNo <= this.#progressNo
    if (!isPossible) return false
    const hasMoved = message.frameNo > this.#acked || message.progressNo > this.#heldProgressNo
    this.#heldProgressNo = message.progressNo
    for (const [channel, number] of this.#notices.hold(message.progressNo)) {
      this.#handlers.noticed(channel, number)
    }
    if (message.frameNo > this.#acked) {
      this.#acked = message.frameNo
      this.#log.trim(message.frameNo)
      this.#handlers.acknowledged(message.frameNo)
    }
    if (hasMoved) this.#waitingSince = this.#isAllHeld ? undefined : now
    if (!this.#isNear && this.#load === undefined && this.#log.spanMs <= nearMs) {
      this.#isNear = true
      this.#handlers.near()
    }
    this.#checkBarrier()
    return true
  }

  close(): void {
    this.#load?.close()
    this.#load = undefined
    this.#link = undefined
    this.#log.clear()
  }

  get #isAllHeld(): boolean {
    return this.#log.length === 0 && this.#notices.areHeld
  }

  #checkBarrier(): void {
    const barrier = this.#barrier
    if (barrier === undefined || this.#acked < barrier.frameNo) return
    if (this.#heldProgressNo < barrier.progressNo) return
    this.#barrier = undefined
    this.#handlers.covered()
  }

  #writeChunk(load: ChunkWriter): void {
    const bytes = load.next()
    if (bytes !== undefined) {
      writeMessage(this.#writer, { type: 'chunk', bytes })
      return this.#flush()
    }
    load.close()
    this.#load = undefined
  }

  #writeDigest(): void {
    const digest = this.#digest
    if (digest === undefined || this.#next <= digest.frameNo) return
    this.#digest = undefined
    writeMessage(this.#writer, { type: 'digest', epoch: this.epoch, ...digest })
  }

  #writeProgress(): void {
    this.#progressNo += 1
    const sent = this.#notices.tell(this.#progressNo)
    this.#isProgressDue = this.#notices.areUntold
    writeMessage(this.#writer, {
      type: 'progress',
      epoch: this.epoch,
      progressNo: this.#progressNo,
      done: this.#done,
      sent,
    })
  }

  #flush(): void {
    if (this.#writer.byteLength === 0 || this.#link === undefined) return
    this.#isWritable = this.#link.write(this.#writer.take()) && this.#isWritable
  }
}
