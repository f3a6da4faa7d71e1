/**
 * The beats of a member whose unit is a process of its own.
 *
 * While the unit lives its beat thread sends them, and outlives this process. When the unit ends,
 * this process sends them itself, at once and under the same incarnation: the other member hears a
 * connection end, asks, and is answered, so no role changes. A new unit is started behind that, and
 * takes over again. The rules see one `BeatsPort` all the time.
 */

import { reasonOf } from '../errors.js'
import { between, together } from '../native/beat-statistics.js'
import type { Heartbeat, HeartbeatView } from '../native/heartbeat.js'
import type { BeatStatistics, BeatsPort, MarksPort, PeerMarks } from '../runtime/ports-beats.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'
import { type BeatsPlaces, type Carried, startAfter, stillKnown } from './beats-places.js'

export interface UnitBeatsOptions {
  readonly clock: ClockPort
  readonly heartbeatMs: number
  readonly places: BeatsPlaces
  /** The beats are sent by another process than before. */
  readonly moved: (place: 'embedded' | 'process', reason: string) => void
  /** Nobody sends them for longer than a unit takes to end. Told once until somebody does. */
  readonly stuck: (error: unknown) => void
  /** There may be something new to see. */
  readonly ring: () => void
}

/** Between two tries while the unit that ends still holds a port, doubled up to the longest. */
const firstBindMs = 2
const longestBindMs = 256
/** Until a lost unit is started again, and between tries, doubled up to the longest. */
const firstRestartMs = 1_000
const longestRestartMs = 30_000
/** How long a unit that was started may take until it listens. */
const startupMs = 500

const noStatistics: BeatStatistics = { isRealtime: false, links: [] }

export class UnitBeats implements BeatsPort {
  readonly #options: UnitBeatsOptions
  readonly marks: MarksPort = {
    reign: (epoch, sent) => this.#at?.marks.reign(epoch, sent),
    begun: (channel, number) => this.#at?.marks.begun(channel, number),
    sent: (channel, number) => this.#at?.marks.sent(channel, number),
    end: () => this.#at?.marks.end(),
  }
  /** Undefined while a new unit could not be joined and the ports are not free again. */
  #at: Heartbeat | undefined
  #last: HeartbeatView
  #peerMarks: PeerMarks | undefined
  #isAtUnit = true
  #isClosed = false
  #presence: Uint8Array | undefined
  /** As the rules have it. */
  #wantsOpen = false
  #armed = 0n
  /** Renounced natively where nobody looks any more. */
  #renounced = 0n
  readonly #hosts = new Map<number, string>()
  /** What former places have shown. */
  #renouncedBefore = 0n
  #statistics = noStatistics
  #lapses = 0
  #stalls = 0
  #retry: Timer | undefined
  #bindMs = firstBindMs
  #restartMs = firstRestartMs

  /** `current`: at the unit, which was joined. */
  constructor(options: UnitBeatsOptions, current: Heartbeat) {
    this.#options = options
    this.#at = current
    this.#last = current.view()
  }

