/**
 * A pair on a stage: sources that feed it, receivers that take from it, and what must hold at the
 * end.
 *
 * A scenario does what it likes to the pair and calls `heal`, which gives it 5 s of virtual time to
 * be whole again and to deliver all, and then `check`. Nothing here does any harm.
 */

import type { SwitchoverOutcome } from '#lib/events.js'
import type { Told } from '#lib/runtime/ports.js'
import type { SnapshotPort } from '#lib/runtime/ports-outbox.js'
import type { TakeoverReport } from '#lib/runtime/ports-server.js'
import { referenceSnapshot } from '#lib/testing/reference-snapshot.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import { SimPair } from '#lib/testing/sim-pair.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { type MemberId, millis, peerOf } from '#lib/units.js'
import { chunkBytes } from '#lib/wire/limits.js'
import type { Plan } from './plan.js'
import { Source } from './source.js'
import {
  channelName,
  generator,
  idOf,
  logOf,
  makeApp,
  type Order,
  oracle,
  Sink,
  type State,
} from './world.js'

export const windowMs = 100
const heartbeatMs = 20
/** Above the window, as options demand. */
export const hangAfterMs = 150
/** Faults end here, whether all inputs are accepted or not. */
export const faultsEndMs = 3_000
const healMs = 5_000

/** Faults that a run may show without any bug: they are what was put into it. */
const expectedFaults = new Set([
  'ERR_HOTPAIR_DELIVER',
  'ERR_HOTPAIR_LOAD',
  'ERR_HOTPAIR_STATE',
  'ERR_HOTPAIR_PROCESS_THREW',
  'ERR_HOTPAIR_DIVERGED',
  'ERR_HOTPAIR_SUSPECT',
])

export class Stage {
  readonly plan: Plan
  readonly clock: VirtualClock = new VirtualClock()
  readonly sink: Sink = new Sink()
  readonly pair: SimPair<State>
  /** What was done and what came of it, for a replay. */
  readonly trail: string[] = []
  readonly sources: readonly Source[]
  readonly random: () => number
  readonly takeovers: TakeoverReport[] = []
  /** Everything that the members told their users. */
  readonly told: { readonly at: number; readonly member: MemberId; readonly event: Told }[] = []
  /** Codes of the faults, with the member that has them. */
  readonly faults: string[] = []
  /** How each switchover ended. */
  readonly switchovers: SwitchoverOutcome[] = []
  /** When a member that is down is to be started again. */
  readonly downUntil: Map<MemberId, number> = new Map()
  /** Until when a door takes nothing. */
  readonly deafUntil: Map<MemberId, number> = new Map()
  readonly #problems: string[] = []
  readonly #orders = new Map<number, Order>()

  constructor(plan: Plan) {
    this.plan = plan
    this.random = generator(plan.seed * 7 + 3)
    this.sources = plan.sources.map((orders, index) => new Source(`source ${index}`, orders))
    for (const order of plan.sources.flat()) this.#orders.set(idOf(order), order)
    this.pair = this.#makePair()
  }

