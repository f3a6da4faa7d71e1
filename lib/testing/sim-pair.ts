/**
 * A pair in one process and in virtual time: the shipped rules, runtime, sync and server, twice.
 *
 * What is simulated is only what lies outside them: the network between the members (bytes with a
 * delay, cut where a member dies), the beats and the detector's verdicts, the clock. A killed
 * member keeps none of its state; what it had put on the wire still arrives, as with a real kernel.
 */

import type { Happening } from '../core/event.js'
import type { CoreConfig, Presence } from '../core/state.js'
import type { PairError } from '../errors.js'
import type { App, Limits } from '../options.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { TakeoverReport } from '../runtime/ports-server.js'
import { Runtime } from '../runtime/runtime.js'
import type { Received } from '../server/intake.js'
import { Server } from '../server/server.js'
import { MemoryStore } from '../store/memory.js'
import { type Incarnation, incarnationOf, type MemberId, millis, peerOf } from '../units.js'
import { packetLimit } from '../wire/limits.js'
import { PacketDecoder } from '../wire/packet.js'
import { decodePresence, encodePresence } from '../wire/presence.js'
import { openReferenceOutbox } from './reference-outbox.js'
import { referenceSnapshot } from './reference-snapshot.js'
import type { VirtualClock } from './virtual-clock.js'

/** What one pair of a simulation is like. */
export interface SimOptions<State> {
  readonly clock: VirtualClock
  /** 0 ≤ number < 1; the only randomness of a run. */
  readonly random: () => number
  readonly app: (member: SimMember<State>) => App<State>
  readonly limits: Limits
  /** One way between the members, in milliseconds. */
  readonly delayMs: number
  /** From a death to the verdict `process-gone`. */
  readonly detectMs: number
  readonly windowMs: number
  readonly onFault?: (member: MemberId, error: PairError) => void
}

export class SimPair<State> {
  readonly options: SimOptions<State>
  readonly #members = new Map<MemberId, SimMember<State>>()
  readonly takeovers: TakeoverReport[] = []

  constructor(options: SimOptions<State>) {
    this.options = options
  }

  /** The living incarnation of `id`. */
  member(id: MemberId): SimMember<State> | undefined {
    return this.#members.get(id)
  }

  /** The member that rules, if exactly one does. */
  get primary(): SimMember<State> | undefined {
    const ruling = [...this.#members.values()].filter(({ role }) => role === 'primary')
    return ruling.length === 1 ? ruling[0] : undefined
  }

  get isPaired(): boolean {
    const { primary } = this
    const other = primary && this.member(peerOf(primary.id))
    return primary?.mode === 'paired' && other?.role === 'standby'
  }

  start(id: MemberId): void {
    const member = new SimMember(this, id, incarnationOf(this.random64()))
    this.#members.set(id, member)
    member.open()
    const other = this.member(peerOf(id))
    if (other) this.#introduce(member, other)
  }

  /** kill -9. */
  kill(id: MemberId): void {
    const member = this.member(id)
    if (member === undefined) return
    this.#members.delete(id)
    member.die()
    const other = this.member(peerOf(id))
    if (other === undefined) return
    const { clock, detectMs, delayMs } = this.options
    clock.setTimer(millis(delayMs), () => other.loseLink(member.incarnation))
    clock.setTimer(millis(delayMs + detectMs), () => other.find(member.incarnation))
  }

  random64(): bigint {
    const word = () => BigInt(Math.floor(this.options.random() * 2 ** 32))
    return (word() << 32n) | word() | 1n
  }

  /** What `from` says reaches the other member, if that one lives then. */
  beat(from: SimMember<State>, presence: Uint8Array): void {
    const { clock, delayMs } = this.options
    clock.setTimer(millis(delayMs), () => {
      const other = this.member(peerOf(from.id))
      if (other && this.member(from.id) === from) other.hear(from, presence)
    })
  }

  #introduce(one: SimMember<State>, other: SimMember<State>): void {
    const { clock, delayMs } = this.options
    one.beat()
    other.beat()
    clock.setTimer(millis(2 * delayMs), () => {
      if (this.member(one.id) !== one || this.member(other.id) !== other) return
      one.linkTo(other)
      other.linkTo(one)
    })
  }
}

/** One incarnation of one side. */
export class SimMember<State> {
  readonly id: MemberId
  readonly incarnation: Incarnation
  readonly server: Server<State>
  readonly runtime: Runtime
  readonly #pair: SimPair<State>
  #presence: Uint8Array | undefined
  #link: SimLink<State> | undefined
  #isAlive = true
  #isGateOpen = false

