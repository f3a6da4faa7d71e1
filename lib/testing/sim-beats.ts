/**
 * The beat thread of one simulated member behind `Heartbeat`, in virtual time, with the words that
 * it shares with the server: in the server's process, or in that of its unit.
 *
 * It says and judges what the native one does, as far as the rules can see it: sequence numbers and
 * their echoes, freshness by incarnation and sequence, silence counted in its own on-time ticks,
 * stalls, a gate that lapses. It stands still with its process (SIGSTOP): what arrives meanwhile
 * is read when the stall was noted, as `BeatLoop::run` does. The words outlive the process that it
 * ran in: the gate goes on by its own time.
 */

import type { Heartbeat, HeartbeatView } from '../native/heartbeat.js'
import type { SentMarks } from '../native/sent-marks.js'
import type { BeatStatistics, PeerMarks } from '../runtime/ports-beats.js'
import { type Incarnation, millis } from '../units.js'
import type { SimBeat, SimBeatsOptions } from './sim-beat.js'
import { SimGate } from './sim-gate.js'
import { SimHeard } from './sim-heard.js'
import { readMarks, simMarks } from './sim-marks.js'
import { SimVouch } from './sim-vouch.js'

export class SimBeats implements Heartbeat {
  readonly marks: SentMarks = simMarks()
  readonly unitPid: number
  readonly #options: SimBeatsOptions
  readonly #vouch: SimVouch
  readonly #heard: SimHeard
  readonly #gate: SimGate
  readonly #inbox: SimBeat[] = []
  #presence: Uint8Array | undefined
  #isStopped = false
  #isClosed = false
  /** Its process has ended, and its server has learnt that. */
  #isLost = false
  /** The server is dead, and the beats say so. */
  #isGone = false
  #hasToldGone = false
  #due = 0
  #lastWork = 0
  #ownSeq: number
  #stallCount = 0
  /** Every path to this incarnation is refused, and nobody has tried since. */
  #refused: Incarnation | undefined