  /** What did not hold. */
  get problems(): readonly string[] {
    return [...this.#problems, ...this.sink.problems]
  }

  /** All inputs are accepted. */
  get isDone(): boolean {
    return this.sources.every(({ isDone }) => isDone)
  }

  /** Both members are there, in sync, and all is delivered. */
  get isHealed(): boolean {
    return this.pair.isPaired && this.pair.primary?.server.counts.pending === 0
  }

  /** Runs to `until`, feeding both doors each millisecond and starting again what is due. */
  async play(until: number): Promise<void> {
    for (let at = Math.floor(this.clock.now()) + 1; at <= until; at += 1) {
      await this.clock.run(at)
      this.feed(at)
      this.raise(at)
      this.#checkBounds()
    }
  }

  describe(): string {
    const members = this.pair.members.map((member) => {
      const { role, mode, isRunning, state } = member
      return JSON.stringify(
        {
          id: member.id,
          role,
          mode,
          isRunning,
          linked: member.isLinked,
          state,
          ...member.server.counts,
        },
        (_, value) => (typeof value === 'bigint' ? String(value % 10_000n) : value),
      )
    })
    const sources = this.sources.map(({ accepted, orders }) => `${accepted.size}/${orders.length}`)
    return `${sources.join(' ')} ${members.join('\n  ')}`
  }

  note(text: string): void {
    this.trail.push(`${this.clock.now().toFixed(2)} ${text}`)
  }

  /** Every source gives each member something. */
  feed(at: number): void {
    for (const member of this.pair.members) {
      if ((this.deafUntil.get(member.id) ?? 0) > at) continue
      for (const source of this.sources) {
        const most = 1 + Math.floor(this.random() * this.plan.rate)
        if (this.random() < this.plan.pace) source.feed(member, most, at)
        if (this.random() < 0.01) source.repeat(member, this.random(), at)
        if (this.random() < 0.005) source.skip(member)
      }
    }
  }

  /** Starts again what has ended. */
  raise(at: number): void {
    for (const id of ['a', 'b'] as const) {
      if (this.pair.member(id) || (this.downUntil.get(id) ?? 0) > at) continue
      this.note(`start ${id}`)
      this.pair.start(id)
    }
  }

  async heal(): Promise<void> {
    const { clock, pair } = this
    const until = clock.now() + healMs
    while (clock.now() < until && !this.isHealed) {
      await clock.run(clock.now() + 5)
      this.raise(Number.POSITIVE_INFINITY)
    }
    if (!this.isHealed) this.#problems.push(`not whole after ${healMs} ms: ${this.describe()}`)
    await clock.run(clock.now() + 2 * windowMs)
    if (!pair.isPaired) this.#problems.push(`fell apart by itself: ${this.describe()}`)
  }

  check(): void {
    const { primary } = this.pair
    if (primary === undefined) return
    const logOfMember = (member: SimMember<State> | undefined) => {
      const held = member?.server.held
      return held ? logOf(held.state) : new Uint32Array(0)
    }
    const log = logOfMember(primary)
    const other = logOfMember(this.pair.member(peerOf(primary.id)))
    if (other.length > log.length) this.#problems.push('the standby is ahead of the primary')
    this.#checkInputs(log)
    this.#checkStreams(log)
    if (this.sink.histories.size > 1) this.#problems.push('a new history has begun')
  }

  /** Each accepted input is in the history once, each source's in its order, or it is listed. */
  #checkInputs(log: Uint32Array): void {
    const seen = new Set(log)
    if (seen.size !== log.length) this.#problems.push('an input was processed twice')
    const skipped = new Set(this.skippedIds())
    for (const id of skipped) {
      if (seen.has(id)) this.#problems.push(`${id} is listed as skipped and was processed`)
      seen.add(id)
    }
    for (const { accepted, name } of this.sources) {
      const lost = [...accepted].filter((id) => !seen.has(id))
      if (lost.length > 0) {
        this.#problems.push(`${name}: accepted and lost: ${lost.slice(0, 5).join()}`)
      }
    }
    const last = new Map<number, number>()
    for (const id of log) {
      const order = this.#orders.get(id)
      if (order === undefined) continue
      let before = last.get(order.source) ?? 0
      while (skipped.has(idOf({ source: order.source, seq: before + 1 }))) before += 1
      if (order.seq !== before + 1) this.#problems.push(`${id} was processed after ${before}`)
      last.set(order.source, order.seq)
    }
  }

  /** The inputs that the ruling member lists as left out. */
  skippedIds(): readonly number[] {
    const listed = this.pair.primary?.server.skipped ?? []
    return listed.map(({ source, seq }) => {
      const index = this.sources.findIndex(({ name }) => name === source)
      return idOf({ source: index, seq })
    })
  }

  /** Behind the helper each channel is what one uninterrupted process would have sent. */
  #checkStreams(log: Uint32Array): void {
    const [history] = this.sink.histories
    const expected = oracle(log, this.#orders)
    for (const [index, stream] of expected.entries()) {
      const name = channelName(index)
      const got = this.sink.streams.get(`${history} ${name}`) ?? []
      const wanted = stream ?? []
      if (got.length !== wanted.length) {
        this.#problems.push(`${name} has ${got.length} outputs instead of ${wanted.length}`)
      }
      const wrong = wanted.findIndex((data, at) => Buffer.compare(data, got[at] ?? data) !== 0)
      if (wrong >= 0) this.#problems.push(`${name}: output ${wrong + 1} differs`)
    }
  }

