/**
 * The beat thread of one pair, typed: opens it, reads its board, passes on what it is asked.
 *
 * The beat thread writes the board, this reads it without a call into the addon: a sequence counter
 * stands before it, odd while the thread writes, so that one look is either whole or tried again.
 * What it shows is a finding about the other process, never a decision about roles.
 */

import type { BeatStatistics, BeatsPort, PeerMarks } from '../runtime/ports-beats.js'
import { between, readStatistics } from './beat-statistics.js'
import { type HeartbeatView, viewOf } from './beat-view.js'
import type { Binding } from './binding.js'
import type { HeartbeatHandle, HeartbeatOptions } from './binding-heartbeat.js'
import { native } from './failure.js'
import { loadBinding } from './load.js'
import { readPeerMarks, SentMarks } from './sent-marks.js'

export type { HeartbeatView } from './beat-view.js'
export type { HeartbeatLink, HeartbeatOptions } from './binding-heartbeat.js'

/**
 * The heartbeat of one pair. After `close` a method that would have to reach the other member
 * throws, and opening the gate; the others do nothing.
 */
export interface Heartbeat extends BeatsPort {
  view(): HeartbeatView
  /** Replaces the 32 bytes that each beat carries for show. */
  setCounters(counters: Uint8Array): void
  /** Where a primary writes what it begins and has sent. */
  readonly marks: SentMarks
  /** The process of the unit that sends the beats; 0: this one does. */
  readonly unitPid: number
  /**
   * The unit that sends the beats has ended, or the connection to it: nobody does any more. False
   * where there is none.
   */
  isLost(): boolean
  /** The server before this one hung, and the unit has killed it. Left out: there is no unit. */
  readonly hasKilledFormer?: boolean
  /** How the beats of each link fared since it was opened, or since the look `since`. */
  statistics(since?: BeatStatistics): BeatStatistics
}

// A write takes well under a microsecond, a try of this side about one: a hundred tries fail only
// when the beat thread was taken off its processor in the middle of a write.
const mostTries = 100

/**
 * Opens the sockets of `options.links` and begins to listen. Beats go out from the first `announce`
 * on. `onRing` is called some time after the board has changed in anything but numbers and times;
 * what it throws is an uncaught exception. The heartbeat does not keep the process alive, and must
 * be closed.
 *
 * @throws NativeError `ERR_HOTPAIR_ADDRESS_IN_USE` when another process holds a port,
 * `ERR_HOTPAIR_ADDRESS` when an address is not numeric or not of this host, `ERR_HOTPAIR_NATIVE`
 * when the addon or the operating system refuses. With `options.unit` also
 * `ERR_HOTPAIR_SHARED_MEMORY`, and `ERR_HOTPAIR_UNIT` when no unit is there or it cannot be joined.
 */
export function openHeartbeat(options: HeartbeatOptions, onRing: () => void): Heartbeat {
  const binding = loadBinding()
  const handle = native(
    () => binding.openHeartbeat(options, onRing),
    () => {
      if (options.unit !== undefined) return `the unit at ${options.unit} cannot be joined`
      const links = options.links.map((link) => `${link.selfHost} port ${link.selfPort}`)
      return `the heartbeat cannot be opened on ${links.join(', ')}`
    },
  )
  return new BoundHeartbeat(binding, handle, options)
}

class BoundHeartbeat implements Heartbeat {
  readonly #binding: Binding
  readonly #handle: HeartbeatHandle
  readonly marks: SentMarks
  readonly #askGate: () => boolean
  readonly #words: Int32Array
  /** The look under way, copied word by word. */
  readonly #copy: Int32Array<ArrayBuffer>
  readonly #linkCount: number
  /** Where the marks of the frame lie among the words. */
  readonly #frameLow: number
  readonly #frameHigh: number
  /** What stands in the upper half of the mark. */
  #markedHigh = 0
  #last: HeartbeatView
  #statistics: BeatStatistics = { isRealtime: false, links: [] }

