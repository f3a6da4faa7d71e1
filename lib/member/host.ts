/**
 * The parts of one member, joined: rules, server, data link, beat thread. Nothing is decided here.
 *
 * What the link and the beats bring becomes calls of the server and events of the rules; what the
 * rules want done goes to server and unit; what a user should know goes out through `tell`.
 */

import { randomBytes } from 'node:crypto'
import type { Config } from '../config.js'
import type { Happening } from '../core/event.js'
import type { State as CoreState } from '../core/state.js'
import { asPairError, type PairError } from '../errors.js'
import type { Heartbeat } from '../native/heartbeat.js'
import type { Peer } from '../peer/peer.js'
import { systemClock } from '../runtime/clock.js'
import { traceTransition } from '../runtime/diagnostics.js'
import type { Told } from '../runtime/ports.js'
import type { BeatStatistics, BeatsPort } from '../runtime/ports-beats.js'
import type { PeerHandlers } from '../runtime/ports-peer.js'
import type { ServerEvents } from '../runtime/ports-server.js'
import { Runtime } from '../runtime/runtime.js'
import { eventsForRules } from '../runtime/server-events.js'
import { Server } from '../server/server.js'
import { Unit } from '../unit/unit.js'
import type { UnitBeats } from '../unit/unit-beats.js'
import { epochOf, frameNo, type Incarnation, incarnationOf, millis } from '../units.js'
import { type BeatsOwner, type Hosts, killedFormer, marksIn, openBeats } from './beats.js'
import { coreConfigOf } from './core-config.js'
import { Loop } from './loop.js'
import { type Memory, memoryOf } from './memory.js'
import { familyOf, PeerNames, resolveOwn, systemResolve } from './names.js'
import { peerOf } from './peer.js'
import { Rehearsal } from './rehearsal.js'
import { Right } from './right.js'
import { Secrets } from './secrets.js'
import { Strangers } from './strangers.js'

/** How long a stopped member's last word is given to leave before its sockets close. */
const farewellMs = 20

type Wish = Extract<
  Happening,
  { type: 'switchover-asked' | 'switchover-cancelled' | 'force-asked' }
>

export class Host<State> {
  readonly incarnation: Incarnation = incarnationOf(randomBytes(8).readBigUInt64LE() | 1n)
  readonly server: Server<State>
  readonly #config: Config<State>
  readonly #tell: (event: Told) => void
  readonly #peer: Peer
  readonly strangers: Strangers
  readonly secrets: Secrets
  readonly right: Right
  readonly #runtime: Runtime
  readonly #names: PeerNames
  readonly #rehearsal = new Rehearsal(systemClock, () => this.state.role !== 'primary')
  readonly #closed: Promise<void>
  #setClosed: () => void = () => {}
  #beats: Heartbeat | UnitBeats | undefined
  readonly #loop: Loop
  readonly #memory: Memory<State>
  #unit: Unit | undefined
  #isBegun = false

