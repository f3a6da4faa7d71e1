/**
 * The beats of a member whose unit is a process of its own.
 *
 * While the unit lives its beat thread sends them, and outlives this process. When the unit ends,
 * this process sends them itself, at once and under the same incarnation: the other member hears a
 * connection end, asks, and is answered, so no role changes. A new unit is started behind that, and
 * takes over again. The rules see one `BeatsPort` all the time.
 */

import { reasonOf } from '../errors.js'
import type { Heartbeat, HeartbeatView } from '../native/heartbeat.js'
import type { BeatStatistics, BeatsPort, MarksPort, PeerMarks } from '../runtime/ports-beats.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'

/** Opens the beats; `firstSeq`: no packet that was sent before has a higher number. */
export interface BeatsPlaces {
  here(firstSeq: bigint): Heartbeat
  atUnit(firstSeq: bigint): Heartbeat
  /** Starts a unit, which listens a little later. */
  startUnit(): void
}

export interface UnitBeatsOptions {
  readonly clock: ClockPort
  readonly places: BeatsPlaces
  /** The beats are sent by another process than before. */
  readonly moved: (place: 'embedded' | 'process', reason: string) => void
  /** There may be something new to see. */
  readonly ring: () => void
}

/** Packets that may have left since their number was read: a thousand a ms would be too many. */
const seqMargin = 1n << 32n
/** Between two tries while a port is still held by the unit that ends. */
const bindRetryMs = 2
/** Until a lost unit is started again, and between tries, doubled up to the longest. */
const firstRestartMs = 1_000
const longestRestartMs = 30_000
/** How long a unit that was started may take until it listens. */
const startupMs = 500

export class UnitBeats implements BeatsPort {
  readonly #options: UnitBeatsOptions
  readonly marks: MarksPort = {
    reign: (epoch, sent) => this.#current.marks.reign(epoch, sent),
    begun: (channel, number) => this.#current.marks.begun(channel, number),
    sent: (channel, number) => this.#current.marks.sent(channel, number),
    end: () => this.#current.marks.end(),
  }
  #current: Heartbeat
  #isAtUnit = true
  #isClosed = false
  #presence: Uint8Array | undefined
  #armed = 0n
  /** Renounced natively where nobody looks any more. */
  #renounced = 0n
  readonly #hosts = new Map<number, string>()
  /** What former places have shown. */
  #renouncedBefore = 0n
  #lapses = 0
  #stalls = 0
  #retry: Timer | undefined
  #restartMs = firstRestartMs

  /** `current`: at the unit, which was joined. */
  constructor(options: UnitBeatsOptions, current: Heartbeat) {
    this.#options = options
    this.#current = current
  }

  /** The doorbell of the present place has rung. */
  rung(): void {
    if (this.#isAtUnit && this.#current.isLost() && !this.#isClosed) this.#fallBack()
    this.#options.ring()
  }

  view(): HeartbeatView {
    const view = this.#current.view()
    return {
      ...view,
      renouncedNatively: view.renouncedNatively || this.#renouncedBefore,
      gateLapses: view.gateLapses + this.#lapses,
      stallCount: view.stallCount + this.#stalls,
    }
  }

  /** 0 while this process sends the beats. */
  get unitPid(): number {
    return this.#isAtUnit ? this.#current.unitPid : 0
  }

  peerMarks(): PeerMarks | undefined {
    return this.#current.peerMarks()
  }

  announce(presence: Uint8Array): void {
    this.#presence = presence
    this.#current.announce(presence)
  }

  probe(): void {
    this.#current.probe()
  }

  setPeerHost(link: number, host: string): void {
    this.#hosts.set(link, host)
    this.#current.setPeerHost(link, host)
  }

  openGate(): void {
    this.#current.openGate()
  }

  closeGate(): void {
    this.#current.closeGate()
  }

  isGateOpen(): boolean {
    return this.#current.isGateOpen()
  }

  arm(epoch: bigint): void {
    this.#armed = epoch
    this.#current.arm(epoch)
  }

  disarm(): bigint {
    this.#armed = 0n
    const renounced = this.#renounced
    this.#renounced = 0n
    const now = this.#current.disarm()
    return now === 0n ? renounced : now
  }

  announceBlock(ms: number): void {
    this.#current.announceBlock(ms)
  }

  markFrame(frameNo: number): void {
    this.#current.markFrame(frameNo)
  }

  statistics(since?: BeatStatistics): BeatStatistics {
    return this.#current.statistics(since)
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.clear()
    this.#current.close()
  }

  /** The unit has ended: its ports are free now, or will be when it is wholly gone. */
  #fallBack(): void {
    try {
      this.#move((firstSeq) => this.#options.places.here(firstSeq))
    } catch {
      this.#retry = this.#options.clock.setTimer(millis(bindRetryMs), () => this.rung())
      return
    }
    this.#isAtUnit = false
    this.#options.moved('embedded', 'the unit has ended')
    this.#restart()
  }

  #restart(): void {
    const { clock, places } = this.#options
    this.#retry = clock.setTimer(millis(this.#restartMs), () => {
      this.#restartMs = Math.min(2 * this.#restartMs, longestRestartMs)
      places.startUnit()
      this.#retry = clock.setTimer(millis(startupMs), () => this.#return())
    })
  }

  /** To the new unit: it binds the ports that this process holds, so those are let go first. */
  #return(): void {
    const { places, moved, ring } = this.#options
    const firstSeq = this.#current.view().ownSeq + seqMargin
    const wasOpen = this.#current.isGateOpen()
    const marks = this.#current.marks.copy()
    try {
      this.#move((seq) => {
        this.#current.close()
        return places.atUnit(seq)
      })
      this.#isAtUnit = true
      this.#restartMs = firstRestartMs
      moved('process', 'a new unit was started')
    } catch (error) {
      this.#current = places.here(firstSeq)
      this.#restore(wasOpen, marks)
      moved('embedded', `no unit could be joined: ${reasonOf(error)}`)
      this.#restart()
    }
    ring()
  }

  /** Goes on at another place from where the present one stands. */
  #move(open: (firstSeq: bigint) => Heartbeat): void {
    const former = this.#current
    const view = former.view()
    const wasOpen = former.isGateOpen()
    const renounced = former.disarm()
    const marks = former.marks.copy()
    const next = open(view.ownSeq + seqMargin)
    former.close()
    this.#current = next
    if (view.renouncedNatively !== 0n) this.#renouncedBefore = view.renouncedNatively
    this.#lapses += view.gateLapses
    this.#stalls += view.stallCount
    if (renounced !== 0n) this.#renounced = renounced
    this.#restore(wasOpen, marks)
  }

  #restore(wasOpen: boolean, marks: Float64Array): void {
    this.#current.marks.restore(marks)
    for (const [link, host] of this.#hosts) this.#current.setPeerHost(link, host)
    if (this.#presence) this.#current.announce(this.#presence)
    if (wasOpen) this.#current.openGate()
    if (this.#renounced === 0n) this.#current.arm(this.#armed)
  }
}
