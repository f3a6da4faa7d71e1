/**
 * A pair in one process and in virtual time: the shipped rules, runtime, unit, sync and server,
 * twice.
 *
 * What is simulated is only what lies outside them: the network between the members, the beat
 * threads, the clock, the outbox and the serializer (their plain counterparts). Faults are methods
 * here: kill, stop and wake, break the connection. A run is a function of the options' `random`.
 */

import type { PairError } from '../errors.js'
import type { App as Application, Limits } from '../options.js'
import type { Told } from '../runtime/ports.js'
import type { SnapshotPort } from '../runtime/ports-outbox.js'
import type { ServerOptions, TakeoverReport } from '../runtime/ports-server.js'
import {
  type Incarnation,
  incarnationOf,
  type MemberId,
  type Millis,
  millis,
  peerOf,
} from '../units.js'
import { SimBeats } from './sim-beats.js'
import { SimLink } from './sim-link.js'
import { SimMember } from './sim-member.js'
import { SimNet } from './sim-net.js'
import { type Drift, SimTime } from './sim-time.js'
import type { SimWraps } from './sim-wraps.js'
import type { VirtualClock } from './virtual-clock.js'

/** What one pair of a simulation is like. */
export interface SimOptions<State> {
  readonly clock: VirtualClock
  /** 0 ≤ number < 1; the only randomness of a run. */
  readonly random: () => number
  readonly app: (member: SimMember<State>) => Application<State>
  readonly limits: Limits
  readonly snapshot: SnapshotPort
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly hangAfterMs: number
  readonly ackTimeoutMs: number
  readonly deliverTimeoutMs: number
  readonly inFlight: number
  readonly onLoss: 'wait' | 'go'
  /** Frames from one digest of the state to the next. Default 50: many in a short run. */
  readonly digestEvery?: number
  readonly onSuspect: 'retry' | 'skip' | 'halt'
  readonly onStuckDeliver: 'retry' | 'switch'
  readonly inDoubt: ServerOptions<State>['inDoubt']
  /** One way on the data connection, and for a beat: drawn anew each time. */
  readonly linkDelay: () => Millis
  readonly beatDelay: () => Millis
  /** See `SimNetOptions`. */
  readonly beatLoss: number
  readonly beatDuplicates: number
  readonly mostBeatsLostInRow: number
  /** How the clocks of the two hosts run. */
  readonly drift: Readonly<Record<MemberId, Drift>>
  /** See `SimLinkOptions`. */
  readonly pieceMs: number
  readonly highWaterPieces: number
  /** From a death, seen from the other side, to the verdict `process-gone`. */
  readonly detectMs: number
  /** Something else in the place of shipped parts. */
  readonly wraps?: SimWraps<State>
  readonly onFault?: (member: SimMember<State>, error: PairError) => void
  readonly onTakeover?: (member: SimMember<State>, report: TakeoverReport) => void
  readonly onEvent?: (member: SimMember<State>, event: Told) => void
}

export class SimPair<State> {
  readonly options: SimOptions<State>
  readonly net: SimNet
  readonly #members = new Map<MemberId, SimMember<State>>()
  /** The living ones. */
  members: readonly SimMember<State>[] = []
  readonly #times: Readonly<Record<MemberId, SimTime>>
  /** Dead incarnations whose end could not be seen from the other side. */
  readonly #unseen = new Set<{ readonly id: MemberId; readonly incarnation: Incarnation }>()
  readonly #word = new BigUint64Array(1)
  readonly #halves = new Uint32Array(this.#word.buffer)
  #link: SimLink | undefined
  #isDialling = false

  constructor(options: SimOptions<State>) {
    this.options = options
    const { clock, random, drift } = options
    this.net = new SimNet({
      clock,
      random,
      delay: options.beatDelay,
      loss: options.beatLoss,
      duplicates: options.beatDuplicates,
      mostLostInRow: options.mostBeatsLostInRow,
    })
    this.#times = { a: new SimTime(clock, drift.a), b: new SimTime(clock, drift.b) }
  }

  /** The clocks of the host of `id`. */
  timeOf(id: MemberId): SimTime {
    return this.#times[id]
  }

  /** The living incarnation of `id`. */
  member(id: MemberId): SimMember<State> | undefined {
    return this.#members.get(id)
  }

  /** The member that rules, if exactly one does. */
  get primary(): SimMember<State> | undefined {
    const [one, other] = this.members
    if (one?.role !== 'primary') return other?.role === 'primary' ? other : undefined
    return other?.role === 'primary' ? undefined : one
  }

