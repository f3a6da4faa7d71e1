/**
 * `openMember`: the parts are joined here, and nothing is decided here.
 *
 * Options become a config, the addon a beat thread and an outbox, the rules a runtime, the
 * application a server; each talks to the next through a port. What a user holds afterwards is a
 * `Member`.
 */

import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { Writable } from 'node:stream'
import type { Address } from './config/addresses.js'
import { type Config, configOf } from './config.js'
import type { CoreConfig, State as CoreState } from './core/state.js'
import { Emitter } from './emitter.js'
import { ClosedError, InputError, NativeError, PairError } from './errors.js'
import type { Mode, PairEvent, PairEvents, Role } from './events.js'
import { openHeartbeat } from './native/heartbeat.js'
import { openOutbox } from './native/outbox.js'
import { nativeSnapshot } from './native/snapshot.js'
import type { MemberOptions } from './options.js'
import { Peer } from './peer/peer.js'
import { systemClock } from './runtime/clock.js'
import { traceTransition } from './runtime/diagnostics.js'
import type { Told } from './runtime/ports.js'
import type { BeatsPort } from './runtime/ports-beats.js'
import type { PeerHandlers, PeerPort } from './runtime/ports-peer.js'
import { Runtime } from './runtime/runtime.js'
import type { Received } from './server/intake.js'
import { Server, type ServerCounts } from './server/server.js'
import { MemoryStore } from './store/memory.js'
import { beatKeys, pairDigest, settingsDigest } from './unit/keys.js'
import { Unit } from './unit/unit.js'
import { incarnationOf, type MemberId, millis } from './units.js'
import { packetLimit, sourceNameBytes } from './wire/limits.js'
import { maxU48 } from './wire/packet.js'

/** Identity of an input: one run of a sender, which counts without gaps. */
export interface InputId {
  readonly source: string
  readonly seq: number
}

/** What `until` waits for. */
export type Milestone = 'primary' | 'standby' | 'paired' | 'ruled'

/** A member as it sees itself at one moment. */
export interface Status {
  readonly pair: string
  readonly member: MemberId
  readonly role: Role
  readonly mode: Mode | undefined
  readonly epoch: number
  readonly history: string | undefined
  readonly incarnation: bigint
  /** The other member, once heard. */
  readonly peer:
    | {
        readonly role: Role
        readonly epoch: number
        readonly condition: 'alive' | 'process-gone' | 'unreachable'
      }
    | undefined
  readonly isLinked: boolean
  readonly roundTripMs: number
  readonly counts: ServerCounts
  /** What this member cannot promise as it is configured. */
  readonly limits: readonly string[]
}

/** One side of a pair. */
export interface Member<State> {
  readonly role: Role
  /** Defined while this member rules. */
  readonly mode: Mode | undefined
  readonly epoch: number
  readonly history: string | undefined
  /**
   * Takes one input. Resolves once it is accepted: held by both members, or by a primary that rules
   * alone by right; on a standby when its twin was announced or it rules. `data` must not change
   * until then.
   *
   * @throws InputError with a code that says whether the input may still have been taken.
   */
  receive(data: Uint8Array, id?: InputId): Promise<Received>
  /**
   * A stream of inputs: objects `{ data, source, seq }`, at most `highWaterMark` (default 256)
   * unanswered.
   */
  intake(options?: { readonly highWaterMark?: number }): Writable
  /** Reads the state on either member; it must not be changed. Undefined before there is one. */
  read<Result>(reader: (state: State, frameNo: number) => Result): Result | undefined
  /**
   * Resolves when the milestone is reached: this member rules, stands by, its pair is whole, or
   * somebody rules.
   */
  until(milestone: Milestone, options?: { readonly signal?: AbortSignal }): Promise<void>
  on<Name extends PairEvent['type']>(name: Name, listener: (event: PairEvents[Name]) => void): this
  off<Name extends PairEvent['type']>(name: Name, listener: (event: PairEvents[Name]) => void): this
  /** Every event from now on; a slow reader loses the oldest beyond 1,000. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<PairEvent>
  status(): Status
  /**
   * Ends this member: a primary lets running deliveries settle and leaves the rule to the other
   * one. Idempotent.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens one member of a pair. Resolves when its ports are open; the role comes by events.
 *
 * @throws ConfigError before anything is opened; NativeError (`ERR_HOTPAIR_ADDRESS_IN_USE`,
 * `ERR_HOTPAIR_ADDRESS`, `ERR_HOTPAIR_NATIVE`) when it cannot be, and nothing is left open.
 */
export async function openMember<State>(options: MemberOptions<State>): Promise<Member<State>> {
  const config = configOf(options)
  config.signal?.throwIfAborted()
  const member = new PairMember(config)
  await member.open()
  return member
}

/** How long a stopped member's last word is given to leave before its sockets close. */
const farewellMs = 20

class PairMember<State> implements Member<State> {
  readonly #config: Config<State>
  readonly #incarnation = incarnationOf(randomBytes(8).readBigUInt64LE() | 1n)
  readonly #emitter = new Emitter()
  readonly #store = new MemoryStore()
  readonly #peer: PeerPort
  readonly #server: Server<State>
  readonly #runtime: Runtime
  readonly #preparing = new AbortController()
  #beats: BeatsPort | undefined
  #unit: Unit | undefined
  #isBegun = false
  #isPrepared = false
  readonly #abort = () => void this.close()
  #isClosing = false
  readonly #closed: Promise<void>
  #setClosed: () => void = () => {}