  constructor(options: SimBeatsOptions) {
    const { self, known, windowMs, intervalMs, hangAfterMs, startsInMs, time } = options
    this.#options = options
    const now = () => this.#now
    this.unitPid = options.unitPid
    this.#ownSeq = options.firstSeq
    this.#vouch = new SimVouch(hangAfterMs, now)
    const own = { now, self, answer: () => this.#beat() }
    this.#heard = new SimHeard({ ...own, known, windowMs, hangAfterMs })
    this.#due = this.#now + startsInMs
    this.#lastWork = this.#due
    this.#gate = new SimGate(now, windowMs - intervalMs, this.#due)
    this.#isStopped = startsInMs > 0
    if (!this.#isStopped) this.#tick()
    else
      time.setQuietTimer(millis(startsInMs), () => {
        this.#isStopped = false
        this.#beat()
        this.#tick()
      })
  }

  get self(): Incarnation {
    return this.#options.self
  }

  get isBeating(): boolean {
    return !this.#isStopped && !this.#isClosed && !this.#isGone
  }

  isLost(): boolean {
    return this.#isLost
  }

  peerMarks(): PeerMarks | undefined {
    return this.#heard.marks
  }

  statistics(): BeatStatistics {
    return { isRealtime: false, links: [] }
  }

  view(): HeartbeatView {
    return {
      ...this.#heard.view(),
      ownSeq: BigInt(this.#ownSeq),
      stallCount: this.#stallCount,
      gateLapses: this.#gate.lapses,
      renouncedNatively: this.#vouch.renounced,
    }
  }

  announce(presence: Uint8Array): void {
    this.#presence = presence
    this.#beat()
  }

  probe(): void {}
  setPeerHost(): void {}
  setCounters(): void {}

  openGate(): void {
    if (!this.#vouch.isFenced) this.#gate.open()
  }

  closeGate(): void {
    this.#gate.shut()
  }

  isGateOpen(): boolean {
    return this.#gate.isOpen
  }

  arm(epoch: bigint): void {
    this.#vouch.arm(epoch)
  }

  disarm(): bigint {
    return this.#vouch.disarm()
  }

  announceBlock(ms: number): void {
    this.#vouch.announceBlock(ms)
  }

  markFrame(frameNo: number): void {
    this.#vouch.frameNo = frameNo
  }

  /**
   * The server's event loop stands still, while this thread goes on; `unseenMs`: it takes so long
   * until that counts, because nobody in the server says how long the loop had waited.
   */
  loopStands(unseenMs = 0): void {
    this.#vouch.loopStands(unseenMs)
    this.#watchLoop()
  }

  loopRuns(): void {
    this.#vouch.loopRuns()
  }

  close(): void {
    this.closeGate()
    if (this.#isClosed) return
    this.#isClosed = true
    this.#options.closed()
  }

  /** The process that it runs in is killed: nothing goes out or comes in any more. */
  end(): void {
    this.#isClosed = true
  }

  /** The server has learnt that its unit has ended. */
  lose(): void {
    this.#isLost = true
    this.#options.ring()
  }

  /**
   * The unit has seen the server die: the gate is shut, the marks go out, then beats that say so.
   */
  serverGone(): void {
    if (this.#isGone || this.#isClosed) return
    this.#isGone = true
    this.#gate.shut()
    this.#tellGone()
  }

  /** The process is stopped: the thread stands still. */
  stop(): void {
    this.#isStopped = true
  }

  /** The process goes on: a late tick, what lies in the socket included. */
  wake(): void {
    this.#isStopped = false
    this.#tellGone()
    this.#work()
    if (this.#refused !== undefined) this.findGone(this.#refused)
  }

  /** A beat arrives at this process. */
  arrive(beat: SimBeat): void {
    this.#inbox.push(beat)
    if (this.#isStopped || this.#isClosed) return
    if (this.#read()) this.#options.ring()
  }

  /** Every path to `incarnation` is refused. */
  findGone(incarnation: Incarnation): void {
    // A thread that stands still probes when it goes on.
    this.#refused = this.#isStopped ? incarnation : undefined
    if (!this.#isStopped && this.#heard.isFoundGone(incarnation)) this.#options.ring()
  }

  get #now(): number {
    return this.#options.time.now()
  }

  #tick(): void {
    const { time, intervalMs } = this.#options
    time.setQuietTimer(millis(intervalMs), () => {
      if (this.#isClosed) return
      if (!this.#isStopped) this.#work()
      this.#tick()
    })
  }

  #work(): void {
    if (this.#isClosed) return
    const { intervalMs, windowMs, ring } = this.#options
    const now = this.#now
    const lateness = now - this.#due
    const stalls = this.#stallCount + this.#gate.lapses
    if (lateness > intervalMs / 2) this.#heard.excuse(lateness - intervalMs / 2)
    if (now - this.#lastWork >= windowMs) this.#stallCount += 1
    if (lateness > intervalMs / 2) this.#vouch.slept(lateness)
    const hasHeard = this.#read()
    const hasFound = this.#heard.isFoundSilent()
    this.#gate.renew()
    this.#lastWork = now
    this.#due = now + intervalMs
    this.#beat()
    if (hasHeard || hasFound || stalls !== this.#stallCount + this.#gate.lapses) ring()
  }

  /** At the moment at which its own loop is found hung, the other is to know. */
  #watchLoop(): void {
    const at = this.#vouch.hungAt
    if (at === undefined) return
    this.#options.time.setQuietTimer(millis(Math.max(0, at - this.#now)), () => {
      const due = this.#vouch.hungAt
      if (due === undefined || this.#isClosed || this.#isGone) return
      if (due > this.#now + 1e-6) return this.#watchLoop()
      if (this.#isStopped) return
      this.#beat()
      this.#renounceIfAsked()
    })
  }

  /** Gives the reign up when the other asks for it and this member may: says so at once. */
  #renounceIfAsked(): boolean {
    if (!this.#vouch.mayRenounce(this.#presence, this.#heard.presence)) return false
    this.#gate.shut()
    this.#beat()
    this.#options.ring()
    return true
  }

  /** Takes what lies in the socket. True: something that the event loop waits for. */
  #read(): boolean {
    let isNews = false
    for (const beat of this.#inbox.splice(0)) {
      const found = this.#heard.hear(beat)
      if (found === 'nothing') continue
      isNews = this.#renounceIfAsked() || found === 'news' || isNews
      const own = this.#presence
      if (own && this.#vouch.isSuperseded(own, this.#heard, this.#gate)) this.#options.superseded()
    }
    return isNews
  }

  /** Once, as soon as this thread runs. */
  #tellGone(): void {
    const isDue = this.#isGone && !this.#hasToldGone && !this.#isStopped && !this.#isClosed
    if (!isDue || this.#presence === undefined) return
    this.#hasToldGone = true
    this.#vouch.diedIn(this.#presence)
    const marks = readMarks(this.marks, this.#options.self)
    if (marks === undefined) return this.#beat()
    const words = this.#compose(this.#presence, marks)
    this.#options.send(words, this.#compose(this.#presence))
  }

  #beat(): void {
    if (this.#presence === undefined || this.#isStopped || this.#isClosed) return
    this.#options.send(this.#compose(this.#presence))
  }

  #compose(presence: Uint8Array, marks?: PeerMarks): SimBeat {
    this.#ownSeq += 1
    return {
      from: this.#options.self,
      seq: this.#ownSeq,
      echo: this.#heard.echo,
      presence: this.#vouch.overlay(presence),
      vouchAgeMs: this.#vouch.ageMs,
      isBusy: this.#vouch.isBusy,
      frameNo: this.#vouch.frameNo,
      isGone: this.#isGone,
      marks,
    }
  }
}