  #checkBounds(): void {
    const { queueBytes, unacknowledgedBytes, outboxBytes } = this.plan
    for (const { id, server, role } of this.pair.members) {
      const { heldBytes, outboxBytes: used } = server.counts
      const state = `${id} as ${role}`
      if (heldBytes > queueBytes) this.#problems.push(`${state} holds ${heldBytes} bytes`)
      // What one turn produces may wait beside the outbox.
      if (used > outboxBytes * 2) this.#problems.push(`${state} keeps ${used} bytes of outputs`)
      void unacknowledgedBytes
    }
  }

  #onTakeover(member: SimMember<State>, report: TakeoverReport): void {
    this.takeovers.push(report)
    const listed = new Map<string, number>()
    for (const { channel } of report.inDoubt) listed.set(channel, (listed.get(channel) ?? 0) + 1)
    for (const [channel, count] of listed) {
      if (count <= this.plan.inFlight) continue
      this.#problems.push(`${member.id} lists ${count} outputs of ${channel} in doubt`)
    }
    this.note(`${member.id} takes over in ${report.epoch} (${report.verdict})`)
  }

  #makePair(): SimPair<State> {
    const { plan, clock, sink } = this
    const random = this.random
    const around = (ms: number) => () => millis(ms * (0.5 + random()))
    const style = { ...plan, delayMs: around(plan.deliverMs) }
    return new SimPair<State>({
      clock,
      random,
      app: (member) =>
        makeApp({ clock, random, sink, style, ballastBytes: plan.ballastBytes }, member),
      limits: {
        inputBytes: 8_192,
        queueBytes: plan.queueBytes,
        unacknowledgedBytes: plan.unacknowledgedBytes,
        lagFrames: plan.lagFrames,
        outboxBytes: plan.outboxBytes,
        stateBytes: 8_388_608,
        sources: 4,
        channels: 8,
        timers: 100,
      },
      snapshot: snapshotOf(plan, () => (clock.now() < faultsEndMs ? random() : 1)),
      heartbeatMs,
      windowMs,
      ackTimeoutMs: windowMs,
      deliverTimeoutMs: plan.deliverTimeoutMs,
      inFlight: plan.inFlight,
      onLoss: 'wait',
      onSuspect: plan.onSuspect,
      onStuckDeliver: plan.onStuckDeliver,
      inDoubt: plan.inDoubt,
      hangAfterMs,
      linkDelay: around(plan.linkDelayMs),
      beatDelay: around(plan.beatDelayMs),
      beatLoss: 0,
      beatDuplicates: 0,
      mostBeatsLostInRow: 0,
      drift: { a: { rate: 1, wallOffsetMs: 0 }, b: { rate: 1, wallOffsetMs: 0 } },
      pieceMs: plan.pieceMs,
      highWaterPieces: plan.highWaterPieces,
      detectMs: 0.5,
      onFault: (member, error) => {
        this.faults.push(`${member.id} ${error.code}`)
        if (expectedFaults.has(error.code)) return
        this.#problems.push(`${clock.now().toFixed(2)} ${member.id} ${error.code} ${error.message}`)
        const { cause } = error
        if (cause instanceof Error) this.#problems.push(String(cause.stack))
      },
      onTakeover: (member, report) => this.#onTakeover(member, report),
      onEvent: (member, event) => {
        this.told.push({ at: clock.now(), member: member.id, event })
        if (event.type === 'switchover') {
          this.switchovers.push(event.outcome)
          return this.note(`${member.id} switchover ${event.outcome} ${event.epoch}`)
        }
        if (event.type !== 'role' && event.type !== 'mode') return
        const { type, epoch } = event
        const what = event.type === 'role' ? `${event.role} ${event.cause}` : event.mode
        this.note(`${member.id} ${type} ${what} ${epoch}`)
      },
    })
  }
}

/**
 * The plain serializer with smaller chunks, some of them damaged, and images that cannot be read.
 */
function snapshotOf(plan: Plan, random: () => number): SnapshotPort {
  return {
    cut: (image) =>
      referenceSnapshot.cut(image, Math.min(chunkBytes, Math.ceil(image.length / plan.chunks))),
    stage: (imageBytes) => {
      const reader = referenceSnapshot.stage(imageBytes)
      return {
        put: (chunk) => {
          if (random() >= plan.corruptChunks) return reader.put(chunk)
          const damaged = chunk.slice()
          const at = Math.floor(random() * damaged.length)
          damaged[at] = (damaged[at] ?? 0) ^ 1
          return reader.put(damaged)
        },
        take: () => {
          const image = reader.take()
          return random() < plan.failedRestores ? image.subarray(image.length >> 1) : image
        },
        close: () => reader.close(),
      }
    },
  }
}
