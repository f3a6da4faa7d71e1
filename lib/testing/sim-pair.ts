/**
 * A pair in one process and in virtual time: the shipped rules, runtime, unit, sync and server,
 * twice.
 *
 * What is simulated is only what lies outside them: the network between the members, the beat
 * threads, the clock, the outbox and the serializer (their plain counterparts). Faults are methods
 * here: kill, stop and wake, break the connection. A run is a function of the options' `random`.
 */

import { type Incarnation, incarnationOf, type MemberId, millis, peerOf } from '../units.js'
import type { SimDisk } from './sim-disk.js'
import { type HostBeats, SimHost } from './sim-host.js'
import { SimLink } from './sim-link.js'
import { SimMember } from './sim-member.js'
import { SimNet } from './sim-net.js'
import type { SimOptions } from './sim-options.js'
import { SimTime } from './sim-time.js'

/** An incarnation that has ended. */
interface Dead {
  readonly id: MemberId
  readonly incarnation: Incarnation
}

export class SimPair<State> {
  readonly options: SimOptions<State>
  readonly net: SimNet
  readonly hosts: Readonly<Record<MemberId, SimHost>>
  readonly #members = new Map<MemberId, SimMember<State>>()
  /** The living ones. */
  members: readonly SimMember<State>[] = []
  /** Dead incarnations whose end could not be seen from the other side. */
  readonly #unseen = new Set<Dead>()
  readonly #word = new BigUint64Array(1)
  readonly #halves = new Uint32Array(this.#word.buffer)
  #link: SimLink | undefined
  #isDialling = false

  constructor(options: SimOptions<State>) {
    this.options = options
    const { clock, random } = options
    this.net = new SimNet({
      clock,
      random,
      delay: options.beatDelay,
      loss: options.beatLoss,
      duplicates: options.beatDuplicates,
      mostLostInRow: options.mostBeatsLostInRow,
    })
    this.hosts = { a: this.#makeHost('a'), b: this.#makeHost('b') }
  }

  /** The clocks of the host of `id`. */
  timeOf(id: MemberId): SimTime {
    return this.hosts[id].time
  }

  /** Where `id` keeps its record, if it keeps one. */
  diskOf(id: MemberId): SimDisk | undefined {
    return this.options.disks?.[id]
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

  /** kill -9 of the server; its unit lives, if it is a process of its own. */
  kill(id: MemberId): void {
    this.#remove(id, (member) => member.die())
  }

  /** The server of `id` ends in order. */
  end(id: MemberId): void {
    this.#remove(id, (member) => member.leave())
  }

  /** kill -9 of the unit, where that is a process of its own. */
  killUnit(id: MemberId): void {
    this.hosts[id].unit?.kill()
  }

  /** The connection between unit and server breaks, where they are two processes; both live. */
  cutUnit(id: MemberId): void {
    this.hosts[id].unit?.cut()
  }

  /** SIGSTOP of the unit alone, and SIGCONT after `ms`. */
  stallUnit(id: MemberId, ms: number): void {
    const { unit } = this.hosts[id]
    unit?.stop()
    this.options.clock.setTimer(millis(ms), () => unit?.wake())
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

  /** The side connection of a load breaks, if there is one; the link goes on. */
  breakSide(): void {
    this.#link?.sides.cut()
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

  #makeHost(id: MemberId): SimHost {
    const { clock, heartbeatMs, windowMs, hangAfterMs, drift, wraps, units } = this.options
    const beats: HostBeats = {
      time: new SimTime(clock, drift[id]),
      intervalMs: heartbeatMs,
      windowMs,
      hangAfterMs,
      send: (...beats) => {
        const arrivals = beats.map((beat) => {
          const said = wraps?.beat?.(beat, id) ?? beat
          return () => this.hosts[peerOf(id)].arrive(said)
        })
        this.net.carry(id, ...arrivals)
      },
    }
    return new SimHost({
      beats,
      unit: units?.[id],
      ended: (incarnation) => this.#ended({ id, incarnation }),
      // In a turn of its own: whoever heard the beat is not done with it yet.
      killHung: (incarnation) => clock.nextTurn(() => this.#killHung(id, incarnation)),
    })
  }

  #killHung(id: MemberId, incarnation: Incarnation): void {
    if (this.member(id)?.incarnation !== incarnation) return
    this.kill(id)
    this.options.onKilled?.(id)
  }

  #remove(id: MemberId, end: (member: SimMember<State>) => void): void {
    const member = this.member(id)
    if (member === undefined) return
    this.#members.delete(id)
    this.members = [...this.#members.values()]
    end(member)
    this.#link?.endOf(member)
    this.#ended(member)
  }

  /** If nothing of an incarnation is left, neither server nor unit, every path to it refuses. */
  #ended(dead: Dead): void {
    const { id, incarnation } = dead
    if (this.member(id)?.incarnation === incarnation) return
    if (this.hosts[id].beatsFor(incarnation) !== undefined) return
    const { clock, detectMs, beatDelay } = this.options
    clock.setTimer(millis(beatDelay() + detectMs), () => this.#tellGone(dead))
  }

  /** The other side probes every path and is refused on all, if anything gets there and back. */
  #tellGone(dead: Dead): void {
    if (!this.net.isWhole) {
      this.#unseen.add(dead)
      return
    }
    this.#unseen.delete(dead)
    this.hosts[peerOf(dead.id)].findGone(dead.incarnation)
  }

  #connect(): void {
    const [a, b] = [this.member('a'), this.member('b')]
    if (a === undefined || b === undefined) return
    const areReady = [a, b].every(({ isRunning, isBegun }) => isRunning && isBegun)
    if (!areReady || a.isLinked || b.isLinked) return this.#again()
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