  constructor(pair: SimPair<State>, id: MemberId, incarnation: Incarnation) {
    this.#pair = pair
    this.id = id
    this.incarnation = incarnation
    this.server = this.#makeServer()
    this.runtime = this.#makeRuntime()
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get role(): string {
    return this.runtime.state.role
  }

  get mode(): string | undefined {
    const { state } = this.runtime
    return state.role === 'primary' ? state.mode : undefined
  }

  open(): void {
    this.runtime.post({ type: 'opened' })
  }

  receive(data: Uint8Array, source?: string, seq = 0): Promise<Received> {
    return new Promise((resolve, reject) => {
      this.server.receive({ data, source, seq, answer: { resolve, reject } })
    })
  }

  close(): void {
    this.runtime.post({ type: 'close-asked' })
  }

  die(): void {
    this.#isAlive = false
    this.#isGateOpen = false
    this.#link = undefined
    this.server.close()
  }

  beat(): void {
    if (this.#presence) this.#pair.beat(this, this.#presence)
  }

  hear(from: SimMember<State>, bytes: Uint8Array): void {
    const presence = decodePresence(bytes)
    if (presence === undefined) throw new Error('a presence cannot be read')
    this.#post({ type: 'heard', incarnation: from.incarnation, presence, answered: 1n })
  }

  find(incarnation: Incarnation): void {
    this.#post({ type: 'found', incarnation, verdict: 'process-gone' })
  }

  linkTo(other: SimMember<State>): void {
    const link = new SimLink(this.#pair, this, other)
    this.#link = link
    this.server.linkUp(link)
    this.#post({ type: 'link-up', incarnation: other.incarnation })
  }

  loseLink(incarnation: Incarnation): void {
    if (!this.#isAlive || this.#link?.hello.incarnation !== incarnation) return
    this.#link = undefined
    this.server.linkDown()
    this.#post({ type: 'link-down', incarnation })
  }

  /** Bytes of `from` arrive. */
  arrive(from: SimMember<State>, bytes: Uint8Array): void {
    const link = this.#link
    if (!this.#isAlive || link?.hello.incarnation !== from.incarnation) return
    link.decoder.push(bytes, (body) => this.server.packet(link, body))
  }

  #post(happening: Happening): void {
    if (this.#isAlive) this.runtime.post(happening)
  }

  #makeServer(): Server<State> {
    const { clock, app, limits, windowMs, onFault } = this.#pair.options
    const post = (happening: Happening) => this.#post(happening)
    return new Server<State>(
      {
        pair: 'simulated',
        app: app(this),
        limits,
        inFlight: 64,
        deliverTimeoutMs: 10_000,
        windowMs,
        ackTimeoutMs: windowMs,
        clock,
        outbox: openReferenceOutbox(limits.outboxBytes),
        snapshot: referenceSnapshot,
        isGateOpen: () => this.#isGateOpen,
      },
      {
        loadAsked: (incarnation) => post({ type: 'load-asked', incarnation }),
        resumeAsked: (incarnation, epoch, history) =>
          post({ type: 'resume-asked', incarnation, epoch, history }),
        resumeRefused: (incarnation) => post({ type: 'resume-refused', incarnation }),
        loadInstalled: (epoch, history) => post({ type: 'load-installed', epoch, history }),
        loadFailed: () => post({ type: 'load-failed' }),
        near: (incarnation) => post({ type: 'near', incarnation }),
        covered: (incarnation) => post({ type: 'covered', incarnation }),
        toldInSync: (addressee, from, epoch) => {
          if (addressee === this.incarnation)
            post({ type: 'told-in-sync', incarnation: from, epoch })
        },
        outOfStep: (reason) => post({ type: 'out-of-step', reason }),
        ackTimeout: () => post({ type: 'ack-timeout' }),
        fault: (error) => onFault?.(this.id, error),
        takeover: (report) => this.#pair.takeovers.push(report),
      },
    )
  }

  #makeRuntime(): Runtime {
    const { clock, windowMs, onFault } = this.#pair.options
    const config: CoreConfig = {
      self: this.id,
      incarnation: this.incarnation,
      settings: 1n,
      startWindow: millis(2 * windowMs),
      window: millis(windowMs),
      onLoss: 'wait',
    }
    const announce = (presence: Presence) => {
      this.#presence = encodePresence(presence)
      this.beat()
    }
    return new Runtime(config, {
      clock,
      entropy: () => (this.#pair.random64() << 64n) | this.#pair.random64(),
      unit: {
        announce,
        openGate: () => {
          this.#isGateOpen = true
        },
        closeGate: () => {
          this.#isGateOpen = false
        },
        watch: () => {},
      },
      store: new MemoryStore(),
      server: this.server,
      tell: () => {},
      trace: () => {},
      stopped: () => {},
      failed: (error) => {
        if (onFault) onFault(this.id, error as PairError)
        else throw error
      },
    })
  }
}

/** One end of a connection: what is written arrives after the delay. */
class SimLink<State> implements PeerLink {
  readonly address = 'simulated'
  readonly bufferedBytes = 0
  readonly hello: PeerLink['hello']
  readonly decoder: PacketDecoder
  readonly #pair: SimPair<State>
  readonly #from: SimMember<State>
  readonly #to: SimMember<State>

  constructor(pair: SimPair<State>, from: SimMember<State>, to: SimMember<State>) {
    this.#pair = pair
    this.#from = from
    this.#to = to
    this.decoder = new PacketDecoder(packetLimit(pair.options.limits.inputBytes))
    this.hello = {
      protocol: 1,
      pair: 'simulated',
      member: to.id,
      incarnation: to.incarnation,
      settings: {},
    }
  }

  write(bytes: Uint8Array): boolean {
    const { clock, delayMs } = this.#pair.options
    clock.setTimer(millis(delayMs), () => this.#to.arrive(this.#from, bytes))
    return true
  }

  async readOut(): Promise<void> {
    this.#from.loseLink(this.hello.incarnation)
  }

  close(): void {
    this.#from.loseLink(this.hello.incarnation)
  }
}