  constructor(binding: Binding, handle: HeartbeatHandle, { links }: HeartbeatOptions) {
    const { board } = binding.facts
    this.#binding = binding
    this.#handle = handle
    this.#askGate = handle.gateQuestion()
    this.marks = new SentMarks(handle.marks, binding.facts.sentMarks)
    this.#linkCount = links.length
    this.#frameLow = board.frameLow / Int32Array.BYTES_PER_ELEMENT
    this.#frameHigh = board.frameHigh / Int32Array.BYTES_PER_ELEMENT
    this.#words = new Int32Array(handle.board)
    this.#copy = new Int32Array(board.end / Int32Array.BYTES_PER_ELEMENT)
    this.#last = viewOf(binding, this.#copy.buffer)
  }

  get unitPid(): number {
    return this.#handle.unitPid()
  }

  isLost(): boolean {
    return this.#handle.isLost()
  }

  get hasKilledFormer(): boolean {
    return this.#handle.hasKilledFormer()
  }

  peerMarks(): PeerMarks | undefined {
    return readPeerMarks(this.#handle.peerMarks())
  }

  view(): HeartbeatView {
    if (this.#words.length === 0) return this.#last
    for (let tries = 0; tries < mostTries; tries++) {
      if (!this.#tryCopy()) continue
      this.#last = viewOf(this.#binding, this.#copy.buffer)
      break
    }
    return this.#last
  }

  announce(presence: Uint8Array): void {
    this.#call(() => this.#handle.announce(presence))
  }

  setCounters(counters: Uint8Array): void {
    this.#call(() => this.#handle.setCounters(counters))
  }

  probe(): void {
    this.#call(() => this.#handle.probe())
  }

  setPeerHost(link: number, host: string): void {
    this.#call(() => this.#handle.setPeerHost(link, host))
  }

  openGate(): void {
    this.#call(() => this.#handle.openGate())
  }

  closeGate(): void {
    this.#handle.closeGate()
  }

  isGateOpen(): boolean {
    return this.#askGate()
  }

  arm(epoch: bigint): void {
    this.#call(() => this.#handle.arm(epoch))
  }

  disarm(): bigint {
    return this.#handle.disarm()
  }

  announceBlock(ms: number): void {
    this.#call(() => this.#handle.announceBlock(Math.ceil(ms)))
  }

  markFrame(frameNo: number): void {
    if (this.#words.length === 0) return
    // Twice a frame: the upper half is left alone while nothing stands in it.
    const high = frameNo < 2 ** 32 ? 0 : Math.floor(frameNo / 2 ** 32)
    if (high !== this.#markedHigh) {
      Atomics.store(this.#words, this.#frameHigh, high)
      this.#markedHigh = high
    }
    Atomics.store(this.#words, this.#frameLow, frameNo | 0)
  }

  statistics(since?: BeatStatistics): BeatStatistics {
    if (this.#words.length > 0) {
      const { facts } = this.#binding
      this.#statistics = readStatistics(this.#words.buffer, facts, this.#linkCount)
    }
    return since === undefined ? this.#statistics : between(since, this.#statistics)
  }

  close(): void {
    // What stands there at the end can still be read after it.
    this.view()
    this.statistics()
    this.#handle.close()
  }

  /** Copies the board; false when the beat thread wrote meanwhile. */
  #tryCopy(): boolean {
    const { sequence, end } = this.#binding.facts.board
    const at = sequence / Int32Array.BYTES_PER_ELEMENT
    const before = Atomics.load(this.#words, at)
    if (before % 2 !== 0) return false
    // By Atomics, word by word: only so is the order of these loads kept on every processor.
    const words = end / Int32Array.BYTES_PER_ELEMENT
    for (let i = 0; i < words; i++) this.#copy[i] = Atomics.load(this.#words, i)
    return Atomics.load(this.#words, at) === before
  }

  #call(act: () => void): void {
    native(act, () => 'the heartbeat refused')
  }
}