  /** Both believe it, and neither has a reason to doubt. */
  get isPaired(): boolean {
    const { primary } = this
    const ruling = primary?.state
    const state = primary && this.member(peerOf(primary.id))?.state
    return (
      ruling?.role === 'primary' &&
      ruling.mode === 'paired' &&
      ruling.distrustsBefore === undefined &&
      state?.role === 'standby' &&
      state.epoch === ruling.epoch &&
      state.distrustsBefore === undefined
    )
  }

  start(id: MemberId): SimMember<State> {
    const member = new SimMember(this, id, incarnationOf(this.random64()))
    this.#members.set(id, member)
    this.members = [...this.#members.values()]
    member.open()
    return member
  }

  /** kill -9. */
  kill(id: MemberId): void {
    const member = this.member(id)
    if (member === undefined) return
    this.#members.delete(id)
    this.members = [...this.#members.values()]
    member.die()
    this.#link?.endOf(member)
    const { clock, detectMs, beatDelay } = this.options
    const dead = { id, incarnation: member.incarnation }
    clock.setTimer(millis(beatDelay() + detectMs), () => this.#tellGone(dead))
  }

  /** SIGSTOP, and SIGCONT after `ms`. */
  stall(id: MemberId, ms: number): void {
    const member = this.member(id)
    if (member === undefined) return
    member.stop()
    this.options.clock.setTimer(millis(ms), () => {
      member.wake()
      this.dial()
    })
  }

  /** The event loop of `id` stands still for `ms`; its beats go on. */
  block(id: MemberId, ms: number): void {
    const member = this.member(id)
    if (member === undefined) return
    member.block()
    this.options.clock.setTimer(millis(ms), () => {
      member.unblock()
      this.dial()
    })
  }

  /** Each thing that `id` does takes `each` ms, for `ms`. */
  slow(id: MemberId, each: number, ms: number): void {
    const member = this.member(id)
    if (member === undefined) return
    member.slow(each)
    this.options.clock.setTimer(millis(ms), () => member.slow(0))
  }

  /** The data connection breaks; beats still go. */
  breakLink(): void {
    this.#link?.cut()
  }

  /** Nothing gets from `from` to the other member until `heal`. */
  cutFrom(from: MemberId): void {
    this.net.cutFrom(from)
    this.#link?.holdBack(from)
  }

  heal(from: MemberId): void {
    this.net.heal(from)
    this.#link?.letThrough(from)
    for (const dead of this.#unseen) this.#tellGone(dead)
    this.dial()
  }

  /** Connects, after a pause, if both are there and nothing stands between them. */
  dial(): void {
    if (this.#isDialling) return
    this.#isDialling = true
    const { clock, random, linkDelay } = this.options
    clock.setTimer(millis(random() * 10 + 2 * linkDelay()), () => {
      this.#isDialling = false
      this.#connect()
    })
  }

  random64(): bigint {
    const { random } = this.options
    this.#halves[1] = random() * 2 ** 32
    this.#halves[0] = random() * 2 ** 32
    return (this.#word[0] ?? 0n) | 1n
  }

  makeBeats(of: SimMember<State>, ring: () => void): SimBeats {
    const { clock, heartbeatMs, windowMs, hangAfterMs } = this.options
    return new SimBeats({
      time: this.timeOf(of.id),
      self: of.incarnation,
      intervalMs: heartbeatMs,
      windowMs,
      hangAfterMs,
      ring: () => clock.nextTurn(ring),
      send: (beat) => {
        this.net.carry(of.id, () => this.member(peerOf(of.id))?.beats.arrive(beat))
      },
    })
  }

  /** The other side probes every path and is refused on all, if anything gets there and back. */
  #tellGone(dead: { readonly id: MemberId; readonly incarnation: Incarnation }): void {
    if (!this.net.isWhole) {
      this.#unseen.add(dead)
      return
    }
    this.#unseen.delete(dead)
    this.member(peerOf(dead.id))?.beats.findGone(dead.incarnation)
  }

  #connect(): void {
    const [a, b] = [this.member('a'), this.member('b')]
    if (a === undefined || b === undefined) return
    if (!(a.isRunning && b.isRunning) || a.isLinked || b.isLinked) return this.#again()
    if (!this.net.isWhole) return
    if (this.#link && !this.#link.isOver) return this.#again()
    if (a.role === 'stopped' || b.role === 'stopped') return
    const { clock, random, linkDelay, pieceMs, highWaterPieces } = this.options
    const options = { clock, random, delay: linkDelay, pieceMs, highWaterPieces }
    this.#link = new SimLink(a, b, options)
  }

  /** One end still has to notice, or cannot take part: tried again. */
  #again(): void {
    const ends = this.members.filter(({ isLinked }) => isLinked).length
    if (ends < this.members.length || this.members.some(({ isRunning }) => !isRunning)) this.dial()
  }
}