  constructor(config: Config<State>, tell: (event: Told) => void) {
    this.#config = config
    this.#tell = tell
    this.#closed = new Promise((resolve) => {
      this.#setClosed = resolve
    })
    this.#names = new PeerNames(config.addresses.peer, systemResolve)
    this.#loop = new Loop(config.trap, () => this.#beats, this)
    this.#memory = memoryOf(config)
    this.server = this.#makeServer()
    const heard = () => this.beatStatistics().links.map(({ udp, tcp }) => udp.heard + tcp.heard)
    this.#peer = peerOf(config, this.incarnation, heard)
    this.right = new Right(config, {
      post: (happening) => this.#runtime.post(happening),
      tell,
      fault: (error) => this.fault(error),
    })
    this.#runtime = this.#makeRuntime()
    const seen = { peer: this.#peer, beats: () => this.#beats?.view() }
    this.strangers = new Strangers({ clock: systemClock, ...seen, tell })
    this.secrets = new Secrets(config, this.#memory.region, seen)
  }

  get state(): CoreState {
    return this.#runtime.state
  }

  get roundTripMs(): number {
    return this.#beats?.view().roundTripMs ?? 0
  }

  get unit(): { readonly place: 'embedded' | 'process'; readonly pid: number } {
    const pid = this.#beats?.unitPid ?? 0
    return pid === 0 ? { place: 'embedded', pid: process.pid } : { place: 'process', pid }
  }

  /** Of no link until the beats are open. */
  beatStatistics(since?: BeatStatistics): BeatStatistics {
    return this.#beats?.statistics(since) ?? { isRealtime: false, links: [] }
  }

  /** Opens every port; rejects with nothing left open. */
  async open(): Promise<void> {
    const { addresses, signal } = this.#config
    try {
      this.#loop.open()
      const { self } = addresses
      const own = await Promise.all(self.map((address) => resolveOwn(address, systemResolve)))
      const other = await this.#names.first(own.map(familyOf))
      signal?.throwIfAborted()
      const hosts: Hosts = { own, other }
      this.#beats = await openBeats(this.#config, this.incarnation, hosts, this.#beatsOwner())
      signal?.throwIfAborted()
      this.#unit = this.#makeUnit(this.#beats)
      await this.right.open()
      await this.#peer.open(this.#peerHandlers())
      signal?.throwIfAborted()
    } catch (error) {
      await this.#shut()
      throw error
    }
    // In the next turn, so that who awaits `openMember` hears everything from the first event on.
    systemClock.nextTurn(() => this.#begin())
  }

  /** Ends this member in an orderly way. Idempotent by the rules. */
  close(): Promise<void> {
    this.#runtime.post({ type: 'close-asked' })
    return this.#closed
  }

  /** Something that its user wants of the rules. */
  ask(wish: Wish): void {
    this.#runtime.post(wish)
  }

  /** Returns what ends the block early. */
  announceBlock(atMostMs: number): () => void {
    return this.#loop.announceBlock(atMostMs)
  }

  fault(error: PairError, frame?: number, channel?: string): void {
    const no = frame === undefined ? undefined : frameNo(frame)
    this.#tell({ type: 'fault', error, frameNo: no, channel })
  }

  #begin(): void {
    this.#isBegun = true
    if (this.#beats?.hasKilledFormer) this.#tell({ type: 'unit', ...killedFormer })
    this.right.begin()
    this.#unit?.look()
    this.#rehearsal.begin()
    this.strangers.open()
    this.#names.follow(systemClock, {
      isAway: () => this.state.peer?.condition !== 'alive',
      changed: (link, host) => this.#unit?.setPeerHost(link, host),
      unknown: ({ host, port }, reason) => {
        const address = `${host}:${port}`
        const message = `the address ${address} of the other member cannot be resolved: ${reason}`
        this.#tell({ type: 'refused', code: 'ERR_HOTPAIR_ADDRESS', message, address })
      },
    })
  }

  #makeServer(): Server<State> {
    const config = this.#config
    return new Server(
      {
        ...config,
        clock: systemClock,
        ...this.#memory,
        isGateOpen: () => this.#unit?.isGateOpen() ?? false,
        loop: this.#loop,
        marks: config.unit === 'process' ? marksIn(() => this.#beats) : undefined,
      },
      this.#serverEvents((happening) => this.#runtime.post(happening)),
    )
  }

  #serverEvents(post: (happening: Happening) => void): ServerEvents {
    return {
      ...eventsForRules(this.incarnation, post),
      fault: (error, frame, channel) => this.fault(error, frame, channel),
      skipped: (frame) => this.#tell({ type: 'skipped', ...frame }),
      takeover: ({ suspect, ...report }) =>
        this.#tell({
          type: 'takeover',
          ...report,
          frameNo: frameNo(report.frameNo),
          suspect: suspect === undefined ? undefined : frameNo(suspect),
        }),
    }
  }

  #makeRuntime(): Runtime {
    return new Runtime(coreConfigOf(this.#config, this.incarnation), {
      clock: systemClock,
      entropy: () => {
        const bytes = randomBytes(16)
        return (bytes.readBigUInt64LE(0) << 64n) | bytes.readBigUInt64LE(8)
      },
      unit: {
        announce: (presence) => this.#unit?.announce(presence),
        openGate: () => this.#unit?.openGate(),
        closeGate: () => this.#unit?.closeGate(),
        arm: (epoch) => this.#unit?.arm(epoch),
        disarm: () => this.#unit?.disarm() ?? epochOf(0),
        watch: (isAwaiting) => this.#unit?.watch(isAwaiting),
      },
      store: this.right.store,
      server: this.server,
      arbiter: this.right.questions,
      tell: this.#tell,
      trace: (from, happening, to) => {
        traceTransition(from, happening, to)
        this.right.note(from, to)
      },
      stopped: () => void this.#end(),
      failed: (cause) => this.fault(asPairError(cause, 'ERR_HOTPAIR_INVARIANT')),
    })
  }

  #beatsOwner(): BeatsOwner {
    return {
      ring: () => {
        if (this.#isBegun) this.#unit?.look()
      },
      moved: (place, reason) => this.#tell({ type: 'unit', place, reason }),
      stuck: (error) => this.fault(asPairError(error, 'ERR_HOTPAIR_UNIT')),
    }
  }

  #makeUnit(beats: BeatsPort): Unit {
    return new Unit(beats, {
      clock: systemClock,
      heartbeatMs: this.#config.heartbeatMs,
      post: (happening) => this.#runtime.post(happening),
      tell: this.#tell,
      peerHeard: () => this.#peer.dialNow(),
      lastWords: (marks) => this.server.lastWords.tell(marks),
    })
  }

  #peerHandlers(): PeerHandlers {
    return {
      linkUp: (link) => {
        this.secrets.linkUp()
        this.server.linkUp(link)
        this.#tell({ type: 'link', up: true, address: link.address, reason: undefined })
        this.#runtime.post({ type: 'link-up', incarnation: link.hello.incarnation })
      },
      packet: (link, body) => this.server.packet(link, body),
      drained: () => this.server.drained(),
      linkDown: (link, reason) => {
        this.server.linkDown()
        this.#unit?.probe()
        this.#tell({ type: 'link', up: false, address: link.address, reason })
        this.#runtime.post({ type: 'link-down', incarnation: link.hello.incarnation })
      },
      refused: (refusal) => {
        // The names of data addresses are those of the beats: told once for both.
        const isTold = refusal.code === 'ERR_HOTPAIR_ADDRESS' && this.#names.hasUnknown
        if (!isTold) this.#tell({ type: 'refused', ...refusal })
      },
    }
  }

  /** The rules have ended: the last word leaves, then everything is closed. */
  async #end(): Promise<void> {
    this.server.close()
    await new Promise<void>((resolve) => systemClock.setTimer(millis(farewellMs), resolve))
    await this.#shut()
    this.#setClosed()
  }

  /** Closes every socket, timer and buffer that is open. */
  async #shut(): Promise<void> {
    await this.#rehearsal.close()
    this.#names.close()
    this.strangers.close()
    this.server.close()
    this.#loop.close()
    await this.#peer.close()
    this.server.release()
    this.#unit?.close()
    await this.right.close()
  }
}
