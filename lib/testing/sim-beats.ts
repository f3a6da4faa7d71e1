/**
 * The beat thread of one simulated member behind `BeatsPort`, in virtual time.
 *
 * It says and judges what the native one does, as far as the rules can see it: sequence numbers and
 * their echoes, freshness by incarnation and sequence, silence counted in its own on-time ticks,
 * stalls, a gate that lapses. It stands still with its process (SIGSTOP): what arrives meanwhile
 * lies in the socket, and on waking the stall is noted before anything is read, as `BeatLoop::run`
 * does.
 */

import type { BeatsPort, BeatView } from '../runtime/ports-beats.js'
import { type Incarnation, millis } from '../units.js'
import type { SimBeat } from './sim-beat.js'
import type { SimTime } from './sim-time.js'
import { SimVouch } from './sim-vouch.js'

export interface SimBeatsOptions {
  /** Of the host. */
  readonly time: SimTime
  readonly self: Incarnation
  readonly intervalMs: number
  readonly windowMs: number
  readonly hangAfterMs: number
  readonly send: (beat: SimBeat) => void
  /** Rings the doorbell of the event loop. */
  readonly ring: () => void
}

const nothing = new Uint8Array(0)

export class SimBeats implements BeatsPort {
  /** Its unit is in its own process, and tells nothing after its death. */
  readonly peerMarks = () => undefined
  readonly #options: SimBeatsOptions
  readonly #vouch: SimVouch
  readonly #inbox: SimBeat[] = []
  #presence: Uint8Array | undefined
  #isStopped = false
  #isClosed = false
  #due = 0
  #lastWork = 0
  #ownSeq = 0
  #gateUntil = 0
  #stallCount = 0
  #gateLapses = 0
  /** The incarnation that has echoed one of our beats. */
  #known: Incarnation | undefined
  #highestSeq = 0
  #answeredSeq = 0
  #peerPresence: Uint8Array = nothing
  #peerVouchAgeMs = 0
  #isPeerBusy = false
  #peerInFrame = 0
  #echo: SimBeat['echo'] = { of: undefined, seq: 0 }
  #heardAt = 0
  #silentSince = 0
  #verdict: BeatView['verdict'] = 'none'
  #verdictAt = 0
  /** Every path to this incarnation is refused, and nobody has tried since. */
  #refused: Incarnation | undefined

  constructor(options: SimBeatsOptions) {
    this.#options = options
    this.#vouch = new SimVouch(options.hangAfterMs, () => this.#now)
    this.#due = this.#now
    this.#lastWork = this.#now
    this.#tick()
  }