  constructor(config: Config<State>) {
    this.#config = config
    this.#closed = new Promise((resolve) => {
      this.#setClosed = resolve
    })
    this.#server = this.#makeServer()
    this.#peer = this.#makePeer()
    this.#runtime = this.#makeRuntime()
  }

  get role(): Role {
    return this.#state.role
  }

  get mode(): Mode | undefined {
    const state = this.#state
    if (state.role !== 'primary') return undefined
    if (state.mode !== 'paired') return 'solo'
    return state.link === state.follower ? 'paired' : 'waiting'
  }

  get epoch(): number {
    const state = this.#state
    return 'epoch' in state ? state.epoch : 0
  }

  get history(): string | undefined {
    const state = this.#state
    return 'history' in state ? state.history : undefined
  }

  get #state(): CoreState {
    return this.#runtime.state
  }

  /** Rejects with nothing left open: with the first thing that failed, or the signal's reason. */
  async open(): Promise<void> {
    const { signal } = this.#config
    try {
      await this.#openPorts()
      signal?.throwIfAborted()
    } catch (error) {
      await this.#shut()
      throw error
    }
    signal?.addEventListener('abort', this.#abort, { once: true })
    // In the next turn, so that who awaits `openMember` hears everything from the first event on.
    systemClock.nextTurn(() => this.#begin())
  }

  async #openPorts(): Promise<void> {
    const { addresses, signal } = this.#config
    const [own, other] = await Promise.all([
      Promise.all(addresses.self.map((address) => resolved(address))),
      Promise.all(addresses.peer.map((address) => resolvedOrNothing(address))),
    ])
    signal?.throwIfAborted()
    this.#beats = this.#openBeats(own, other)
    this.#unit = this.#makeUnit(this.#beats)
    await this.#peer.open(this.#peerHandlers())
  }

  #begin(): void {
    this.#isBegun = true
    this.#runtime.post({ type: 'opened' })
    this.#unit?.look()
  }

  receive(data: Uint8Array, id?: InputId): Promise<Received> {
    return new Promise((resolve, reject) => {
      const wrong = this.#wrongInput(data, id)
      if (wrong) return reject(wrong)
      const { source, seq } = id ?? { source: undefined, seq: 0 }
      this.#server.receive({ data, source, seq, answer: { resolve, reject } })
    })
  }

  intake(options?: { readonly highWaterMark?: number }): Writable {
    const highWaterMark = options?.highWaterMark ?? 256
    let unanswered = 0
    let goOn: (() => void) | undefined
    return new Writable({
      objectMode: true,
      highWaterMark,
      write: (input: { data: Uint8Array } & Partial<InputId>, _encoding, done) => {
        const { data, source, seq } = input
        const id = source === undefined || seq === undefined ? undefined : { source, seq }
        unanswered += 1
        const answered = () => {
          unanswered -= 1
          goOn?.()
          goOn = undefined
        }
        this.receive(data, id).then(answered, done)
        if (unanswered < highWaterMark) done()
        else goOn = done
      },
    })
  }

  read<Result>(reader: (state: State, frameNo: number) => Result): Result | undefined {
    const { held } = this.#server
    return held && reader(held.state, held.frameNo)
  }

  until(milestone: Milestone, options?: { readonly signal?: AbortSignal }): Promise<void> {
    const signal = options?.signal
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => {
        this.#emitter.off('role', check)
        this.#emitter.off('mode', check)
        signal?.removeEventListener('abort', abort)
        if (error === undefined) resolve()
        else reject(error)
      }
      const abort = () => settle(signal?.reason)
      const check = () => {
        if (this.#isReached(milestone)) settle()
        else if (this.role === 'stopped') settle(new ClosedError())
      }
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort)
      this.#emitter.on('role', check)
      this.#emitter.on('mode', check)
      check()
    })
  }

  on<Name extends PairEvent['type']>(
    name: Name,
    listener: (event: PairEvents[Name]) => void,
  ): this {
    this.#emitter.on(name, listener)
    return this
  }

  off<Name extends PairEvent['type']>(
    name: Name,
    listener: (event: PairEvents[Name]) => void,
  ): this {
    this.#emitter.off(name, listener)
    return this
  }

  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<PairEvent> {
    return this.#emitter.events(options?.signal)
  }

  status(): Status {
    const { pair, member } = this.#config
    const { peer, link } = this.#state
    return {
      pair,
      member,
      role: this.role,
      mode: this.mode,
      epoch: this.epoch,
      history: this.history,
      incarnation: this.#incarnation,
      peer: peer && {
        role: peer.presence.role,
        epoch: peer.presence.epoch,
        condition: peer.condition,
      },
      isLinked: link !== undefined,
      roundTripMs: this.#beats?.view().roundTripMs ?? 0,
      counts: this.#server.counts,
      limits: [
        "arbiter 'none': two members that cannot hear each other, though both live, may both rule",
        'the record is kept in memory: a blank member may begin a history while the other lives unheard',
      ],
    }
  }

  close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      this.#runtime.post({ type: 'close-asked' })
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #isReached(milestone: Milestone): boolean {
    switch (milestone) {
      case 'primary':
      case 'standby':
        return this.role === milestone
      case 'paired':
        return this.role === 'standby' || this.mode === 'paired'
      case 'ruled':
        return this.role === 'primary' || this.#state.peer?.presence.role === 'primary'
    }
  }

  #wrongInput(data: Uint8Array, id: InputId | undefined): Error | undefined {
    const { inputBytes } = this.#config.limits
    if (this.#isClosing) return new ClosedError()
    if (!(data instanceof Uint8Array)) {
      return new InputError('ERR_HOTPAIR_INPUT', 'an input must be a Uint8Array (a Buffer is one)')
    }
    if (data.length > inputBytes) {
      const text = `an input of ${data.length} bytes is above limits.inputBytes = ${inputBytes}; it was not taken`
      return new InputError('ERR_HOTPAIR_INPUT_TOO_LARGE', text)
    }
    if (id === undefined) return undefined
    const { source, seq } = id
    const isNamed =
      typeof source === 'string' && source !== '' && Buffer.byteLength(source) <= sourceNameBytes
    if (isNamed && Number.isSafeInteger(seq) && seq >= 0 && seq <= maxU48) return undefined
    const text = `source must be a text of 1 to ${sourceNameBytes} bytes and seq a whole number from 0 to 2^48 - 1`
    return new InputError('ERR_HOTPAIR_INPUT', text)
  }

  #tell(event: Told): void {
    if (event.type === 'role' && (event.role === 'loading' || event.role === 'primary'))
      this.#prepare()
    this.#emitter.emit({ ...event, at: systemClock.wall() } as PairEvent)
  }

  /** Outside connections are opened before they are needed, once. */
  #prepare(): void {
    const { prepare } = this.#config.app
    if (this.#isPrepared || prepare === undefined) return
    this.#isPrepared = true
    const failed = (cause: unknown) => {
      const text = `prepare() failed: ${cause instanceof Error ? cause.message : String(cause)}`
      this.#fault(new PairError('ERR_HOTPAIR_DELIVER', text, { cause }))
    }
    try {
      const running = prepare.call(this.#config.app, { signal: this.#preparing.signal })
      running?.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
  }

  #fault(error: PairError, frameNo?: number, channel?: string): void {
    this.#tell({ type: 'fault', error, frameNo, channel } as Told)
  }

  #makeServer(): Server<State> {
    const config = this.#config
    const post = (happening: Parameters<Runtime['post']>[0]) => this.#runtime.post(happening)
    return new Server(
      {
        ...config,
        clock: systemClock,
        outbox: openOutbox(config.limits.outboxBytes),
        snapshot: nativeSnapshot,
        isGateOpen: () => this.#unit?.isGateOpen() ?? false,
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
          if (addressee === this.#incarnation)
            post({ type: 'told-in-sync', incarnation: from, epoch })
        },
        outOfStep: (reason) => post({ type: 'out-of-step', reason }),
        ackTimeout: () => post({ type: 'ack-timeout' }),
        fault: (error, frameNo, channel) => this.#fault(error, frameNo, channel),
        takeover: (report) => this.#tell({ type: 'takeover', ...report } as Told),
      },
    )
  }

  #makePeer(): PeerPort {
    const { pair, member, settings, secret, addresses, limits } = this.#config
    const data = ({ host, port }: Address): Address => ({ host, port: port + 1 })
    return new Peer({
      pair,
      self: member,
      incarnation: this.#incarnation,
      settings,
      secret,
      listen: addresses.self.map(data),
      dial: addresses.peer.map(data),
      maxPacketBytes: packetLimit(limits.inputBytes),
      clock: systemClock,
      random: Math.random,
    })
  }

  #makeRuntime(): Runtime {
    const { member, settings, startWindowMs, windowMs, onLoss } = this.#config
    const core: CoreConfig = {
      self: member,
      incarnation: this.#incarnation,
      settings: settingsDigest(settings),
      startWindow: millis(startWindowMs),
      window: millis(windowMs),
      onLoss,
    }
    return new Runtime(core, {
      clock: systemClock,
      entropy: () => {
        const bytes = randomBytes(16)
        return (bytes.readBigUInt64LE(0) << 64n) | bytes.readBigUInt64LE(8)
      },
      unit: {
        announce: (presence) => this.#unit?.announce(presence),
        openGate: () => this.#unit?.openGate(),
        closeGate: () => this.#unit?.closeGate(),
        watch: (isAwaiting) => this.#unit?.watch(isAwaiting),
      },
      store: this.#store,
      server: this.#server,
      tell: (event) => this.#tell(event),
      trace: traceTransition,
      stopped: () => void this.#end(),
      failed: (error) =>
        this.#fault(
          error instanceof PairError
            ? error
            : new PairError('ERR_HOTPAIR_INVARIANT', String(error), { cause: error }),
        ),
    })
  }

  #openBeats(own: readonly string[], other: readonly (string | undefined)[]): BeatsPort {
    const { pair, member, secret, heartbeatMs, windowMs, addresses } = this.#config
    return openHeartbeat(
      {
        pair: pairDigest(pair),
        self: member === 'a' ? 0 : 1,
        incarnation: this.#incarnation,
        keys: beatKeys(pair, secret),
        intervalMicros: Math.round(heartbeatMs * 1_000),
        windowMicros: Math.round(windowMs * 1_000),
        dials: member === 'b',
        links: addresses.self.map(({ port }, link) => ({
          selfHost: own[link] ?? '127.0.0.1',
          selfPort: port,
          peerHost: other[link] ?? '0.0.0.0',
          peerPort: addresses.peer[link]?.port ?? port,
          peerDataPort: (addresses.peer[link]?.port ?? port) + 1,
        })),
      },
      () => {
        if (this.#isBegun) this.#unit?.look()
      },
    )
  }

  #makeUnit(beats: BeatsPort): Unit {
    return new Unit(beats, {
      clock: systemClock,
      heartbeatMs: this.#config.heartbeatMs,
      post: (happening) => this.#runtime.post(happening),
      tell: (event) => this.#tell(event),
      peerHeard: () => this.#peer.dialNow(),
    })
  }

  #peerHandlers(): PeerHandlers {
    return {
      linkUp: (link) => {
        this.#server.linkUp(link)
        this.#tell({ type: 'link', up: true, address: link.address, reason: undefined })
        this.#runtime.post({ type: 'link-up', incarnation: link.hello.incarnation })
      },
      packet: (link, body) => this.#server.packet(link, body),
      drained: () => this.#server.drained(),
      linkDown: (link, reason) => {
        this.#server.linkDown()
        this.#unit?.probe()
        this.#tell({ type: 'link', up: false, address: link.address, reason })
        this.#runtime.post({ type: 'link-down', incarnation: link.hello.incarnation })
      },
      refused: (refusal) => this.#tell({ type: 'refused', ...refusal }),
    }
  }

  /** The rules have ended: the last word leaves, then everything is closed. */
  async #end(): Promise<void> {
    this.#isClosing = true
    this.#preparing.abort(new ClosedError())
    this.#server.close()
    await new Promise<void>((resolve) => systemClock.setTimer(millis(farewellMs), resolve))
    await this.#shut()
    this.#setClosed()
  }

  /** Closes every socket, timer and buffer that is open. */
  async #shut(): Promise<void> {
    this.#config.signal?.removeEventListener('abort', this.#abort)
    this.#server.close()
    await this.#peer.close()
    this.#unit?.close()
  }
}

async function resolved({ host, port }: Address): Promise<string> {
  try {
    return (await lookup(host)).address
  } catch (cause) {
    const text = `the address ${host}:${port} of this member cannot be resolved`
    throw new NativeError('ERR_HOTPAIR_ADDRESS', text, { cause })
  }
}

/** The other member's name may not resolve yet: it is asked for again while the member runs. */
async function resolvedOrNothing({ host }: Address): Promise<string | undefined> {
  try {
    return (await lookup(host)).address
  } catch {
    return undefined
  }
}
