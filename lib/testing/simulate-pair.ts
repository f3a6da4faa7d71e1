/**
 * A pair for a user's own tests: the shipped rules and server, twice, around the user's
 * application, in one process and in virtual time. A takeover takes some real milliseconds, a run
 * is a function of its seed, and nothing of it waits, listens or reads a clock.
 *
 * The application's `deliver`, `wasReceived` and `prepare` are not called: they are the way to the
 * real world. Receivers of the simulation stand in their place and keep what came.
 */

import { AssertionError } from 'node:assert'
import type { PairError } from '../errors.js'
import type { App, InDoubtPolicy, Limits, Output, PlainApp, SharedApp } from '../options.js'
import type { Told } from '../runtime/ports.js'
import { digestOf } from '../server/digest.js'
import { type MemberId, millis, peerOf } from '../units.js'
import { type Delivered, Receivers, Sender } from './outside.js'
import type { SimMember } from './sim-member.js'
import { SimPair } from './sim-pair.js'
import { programOf, settingsOf } from './simulated-settings.js'
import { VirtualClock } from './virtual-clock.js'

/** What is used of an application: all of it may be handed in. */
export type SimulatedApp<State> =
  | Pick<PlainApp<State>, 'state' | 'init' | 'process'>
  | Pick<SharedApp<State>, 'state' | 'init' | 'process'>

export interface SimulatedPairOptions<State> {
  /** Of both members, or how each makes its own. */
  readonly app: SimulatedApp<State> | ((member: MemberId) => SimulatedApp<State>)
  /** Another one is another run: delays and identities. A whole number; default 1. */
  readonly seed?: number
  /** One way from member to member, on average, in ms. Default 0.2. */
  readonly latencyMs?: number
  /** As in `openMember`; the defaults are those for a fast pair: 20, 100, 500 and 10,000 ms. */
  readonly heartbeatMs?: number
  readonly windowMs?: number
  readonly hangAfterMs?: number
  readonly deliverTimeoutMs?: number
  /** As in `openMember`, with the same defaults. */
  readonly inFlight?: number
  readonly onLoss?: 'wait' | 'go'
  readonly onSuspect?: 'retry' | 'skip' | 'halt'
  readonly onStuckDeliver?: 'retry' | 'switch'
  readonly inDoubt?: Readonly<Record<string, InDoubtPolicy>>
  readonly limits?: Partial<Limits>
}

/** `down`: there is no such process. */
export type SimulatedRole = SimMember<unknown>['role'] | 'down'

const ids: readonly MemberId[] = ['a', 'b']
/** From one look at the pair to the next, in virtual ms. */
const stepMs = 1
/** For the pair to be whole again after anything: some windows and a load. */
const usualPatienceMs = 10_000

/** Starts both members, and resolves when they are paired. */
export async function simulatePair<State>(
  options: SimulatedPairOptions<State>,
): Promise<SimulatedPair<State>> {
  const pair = new SimulatedPair(options)
  for (const id of ids) pair.start(id)
  await pair.until(() => pair.isPaired, usualPatienceMs)
  return pair
}

export class SimulatedPair<State> {
  /** What the pair has told: `fault` events stand in `faults`. */
  readonly events: { readonly member: MemberId; readonly atMs: number; readonly event: Told }[] = []
  readonly faults: { readonly member: MemberId; readonly error: PairError }[] = []
  readonly #clock = new VirtualClock()
  readonly #pair: SimPair<State>
  readonly #senders = new Map<string, Sender>()
  readonly #receivers = new Receivers()

