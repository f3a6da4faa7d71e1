/**
 * One incarnation of one side of a simulated pair: the shipped server, runtime and unit in a
 * process of virtual time, which can be stopped, woken, killed and closed. All that it does goes
 * through `act`: it waits while the process is stopped and never happens after its death.
 */

import type { Happening } from '../core/event.js'
import type { State } from '../core/state.js'
import { step } from '../core/step.js'
import { asPairError } from '../errors.js'
import type { RuntimePorts, Told } from '../runtime/ports.js'
import type { BeatsPort } from '../runtime/ports-beats.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { PeerHello, PeerLink } from '../runtime/ports-peer.js'
import { Runtime } from '../runtime/runtime.js'
import { eventsForRules } from '../runtime/server-events.js'
import type { Received } from '../server/intake.js'
import { Server } from '../server/server.js'
import { AnnouncedBlocks } from '../unit/announced-blocks.js'
import { Unit } from '../unit/unit.js'
import { type Incarnation, type MemberId, millis } from '../units.js'
import { packetLimit } from '../wire/limits.js'
import { PacketDecoder } from '../wire/packet.js'
import type { SimEndOwner } from './sim-link.js'
import type { SimPair } from './sim-pair.js'
import { coreConfigOf, loopOf, serverOptionsOf, unitPortOf } from './sim-parts.js'
import { SimProcess } from './sim-process.js'
import { SimRight } from './sim-right.js'
import { type SimSeat, takeSeat } from './sim-seat.js'
import { SimSocket } from './sim-socket.js'
import { processClock } from './sim-time.js'

/** How long a closed member stays, so that its last word leaves. */
const farewellMs = 20

export class SimMember<App> implements SimEndOwner {
  readonly id: MemberId
  readonly incarnation: Incarnation
  /** Of this incarnation, in sentences and keys. */
  readonly name: string
  readonly hello: PeerHello
  readonly server: Server<App>
  readonly runtime: Runtime
  readonly beats: BeatsPort
  /** Time as this process has it: timers fire while it runs. */
  readonly clock: ClockPort
  readonly #pair: SimPair<App>
  readonly #unit: Unit
  readonly #blocks: AnnouncedBlocks
  readonly #process: SimProcess
  readonly #seat: SimSeat
  /** On the clock of the host: when the call ends in which the loop stands. */
  #callEndsAt = 0
  readonly #right: SimRight<App>
  /** It has read what it kept: from here on it is somebody. */
  isBegun = false
  #decoder: PacketDecoder | undefined
  /** As it came, and as the server has it. */
  #socket: PeerLink | undefined
  #link: PeerLink | undefined

  constructor(pair: SimPair<App>, id: MemberId, incarnation: Incarnation) {
    this.#pair = pair
    this.id = id
    this.incarnation = incarnation
    this.name = `${id}.${incarnation.toString(36)}`
    this.hello = { protocol: 1, pair: 'simulated', member: id, incarnation, settings: {} }
    this.#process = new SimProcess(pair.options.clock)
    const own = { act: (run: () => void) => this.act(run), callEndsAt: () => this.#callEndsAt }
    this.clock = processClock(pair.options.clock, pair.timeOf(id), own)
    this.#seat = this.#takeSeat()
    this.beats = pair.options.wraps?.beats?.(this.#seat.beats, this) ?? this.#seat.beats
    this.#blocks = new AnnouncedBlocks(this.clock, (ms) => this.beats.announceBlock(ms))
    this.server = this.#makeServer()
    const post = (happening: Happening) => this.#post(happening)
    this.#right = new SimRight(this, pair, post)
    this.runtime = this.#makeRuntime()
    this.#unit = new Unit(this.beats, {
      ...{ post, clock: this.clock, heartbeatMs: pair.options.heartbeatMs },
      tell: (event) => this.#tell(event),
      peerHeard: () => pair.dial(),
      lastWords: (marks) => this.server.lastWords.tell(marks),
    })
  }

