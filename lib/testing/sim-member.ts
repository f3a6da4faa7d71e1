/**
 * One incarnation of one side of a simulated pair: the shipped server, runtime and unit in a
 * process of virtual time, which can be stopped, woken, killed and closed.
 *
 * Everything that a process does goes through `act`: it waits while the process is stopped and
 * never happens after its death. A killed member is told nothing, and nothing is cleaned up.
 */

import type { Happening } from '../core/event.js'
import type { CoreConfig, State } from '../core/state.js'
import { PairError } from '../errors.js'
import type { Told } from '../runtime/ports.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { PeerHello, PeerLink } from '../runtime/ports-peer.js'
import type { ServerOptions } from '../runtime/ports-server.js'
import { Runtime } from '../runtime/runtime.js'
import { eventsForRules } from '../runtime/server-events.js'
import type { Received } from '../server/intake.js'
import { Server } from '../server/server.js'
import { MemoryStore } from '../store/memory.js'
import { Unit } from '../unit/unit.js'
import { type Incarnation, type MemberId, millis } from '../units.js'
import { packetLimit } from '../wire/limits.js'
import { PacketDecoder } from '../wire/packet.js'
import { openReferenceOutbox } from './reference-outbox.js'
import type { SimBeats } from './sim-beats.js'
import type { SimEndOwner } from './sim-link.js'
import type { SimPair } from './sim-pair.js'
import type { VirtualClock } from './virtual-clock.js'

/** How long a closed member stays, so that its last word leaves. */
const farewellMs = 20

export class SimMember<App> implements SimEndOwner {
  readonly id: MemberId
  readonly incarnation: Incarnation
  readonly hello: PeerHello
  readonly server: Server<App>
  readonly runtime: Runtime
  readonly beats: SimBeats
  /** Time as this process has it: timers fire while it runs. */
  readonly clock: ClockPort
  readonly #pair: SimPair<App>
  readonly #unit: Unit
  readonly #backlog: (() => void)[] = []
  #decoder: PacketDecoder | undefined
  #link: PeerLink | undefined
  #condition: 'running' | 'blocked' | 'stopped' | 'dead' = 'running'

  constructor(pair: SimPair<App>, id: MemberId, incarnation: Incarnation) {
    this.#pair = pair
    this.id = id
    this.incarnation = incarnation
    this.hello = { protocol: 1, pair: 'simulated', member: id, incarnation, settings: {} }
    this.clock = clockOf(pair.options.clock, this)
    this.beats = pair.makeBeats(this, () => this.act(() => this.#unit.look()))
    this.server = this.#makeServer()
    this.runtime = this.#makeRuntime()
    this.#unit = new Unit(this.beats, {
      clock: this.clock,
      heartbeatMs: pair.options.heartbeatMs,
      post: (happening) => this.#post(happening),
      tell: (event) => this.#tell(event),
      peerHeard: () => pair.dial(),
    })
  }

  get isAlive(): boolean {
    return this.#condition !== 'dead'
  }

  get isRunning(): boolean {
    return this.#condition === 'running'
  }

  get state(): State {
    return this.runtime.state
  }

  get role(): string {
    return this.runtime.state.role
  }

  get mode(): string | undefined {
    const { state } = this.runtime
    return state.role === 'primary' ? state.mode : undefined
  }

  get isLinked(): boolean {
    return this.#link !== undefined
  }

  open(): void {
    this.#post({ type: 'opened' })
  }

  receive(data: Uint8Array, source?: string, seq = 0): Promise<Received> {
    return new Promise((resolve, reject) => {
      this.act(() => this.server.receive({ data, source, seq, answer: { resolve, reject } }))
    })
  }

  close(): void {
    this.#post({ type: 'close-asked' })
  }

  /** kill -9. */
  die(): void {
    this.#condition = 'dead'
    this.beats.close()
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.#condition !== 'running') return
    this.#condition = 'stopped'
    this.beats.stop()
  }