  /** With no member started: see `simulatePair`. */
  constructor(options: SimulatedPairOptions<State>) {
    this.#pair = new SimPair<State>({
      ...settingsOf(options),
      clock: this.#clock,
      app: ({ id }) => this.#appOf(options, id),
      onFault: ({ id }, error) => this.faults.push({ member: id, error }),
      onEvent: ({ id }, event) => this.events.push({ member: id, atMs: this.nowMs, event }),
    })
  }

  /** Virtual time since the beginning, in ms. */
  get nowMs(): number {
    return this.#clock.now()
  }

  /** Who rules, if exactly one does. */
  get primary(): MemberId | undefined {
    return this.#pair.primary?.id
  }

  /** One rules and the other is in sync. */
  get isPaired(): boolean {
    return this.#pair.isPaired
  }

  role(id: MemberId): SimulatedRole {
    return this.#pair.member(id)?.role ?? 'down'
  }

  /** The state of `id`, to look at; undefined while it has none. */
  state(id: MemberId): State | undefined {
    return this.#pair.member(id)?.server.held?.state
  }

  /** The last frame that `id` has processed. */
  frameNo(id: MemberId): number | undefined {
    return this.#pair.member(id)?.server.held?.frameNo
  }

  /** One input from outside, to both members, until one has accepted it. Its number in `source`. */
  feed(data: Uint8Array | string, source = 'test'): number {
    const bytes = typeof data === 'string' ? Buffer.from(data) : Uint8Array.from(data)
    let sender = this.#senders.get(source)
    if (sender === undefined) {
      sender = new Sender(source)
      this.#senders.set(source, sender)
    }
    const seq = sender.add(bytes)
    this.#pour()
    return seq
  }

  /** Whether the sender was told that this input is kept. */
  isAccepted(seq: number, source = 'test'): boolean {
    return this.#senders.get(source)?.isAccepted(seq) ?? false
  }

  /** What the receiver of `channel` has, each output once. */
  outputs(channel = 'default'): readonly Delivered[] {
    return this.#receivers.stream(channel)
  }

  /** All that has arrived at any receiver, what was sent again too. */
  get delivered(): readonly Delivered[] {
    return this.#receivers.delivered
  }

  /** The receiver of `channel` refuses what comes, until it accepts again. */
  refuse(channel = 'default'): void {
    this.#receivers.refuse(channel)
  }

  accept(channel = 'default'): void {
    this.#receivers.accept(channel)
  }

  /** Without a state, as a new process. */
  start(id: MemberId): void {
    if (this.#pair.member(id) === undefined) this.#pair.start(id)
  }

  /** kill -9. */
  kill(id: MemberId): void {
    this.#pair.kill(id)
  }

  /** Killed, if it lives, and started at once. */
  restart(id: MemberId): void {
    this.kill(id)
    this.start(id)
  }

  /** SIGSTOP, and SIGCONT after `ms`. */
  stop(id: MemberId, ms: number): void {
    this.#pair.stall(id, ms)
  }

  /** Its event loop stands still for `ms`; its beats go on. */
  hang(id: MemberId, ms: number): void {
    this.#pair.block(id, ms)
  }

  /** `member.close()`. */
  close(id: MemberId): void {
    this.#pair.member(id)?.close()
  }

  /** The primary is asked to give its rule to the other; how that ends comes as an event. */
  switchover(deadlineMs = 5_000): void {
    this.#pair.primary?.switchover(deadlineMs)
  }

  /** Nothing gets from this member to the other; without one: either way. */
  cut(from?: MemberId): void {
    for (const id of from === undefined ? ids : [from]) this.#pair.cutFrom(id)
  }

  heal(): void {
    for (const id of ids) if (this.#pair.net.isCutFrom(id)) this.#pair.heal(id)
  }

  /** The data connection breaks and is made anew; beats go on. */
  breakLink(): void {
    this.#pair.breakLink()
  }

  /** Time passes; what is to happen meanwhile happens. */
  async advance(ms: number): Promise<void> {
    const end = this.nowMs + ms
    while (this.nowMs < end) {
      // In one go where no sender waits for an answer: beats alone are cheap.
      const next = this.#isAllAccepted ? end : Math.min(end, this.nowMs + stepMs)
      await this.#clock.run(next)
      this.#pour()
    }
  }

  /** Time passes until `holds` does. Rejects when it does not within so much virtual time. */
  async until(holds: () => boolean, withinMs: number = usualPatienceMs): Promise<void> {
    const end = this.nowMs + withinMs
    while (!holds()) {
      if (this.nowMs >= end) {
        const message = `it did not come within ${withinMs} ms: ${this.describe()}`
        throw new AssertionError({ message, operator: 'until' })
      }
      await this.advance(stepMs)
    }
  }

  /**
   * All is well again, within so much virtual time: both members live and are in sync, every input
   * is accepted and every output sent, the states are equal, and each channel came without a gap,
   * without a number that had other bytes, and without a repeat that was not marked. Rejects with
   * the reason.
   */
  async assertWhole(withinMs: number = usualPatienceMs): Promise<void> {
    await this.until(() => this.#isAtRest, withinMs)
    const { violations } = this.#receivers
    const [a, b] = ids.map((id) => digestOf(this.state(id)))
    const differs = a === b ? [] : ['the states of a and b differ after the same frame']
    const found = [...violations, ...differs]
    if (found.length === 0) return
    throw new AssertionError({ message: found.join('; '), operator: 'assertWhole' })
  }

  /** What there is, in a line. */
  describe(): string {
    const members = ids.map((id) => `${id} is ${this.role(id)} at frame ${this.frameNo(id) ?? 0}`)
    const open = [...this.#senders.values()].reduce((sum, { openCount }) => sum + openCount, 0)
    const { pending = 0 } = this.#pair.primary?.server.counts ?? {}
    const faults = this.faults.map(({ member, error }) => `${member}: ${error.code}`)
    const rest = faults.length > 0 ? `, faults ${faults.join(', ')}` : ''
    const work = `${open} inputs not accepted, ${pending} outputs not sent`
    return `at ${this.nowMs} ms ${members.join(', ')}, ${work}${rest}`
  }

  get #isAtRest(): boolean {
    const { primary } = this.#pair
    if (primary === undefined || !this.isPaired) return false
    if (!this.#isAllAccepted) return false
    const { pending, frameNo } = primary.server.counts
    return pending === 0 && this.frameNo(peerOf(primary.id)) === frameNo
  }

  get #isAllAccepted(): boolean {
    return [...this.#senders.values()].every(({ isDone }) => isDone)
  }

  #pour(): void {
    for (const member of this.#pair.members) {
      for (const sender of this.#senders.values()) sender.pour(member)
    }
  }

  /** The user's program, and receivers of the simulation. */
  #appOf({ app, latencyMs }: SimulatedPairOptions<State>, id: MemberId): App<State> {
    const made = typeof app === 'function' ? app(id) : app
    const trip = () => {
      return new Promise<void>((arrive) => this.#clock.setTimer(millis(latencyMs ?? 0.2), arrive))
    }
    return {
      ...programOf(made),
      deliver: async (output: Output) => {
        const copy = { ...output, data: Uint8Array.from(output.data) }
        await trip()
        if (!this.#receivers.take(copy, id)) throw new Error('the receiver refuses it')
        await trip()
      },
      wasReceived: async (output: Output) => {
        await trip()
        return this.#receivers.has(output)
      },
    }
  }
}