  view(): BeatView {
    return {
      suspicion: this.#known === undefined ? 'unheard' : 'alive',
      verdict: this.#verdict,
      verdictAtMs: this.#verdictAt,
      peerIncarnation: this.#known ?? 0n,
      answeredSeq: BigInt(this.#answeredSeq),
      ownSeq: BigInt(this.#ownSeq),
      heardAtMs: this.#heardAt,
      presence: this.#peerPresence,
      stallCount: this.#stallCount,
      gateLapses: this.#gateLapses,
      sameMember: 0,
      refused: 0,
      roundTripMs: 0,
      linksUp: 1,
      peerVouchAgeMs: this.#peerVouchAgeMs,
      isPeerBusy: this.#isPeerBusy,
      peerInFrame: this.#peerInFrame,
      renouncedNatively: this.#vouch.renounced,
    }
  }

  announce(presence: Uint8Array): void {
    this.#presence = presence
    this.#beat()
  }

  probe(): void {}

  setPeerHost(): void {}

  openGate(): void {
    if (this.#vouch.isFenced) return
    this.#gateUntil = this.#lastWork + this.#gateSpan
  }

  closeGate(): void {
    this.#gateUntil = 0
  }

  isGateOpen(): boolean {
    return this.#now < this.#gateUntil
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

  /** The event loop of this process stands still, while this thread goes on. */
  loopStands(): void {
    this.#vouch.loopStands()
    this.#watchLoop()
  }

  loopRuns(): void {
    this.#vouch.loopRuns()
  }

  close(): void {
    this.#isClosed = true
  }

  /** The process is stopped: the thread stands still. */
  stop(): void {
    this.#isStopped = true
  }

  /** The process goes on: a late tick, what lies in the socket included. */
  wake(): void {
    this.#isStopped = false
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
    if (this.#isStopped || this.#known !== incarnation) return
    if (this.#verdict === 'process-gone') return
    this.#find('process-gone')
    this.#options.ring()
  }

  get #now(): number {
    return this.#options.time.now()
  }

  get #gateSpan(): number {
    return this.#options.windowMs - this.#options.intervalMs
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
    const stalls = this.#stallCount + this.#gateLapses
    if (lateness > intervalMs / 2) {
      this.#silentSince = Math.min(now, this.#silentSince + lateness - intervalMs / 2)
    }
    if (now - this.#lastWork >= windowMs) this.#stallCount += 1
    if (lateness > intervalMs / 2) this.#vouch.slept(lateness)
    const hasHeard = this.#read()
    const hasFound = this.#judge(now)
    if (this.#gateUntil > 0 && now >= this.#gateUntil) {
      this.#gateUntil = 0
      this.#gateLapses += 1
    }
    this.#lastWork = now
    if (this.#gateUntil > 0) this.#gateUntil = now + this.#gateSpan
    this.#due = now + intervalMs
    this.#beat()
    if (hasHeard || hasFound || stalls !== this.#stallCount + this.#gateLapses) ring()
  }

  #judge(now: number): boolean {
    const isOpen = this.#verdict === 'none' || this.#verdict === 'hung'
    if (this.#known === undefined || !isOpen) return false
    if (now - this.#silentSince < this.#options.windowMs) return false
    this.#find('unreachable')
    return true
  }

  /** At the moment at which its own loop is found hung, the other is to know. */
  #watchLoop(): void {
    const at = this.#vouch.hungAt
    if (at === undefined) return
    this.#options.time.setQuietTimer(millis(Math.max(0, at - this.#now)), () => {
      const due = this.#vouch.hungAt
      if (due === undefined || this.#isClosed) return
      if (due > this.#now + 1e-6) return this.#watchLoop()
      if (this.#isStopped) return
      this.#beat()
      this.#renounceIfAsked()
    })
  }

  /** Gives the reign up when the other asks for it and this member may: says so at once. */
  #renounceIfAsked(): boolean {
    if (!this.#vouch.mayRenounce(this.#presence, this.#peerPresence)) return false
    this.#gateUntil = 0
    this.#beat()
    this.#options.ring()
    return true
  }

  #find(verdict: BeatView['verdict']): void {
    this.#verdict = verdict
    this.#verdictAt = this.#now
  }

  /** Takes what lies in the socket. True: something that the event loop waits for. */
  #read(): boolean {
    let isNews = false
    for (const beat of this.#inbox.splice(0)) isNews = this.#hear(beat) || isNews
    return isNews
  }

  #hear(beat: SimBeat): boolean {
    const isKnown = beat.from === this.#known
    if (isKnown && beat.seq <= this.#highestSeq) return false
    const isFirstWord = this.#echo.of !== beat.from
    this.#echo = { of: beat.from, seq: beat.seq }
    if (isFirstWord) this.#beat()
    if (beat.echo.of !== this.#options.self) return false
    if (isKnown && this.#verdict === 'process-gone') return false
    const verdict = beat.vouchAgeMs >= this.#vouch.hangAfterMs ? 'hung' : 'none'
    const isNews =
      !isKnown ||
      this.#verdict !== verdict ||
      this.#isPeerBusy !== beat.isBusy ||
      Buffer.compare(beat.presence, this.#peerPresence) !== 0
    this.#known = beat.from
    this.#highestSeq = beat.seq
    this.#answeredSeq = beat.echo.seq
    this.#peerPresence = beat.presence
    this.#heardAt = this.#now
    this.#silentSince = this.#now
    this.#peerVouchAgeMs = beat.vouchAgeMs
    this.#isPeerBusy = beat.isBusy
    this.#peerInFrame = beat.frameNo
    if (verdict !== 'hung') this.#verdict = 'none'
    else if (this.#verdict !== 'hung') this.#find('hung')
    return this.#renounceIfAsked() || isNews
  }

  #beat(): void {
    if (this.#presence === undefined || this.#isStopped || this.#isClosed) return
    this.#ownSeq += 1
    this.#options.send({
      from: this.#options.self,
      seq: this.#ownSeq,
      echo: this.#echo,
      presence: this.#vouch.overlay(this.#presence),
      vouchAgeMs: this.#vouch.ageMs,
      isBusy: this.#vouch.isBusy,
      frameNo: this.#vouch.frameNo,
    })
  }
}