  /** The event loop stands still; the beat thread does not. */
  block(): void {
    if (this.#condition === 'running') this.#condition = 'blocked'
  }

  /** The event loop goes on. */
  unblock(): void {
    if (this.#condition !== 'blocked') return
    this.#condition = 'running'
    this.#runBacklog()
  }

  /** SIGCONT. Which thread runs first is chance; what waits runs in the order in which it came. */
  wake(): void {
    if (this.#condition !== 'stopped') return
    this.#condition = 'running'
    const isBeatThreadFirst = this.#pair.options.random() < 0.5
    if (isBeatThreadFirst) this.beats.wake()
    this.#runBacklog()
    const { clock } = this.#pair.options
    if (!isBeatThreadFirst) clock.nextTurn(() => this.isRunning && this.beats.wake())
  }

  act(run: () => void): void {
    if (this.#condition === 'running') run()
    else if (this.isAlive) this.#backlog.push(run)
  }

  linkUp(link: PeerLink): void {
    this.#link = link
    this.#decoder = new PacketDecoder(packetLimit(this.#pair.options.limits.inputBytes))
    this.server.linkUp(link)
    this.#post({ type: 'link-up', incarnation: link.hello.incarnation })
  }

  arrive(link: PeerLink, bytes: Uint8Array): boolean {
    if (this.#link !== link) return true
    try {
      const fault = this.#decoder?.push(bytes, (body) => this.server.packet(link, body))
      return fault === undefined
    } catch (error) {
      this.fault(error)
      return false
    }
  }

  drained(link: PeerLink): void {
    if (this.#link === link) this.server.drained()
  }

  linkDown(link: PeerLink): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#decoder?.stop()
    this.server.linkDown()
    this.#unit.probe()
    this.#post({ type: 'link-down', incarnation: link.hello.incarnation })
    this.#pair.dial()
  }

  fault(error: unknown): void {
    const known =
      error instanceof PairError
        ? error
        : new PairError('ERR_HOTPAIR_INVARIANT', String(error), { cause: error })
    this.#pair.options.onFault?.(this, known)
  }

  #runBacklog(): void {
    const { clock } = this.#pair.options
    for (const run of this.#backlog.splice(0)) clock.nextTurn(() => this.act(run))
  }

  /** The rules have ended, as `Member` does it: the last word leaves, then the process ends. */
  #end(): void {
    this.server.close()
    this.clock.setTimer(millis(farewellMs), () => this.#pair.kill(this.id))
  }

  #post(happening: Happening): void {
    if (this.isAlive) this.runtime.post(happening)
  }

  #tell(event: Told): void {
    this.#pair.options.onEvent?.(this, event)
  }

  #serverOptions(): ServerOptions<App> {
    const { app, limits, windowMs, ackTimeoutMs, inFlight, snapshot } = this.#pair.options
    return {
      pair: 'simulated',
      app: app(this),
      limits,
      inFlight,
      deliverTimeoutMs: 10_000,
      windowMs,
      ackTimeoutMs,
      clock: this.clock,
      outbox: openReferenceOutbox(limits.outboxBytes),
      snapshot,
      isGateOpen: () => this.#unit.isGateOpen(),
    }
  }

  #makeServer(): Server<App> {
    return new Server<App>(this.#serverOptions(), {
      ...eventsForRules(this.incarnation, (happening) => this.#post(happening)),
      fault: (error) => this.fault(error),
      takeover: (report) => this.#pair.options.onTakeover?.(this, report),
    })
  }

  #makeRuntime(): Runtime {
    const { windowMs, onLoss } = this.#pair.options
    const config: CoreConfig = {
      self: this.id,
      incarnation: this.incarnation,
      settings: 1n,
      startWindow: millis(2 * windowMs),
      window: millis(windowMs),
      onLoss,
    }
    return new Runtime(config, {
      clock: this.clock,
      entropy: () => (this.#pair.random64() << 64n) | this.#pair.random64(),
      unit: {
        announce: (presence) => this.#unit.announce(presence),
        openGate: () => this.#unit.openGate(),
        closeGate: () => this.#unit.closeGate(),
        watch: (isAwaiting) => this.#unit.watch(isAwaiting),
      },
      store: new MemoryStore(),
      server: this.server,
      tell: (event) => this.#tell(event),
      trace: () => {},
      stopped: () => this.#end(),
      failed: (error) => this.fault(error),
    })
  }
}

function clockOf<App>(clock: VirtualClock, member: SimMember<App>): ClockPort {
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    setTimer: (delay, fire) => clock.setTimer(delay, () => member.act(fire)),
    defer: (run) => clock.defer(() => member.act(run)),
    nextTurn: (run) => clock.nextTurn(() => member.act(run)),
  }
}