  /** The doorbell of the present place has rung. */
  rung(): void {
    const isLost = this.#isAtUnit && this.#at?.isLost() === true
    if (isLost && !this.#isClosed && this.#retry === undefined) this.#fallBack()
    this.#options.ring()
  }

  view(): HeartbeatView {
    const view = this.#seen(this.#at?.view() ?? this.#last)
    return {
      ...view,
      renouncedNatively: view.renouncedNatively || this.#renouncedBefore,
      gateLapses: view.gateLapses + this.#lapses,
      stallCount: view.stallCount + this.#stalls,
    }
  }

  #seen(view: HeartbeatView): HeartbeatView {
    return stillKnown(view, this.#last)
  }

  /** 0 while this process sends the beats. */
  get unitPid(): number {
    return this.#isAtUnit ? (this.#at?.unitPid ?? 0) : 0
  }

  /** The server before this one hung, and the unit has killed it. */
  get hasKilledFormer(): boolean {
    return this.#isAtUnit && this.#at?.hasKilledFormer === true
  }

  peerMarks(): PeerMarks | undefined {
    return this.#at?.peerMarks() ?? this.#peerMarks
  }

  announce(presence: Uint8Array): void {
    this.#presence = presence
    this.#at?.announce(presence)
  }

  probe(): void {
    this.#at?.probe()
  }

  setPeerHost(link: number, host: string): void {
    this.#hosts.set(link, host)
    this.#at?.setPeerHost(link, host)
  }

  openGate(): void {
    this.#wantsOpen = true
    this.#at?.openGate()
  }

  closeGate(): void {
    this.#wantsOpen = false
    this.#at?.closeGate()
  }

  isGateOpen(): boolean {
    return this.#at?.isGateOpen() ?? false
  }

  arm(epoch: bigint): void {
    this.#armed = epoch
    this.#at?.arm(epoch)
  }

  disarm(): bigint {
    this.#armed = 0n
    const renounced = this.#renounced
    this.#renounced = 0n
    const now = this.#at?.disarm() ?? 0n
    return now === 0n ? renounced : now
  }

  announceBlock(ms: number): void {
    this.#at?.announceBlock(ms)
  }

  markFrame(frameNo: number): void {
    this.#at?.markFrame(frameNo)
  }

  /** Of all places together, so that a later look never shows less than an earlier one. */
  statistics(since?: BeatStatistics): BeatStatistics {
    const present = this.#at?.statistics() ?? noStatistics
    const all = together(this.#statistics, present)
    return since === undefined ? all : between(since, all)
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.clear()
    this.#at?.close()
  }

  /** The unit has ended: its ports are free now, or will be when it is wholly gone. */
  #fallBack(): void {
    const former = this.#at
    if (former === undefined) return
    this.#openHere(
      () => this.#options.places.here(startAfter(this.#seen(former.view()))),
      // Until then its gate goes on by its own time.
      () => this.#leave(former),
      'the unit has ended, or the connection to it',
    )
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
    const { clock, places, moved, ring } = this.#options
    this.#retry = undefined
    if (this.#at === undefined) return
    const leftAt = clock.now()
    const carried = this.#leave(this.#at)
    this.#at = undefined
    // The gate that was left was open for a beat longer at least: the window has three of them, one
    // was its margin, and its last beat was younger than one. Later it would have lapsed.
    const take = () => ({
      ...carried,
      isOpen: carried.isOpen && clock.now() - leftAt < this.#options.heartbeatMs,
    })
    try {
      this.#arrive(places.atUnit(carried.start), take)
      this.#isAtUnit = true
      this.#restartMs = firstRestartMs
      moved('process', 'a new unit was started')
    } catch (error) {
      const why = `no unit could be joined: ${reasonOf(error)}`
      this.#openHere(() => places.here(carried.start), take, why)
    }
    ring()
  }

  /** This process sends the beats, as soon as it can have the ports. */
  #openHere(open: () => Heartbeat, take: () => Carried, why: string): void {
    const { clock, moved, ring, stuck } = this.#options
    this.#retry = undefined
    let opened: Heartbeat
    try {
      opened = open()
    } catch (error) {
      if (this.#bindMs === longestBindMs) stuck(error)
      const wait = millis(Math.min(this.#bindMs, longestBindMs))
      this.#bindMs *= 2
      this.#retry = clock.setTimer(wait, () => this.#openHere(open, take, why))
      return
    }
    this.#bindMs = firstBindMs
    this.#isAtUnit = false
    this.#arrive(opened, take)
    moved('embedded', why)
    this.#restart()
    ring()
  }

  /** Ends the beats at a place; returns what goes along to the next. */
  #leave(former: Heartbeat): Carried {
    const view = this.#seen(former.view())
    const isOpen = former.isGateOpen()
    const renounced = former.disarm()
    if (renounced !== 0n) this.#renounced = renounced
    if (view.renouncedNatively !== 0n) this.#renouncedBefore = view.renouncedNatively
    this.#lapses += view.gateLapses
    this.#stalls += view.stallCount
    this.#last = { ...view, gateLapses: 0, stallCount: 0, renouncedNatively: 0n }
    this.#peerMarks = former.peerMarks() ?? this.#peerMarks
    const marks = former.marks.copy()
    former.close()
    // Those that it had at its end.
    this.#statistics = together(this.#statistics, former.statistics())
    return { start: startAfter(view), isOpen, marks }
  }

  /** Goes on at `next` from where the former place stood. */
  #arrive(next: Heartbeat, take: () => Carried): void {
    const { isOpen, marks } = take()
    this.#at = next
    next.marks.restore(marks)
    for (const [link, host] of this.#hosts) next.setPeerHost(link, host)
    if (this.#presence) next.announce(this.#presence)
    if (this.#wantsOpen && isOpen) next.openGate()
    // It has expired while nobody beat: as after any stall the rules must know.
    else if (this.#wantsOpen) this.#lapses += 1
    if (this.#renounced === 0n) next.arm(this.#armed)
  }
}
