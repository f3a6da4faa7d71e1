/**
 * `openMember`: from options to a member that works. What a user holds is this class; the parts
 * behind it are joined in `member/host.ts`.
 */

import type { Writable } from 'node:stream'
import { within } from './config/check.js'
import { type Config, configOf } from './config.js'
import type { State as CoreState } from './core/state.js'
import { Emitter } from './emitter.js'
import { ClosedError, InputError, PairError, reasonOf } from './errors.js'
import type { Mode, PairEvent, PairEvents, Role } from './events.js'
import type {
  InputId,
  Member,
  Milestone,
  Status,
  SwitchoverOptions,
  SwitchoverResult,
} from './member/contract.js'
import { force } from './member/force.js'
import { Host } from './member/host.js'
import { intakeOf } from './member/intake.js'
import { limitsOf } from './member/limits.js'
import { Switchovers } from './member/switchover.js'
import type { MemberOptions } from './options.js'
import { systemClock } from './runtime/clock.js'
import type { Told } from './runtime/ports.js'
import type { BeatStatistics } from './runtime/ports-beats.js'
import type { Received } from './server/intake.js'
import { millis } from './units.js'
import { sourceNameBytes } from './wire/limits.js'
import { maxU48 } from './wire/packet.js'

export type {
  InputId,
  Member,
  Milestone,
  RefusedCounts,
  Status,
  SwitchoverOptions,
  SwitchoverResult,
} from './member/contract.js'

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

/** Longest block that can be announced: the bound of the beat thread. */
const longestBlockMs = 600_000

class PairMember<State> implements Member<State> {
  readonly #config: Config<State>
  readonly #emitter = new Emitter()
  readonly #host: Host<State>
  readonly #switchovers: Switchovers
  readonly #preparing = new AbortController()
  readonly #abort = () => void this.close()
  #isPrepared = false
  #closing: Promise<void> | undefined

  constructor(config: Config<State>) {
    this.#config = config
    this.#host = new Host(config, (event) => this.#tell(event))
    this.#switchovers = new Switchovers({
      ask: (ms) => this.#host.ask({ type: 'switchover-asked', deadline: millis(ms) }),
      cancel: () => this.#host.ask({ type: 'switchover-cancelled' }),
    })
  }

  get role(): Role {
    return this.#state.role
  }

  get mode(): Mode | undefined {
    const state = this.#state
    if (state.role !== 'primary') return undefined
    if (state.mode !== 'paired') return 'solo'
    return state.link === state.mirror ? 'paired' : 'waiting'
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
    return this.#host.state
  }

  async open(): Promise<void> {
    await this.#host.open()
    this.#config.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  receive(data: Uint8Array, id?: InputId): Promise<Received> {
    return new Promise((resolve, reject) => {
      const wrong = this.#wrongInput(data, id)
      if (wrong) return reject(wrong)
      const { source, seq } = id ?? { source: undefined, seq: 0 }
      this.#host.server.receive({ data, source, seq, answer: { resolve, reject } })
    })
  }

  intake(options?: { readonly highWaterMark?: number }): Writable {
    return intakeOf((data, id) => this.receive(data, id), options?.highWaterMark)
  }

  read<Result>(reader: (state: State, frameNo: number) => Result): Result | undefined {
    const { held } = this.#host.server
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
      incarnation: this.#host.incarnation,
      peer: peer && {
        role: peer.presence.role,
        epoch: peer.presence.epoch,
        condition:
          peer.hungIn !== undefined && peer.condition === 'alive' ? 'hung' : peer.condition,
      },
      isLinked: link !== undefined,
      roundTripMs: this.#host.roundTripMs,
      unit: this.#host.unit,
      counts: this.#host.server.counts,
      skipped: this.#host.server.skipped,
      shared: this.#host.server.shared,
      secrets: this.#host.secrets.inUse(link !== undefined),
      refused: this.#host.strangers.refused,
      ...this.#host.right.status,
      limits: limitsOf(this.#config),
    }
  }

  announceBlock({ atMost }: { readonly atMost: number }): Disposable {
    const end = this.#host.announceBlock(within('atMost', atMost, 1, longestBlockMs, false))
    return { [Symbol.dispose]: end }
  }

  beatStatistics(since?: BeatStatistics): BeatStatistics {
    return this.#host.beatStatistics(since)
  }

  switchover(options?: SwitchoverOptions): Promise<SwitchoverResult> {
    if (this.role === 'stopped') return Promise.reject(new ClosedError())
    return this.#switchovers.begin(options)
  }

  force(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const ask = () => this.#host.ask({ type: 'force-asked' })
    return force(this.#state, ask, () => this.until('primary', options))
  }

  close(): Promise<void> {
    this.#closing ??= this.#host.close()
    return this.#closing
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
    if (this.#closing !== undefined || this.role === 'stopped') return new ClosedError()
    if (!(data instanceof Uint8Array)) {
      return new InputError('ERR_HOTPAIR_INPUT', 'an input must be a Uint8Array (a Buffer is one)')
    }
    if (data.length > inputBytes) {
      const text = `an input of ${data.length} bytes is above limits.inputBytes = ${inputBytes}; it was not taken`
      return new InputError('ERR_HOTPAIR_INPUT_TOO_LARGE', text)
    }
    if (id === undefined) return undefined
    const { source, seq } = id
    if (isSourceName(source) && Number.isSafeInteger(seq) && seq >= 0 && seq <= maxU48)
      return undefined
    const text = `source must be a well-formed text of 1 to ${sourceNameBytes} bytes and seq a whole number from 0 to 2^48 - 1`
    return new InputError('ERR_HOTPAIR_INPUT', text)
  }

  #tell(event: Told): void {
    if (event.type === 'role') this.#onRole(event.role)
    if (event.type === 'switchover') this.#switchovers.ended(event)
    this.#emitter.emit({ ...event, at: systemClock.wall() })
  }

  #onRole(role: Role): void {
    if (role === 'loading' || role === 'primary') this.#prepare()
    if (role !== 'stopped') return
    this.#preparing.abort(new ClosedError())
    this.#switchovers.close()
    this.#config.signal?.removeEventListener('abort', this.#abort)
  }

  /** Outside connections are opened before they are needed, once. */
  #prepare(): void {
    const { app } = this.#config
    if (this.#isPrepared || app.prepare === undefined) return
    this.#isPrepared = true
    const failed = (cause: unknown) => {
      const text = `prepare() failed: ${reasonOf(cause)}`
      this.#host.fault(new PairError('ERR_HOTPAIR_DELIVER', text, { cause }))
    }
    try {
      app.prepare({ signal: this.#preparing.signal })?.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
  }
}

function isSourceName(source: unknown): boolean {
  if (typeof source !== 'string' || source === '') return false
  // Half of a surrogate pair would be another name on the other member. Few names have any.
  if (/[\ud800-\udfff]/.test(source) && /\p{Surrogate}/u.test(source)) return false
  return Buffer.byteLength(source) <= sourceNameBytes
}