  get isAlive(): boolean {
    return this.#process.isAlive
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  /** It runs, and so does what sends its beats. */
  get isBeating(): boolean {
    return this.isRunning && this.#seat.isBeating
  }

  /** Something waits for its event loop. */
  get isBehind(): boolean {
    return this.#process.backlogCount > 0
  }

  get state(): State {
    return this.runtime.state
  }

  get role(): string {
    return this.state.role
  }

  get mode(): string | undefined {
    return this.state.role === 'primary' ? this.state.mode : undefined
  }

  get isLinked(): boolean {
    return this.#link !== undefined
  }

  open(): void {
    this.#right.open(() => {
      this.isBegun = true
      // As `Host` does: what the beat thread counts from here on is news.
      this.#unit.look()
    })
  }

  receive(data: Uint8Array, source?: string, seq = 0): Promise<Received> {
    return new Promise((resolve, reject) => {
      this.act(() => this.server.receive({ data, source, seq, answer: { resolve, reject } }))
    })
  }

  /** How it ends comes as an event `switchover`. */
  switchover(deadlineMs: number): void {
    this.act(() => this.#post({ type: 'switchover-asked', deadline: millis(deadlineMs) }))
  }

  close(): void {
    this.#post({ type: 'close-asked' })
  }

  /** kill -9. */
  die(): void {
    this.#right.claims?.close()
    this.#process.die()
    this.#seat.die()
  }

  /** It has ended in order. */
  leave(): void {
    this.#unit.close()
    this.#process.die()
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.#process.stop()) this.#seat.stop()
  }

  /** The event loop stands still; the beat thread does not. */
  block(): void {
    if (this.#process.block()) this.#seat.loopStands()
  }

  unblock(): void {
    if (this.#process.unblock()) this.#seat.loopRuns()
  }

  /** Each thing that this process does takes `ms` from now on; 0: no time, as before. */
  slow(ms: number): void {
    this.#process.slow(ms)
  }

  /** SIGCONT. Which thread runs first is chance; what waits runs in the order in which it came. */
  wake(): void {
    const isBeatThreadFirst = this.#pair.options.random() < 0.5
    if (!this.#process.wake()) return
    if (isBeatThreadFirst) return this.#seat.wake()
    this.#pair.options.clock.nextTurn(() => this.#process.isStopped || this.#seat.wake())
  }

  act(run: () => void): void {
    this.#process.act(run)
  }

  linkUp(socket: PeerLink): void {
    const end = new SimSocket(socket, this.#process)
    const link = this.#pair.options.wraps?.link?.(end, this.id) ?? end
    this.#socket = socket
    this.#link = link
    this.#decoder = new PacketDecoder(packetLimit(this.#pair.options.limits.inputBytes))
    this.server.linkUp(link)
    this.#post({ type: 'link-up', incarnation: link.hello.incarnation })
  }

  arrive(socket: PeerLink, bytes: Uint8Array): boolean {
    const link = this.#link
    if (this.#socket !== socket || link === undefined) return true
    try {
      const fault = this.#decoder?.push(bytes, (body) => this.server.packet(link, body))
      return fault === undefined
    } catch (error) {
      this.fault(error)
      return false
    }
  }

  drained(socket: PeerLink): void {
    if (this.#socket === socket) this.server.drained()
  }

  linkDown(socket: PeerLink): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#link = undefined
    this.#decoder?.stop()
    this.server.linkDown()
    this.#unit.probe()
    this.#post({ type: 'link-down', incarnation: socket.hello.incarnation })
    this.#pair.dial()
  }

  fault(error: unknown): void {
    this.#pair.options.onFault?.(this, asPairError(error, 'ERR_HOTPAIR_INVARIANT'))
  }

  /** The rules have ended, as `Member` does it: the last word leaves, then the process ends. */
  #end(): void {
    this.server.close()
    this.clock.setTimer(millis(farewellMs), () => this.#pair.end(this.id))
  }

  #post(happening: Happening): void {
    if (this.isAlive) this.runtime.post(happening)
  }

  #tell(event: Told): void {
    this.#pair.options.onEvent?.(this, event)
  }

  #takeSeat(): SimSeat {
    const { options, hosts } = this.#pair
    return takeSeat({
      host: hosts[this.id],
      incarnation: this.incarnation,
      clock: this.clock,
      act: (run) => this.act(run),
      nextTurn: (run) => options.clock.nextTurn(run),
      look: () => this.isBegun && this.#unit.look(),
      hold: (ms) => this.#standInCall(ms),
      moved: (place, reason) => this.#tell({ type: 'unit', place, reason }),
      stuck: (error) => this.fault(asPairError(error, 'ERR_HOTPAIR_UNIT')),
      wraps: options.wraps,
    })
  }

  /** A call into the addon that takes `ms`: time passes inside it. */
  #standInCall(ms: number): void {
    this.#callEndsAt = this.clock.now() + ms
    this.#pair.block(this.id, ms)
    this.#pair.options.onHold?.(this, ms)
  }

  #makeServer(): Server<App> {
    const { options } = this.#pair
    const isGateOpen = () => this.#unit.isGateOpen()
    const own = {
      app: options.app(this),
      clock: this.clock,
      marks: this.#seat.marks,
      loop: loopOf(this.beats, this.#blocks),
      isGateOpen: options.wraps?.isGateOpen?.(isGateOpen) ?? isGateOpen,
    }
    return new Server<App>(serverOptionsOf(options, own), {
      ...eventsForRules(this.incarnation, (happening) => this.#post(happening)),
      fault: (error) => this.fault(error),
      skipped: (frame) => this.#tell({ type: 'skipped', ...frame }),
      takeover: (report) => options.onTakeover?.(this, report),
    })
  }

  #makeRuntime(): Runtime {
    const { wraps } = this.#pair.options
    const ports: RuntimePorts = {
      clock: this.clock,
      entropy: () => (this.#pair.random64() << 64n) | this.#pair.random64(),
      unit: unitPortOf(() => this.#unit),
      store: this.#right.store,
      server: wraps?.server?.(this.server, this) ?? this.server,
      arbiter: this.#right.claims,
      tell: (event) => this.#tell(event),
      trace: () => {},
      stopped: () => this.#end(),
      failed: (error) => this.fault(error),
    }
    const config = coreConfigOf(this.#pair.options, this)
    return new Runtime(config, ports, wraps?.step?.(step) ?? step)
  }
}
