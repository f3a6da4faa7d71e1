/**
 * The outside of a simulated pair: the application, its sources, its receivers, and an oracle.
 *
 * The application keeps, as part of its state, the list of all inputs it has processed; so a ruling
 * member's state says what the history is, and the oracle computes from that list alone what every
 * channel must have sent. Nothing here looks into the code under test.
 */

import type { App, Output } from '#lib/options.js'
import { createReceiver } from '#lib/receiver.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { VirtualClock } from '#lib/testing/virtual-clock.js'
import { millis } from '#lib/units.js'

/** 0 ≤ number < 1, a function of `seed`. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e37_79b1)
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What is sent here differs on purpose, so that forks are what must come of it. */
const divergingChannel = 'diverging'

/** What one input tells `process` to do. */
export interface Order {
  readonly source: number
  readonly seq: number
  /** Bytes of each output, by channel; empty: none. */
  readonly sizes: readonly number[]
  /** Outputs of each size: 1 where it is not said. */
  readonly copies?: number
  /** The program closes this member from inside `process`, and goes on sending. */
  readonly closes?: 'a' | 'b'
  /** The event loop stands still inside `process`, for so many milliseconds on each member. */
  readonly hangsMs?: number
  /** Deterministic: throws after it has changed the state and sent something. */
  readonly throws: boolean
  /** Makes the two members differ on purpose. */
  readonly diverges: boolean
  /** Puts something into the state that cannot be cloned, or takes it out. */
  readonly poison: 'in' | 'out' | undefined
  /** Bytes of padding: the size of the input itself. */
  readonly padding: string
}

/** Typed arrays, because the image of plain numbers differs in length from run to run. */
export interface State {
  /** Every input processed, as source × 2^20 + seq; the first `count` of it. */
  log: Uint32Array
  /** [count of the log, running total] */
  readonly sums: Uint32Array
  ballast: Uint8Array
  poison: unknown
}

const seqSpan = 2 ** 20

export function idOf({ source, seq }: { source: number; seq: number }): number {
  return source * seqSpan + seq
}

export function channelName(index: number): string {
  return index === 0 ? 'default' : `channel ${index}`
}

/** One step of the program: alike in the application and in the oracle. */
function compute(
  state: Pick<State, 'log' | 'sums'>,
  order: Order,
  send: (channel: number, data: Uint8Array) => void,
): void {
  const [count = 0, before = 0] = state.sums
  if (count === state.log.length) {
    const longer = new Uint32Array(2 * count)
    longer.set(state.log)
    state.log = longer
  }
  state.log[count] = idOf(order)
  const total = (before * 31 + idOf(order)) % 1_000_003
  state.sums.set([count + 1, total])
  for (const [channel, size] of order.sizes.entries()) {
    if (size === 0) continue
    for (let copy = 0; copy < (order.copies ?? 1); copy += 1) {
      const data = Buffer.alloc(Math.max(size, 24), total & 0xff)
      data.write(`${count + 1}:${total}:${channel}:${copy} `)
      send(channel, data)
    }
  }
  if (order.throws) throw new Error('the program throws on this input')
}

/** What a ruling member with this log must have sent: one list a channel. */
export function oracle(log: Uint32Array, orders: ReadonlyMap<number, Order>): Uint8Array[][] {
  const channels: Uint8Array[][] = []
  const state = emptyState()
  for (const id of log) {
    const order = orders.get(id)
    if (order === undefined) throw new Error(`the log has an input that nobody sent: ${id}`)
    const sent: [number, Uint8Array][] = []
    try {
      compute(state, order, (channel, data) => sent.push([channel, data]))
    } catch {
      sent.length = 0
    }
    for (const [channel, data] of sent) {
      channels[channel] ??= []
      channels[channel].push(data)
    }
  }
  return channels
}

export function emptyState(): Pick<State, 'log' | 'sums'> {
  return { log: new Uint32Array(256), sums: new Uint32Array(2) }
}

/** The ids of all inputs that `state` has seen, in order. */
export function logOf(state: State): Uint32Array {
  return state.log.subarray(0, state.sums[0])
}

export function encode(order: Order): Uint8Array {
  return Buffer.from(JSON.stringify(order))
}

/** One `deliver`, as it was begun. */
export interface Begun {
  readonly member: string
  readonly epoch: number
  readonly isRepeat: boolean
  readonly digest: number
}

/** The receivers of all channels: confirm after a while what their helper takes. */
export class Sink {
  readonly streams = new Map<string, Uint8Array[]>()
  readonly problems: string[] = []
  readonly begun = new Map<string, Begun[]>()
  readonly histories = new Set<string>()
  /** Channels whose receiver is down. */
  readonly down = new Set<string>()
  /** Members from which nothing reaches a receiver, and no answer comes. */
  readonly hanging = new Set<string>()
  /** Outputs that a receiver said it has; none of them may be begun again. */
  readonly confessed = new Set<string>()
  readonly #taken = new Set<string>()
  readonly #receiver = createReceiver()
  #highestEpoch = 0

  /** A ruling member begins to deliver. */
  begin(member: string, output: Output): void {
    const { history, channel, number, epoch, digest, isRepeat } = output
    const key = `${history} ${channel} ${number}`
    const before = this.begun.get(key) ?? []
    this.begun.set(key, [...before, { member, epoch, isRepeat, digest }])
    if (this.confessed.has(key)) this.problems.push(`${key} was begun again though it is there`)
    if (before.length > 0 && !isRepeat) {
      this.problems.push(`${key} was begun again in ${epoch} and not marked as a repeat`)
    }
    const isOther = before.some((one) => one.digest !== digest)
    if (isOther && channel !== divergingChannel) this.problems.push(`${key}: other bytes`)
    if (epoch < this.#highestEpoch) {
      this.problems.push(`${key} was begun in ${epoch} below ${this.#highestEpoch}`)
    }
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch)
    const isFirst = number === 1 || this.begun.has(`${history} ${channel} ${number - 1}`)
    if (!isFirst) this.problems.push(`${key} was begun before the one before it`)
  }

  /** Whether the receiver has this output. */
  has({ history, channel, number }: Output): boolean {
    const key = `${history} ${channel} ${number}`
    const isThere = this.#taken.has(key)
    if (isThere) this.confessed.add(key)
    return isThere
  }

  /** True: confirmed. */
  take(output: Output): boolean {
    if (this.down.has(output.channel)) return false
    const verdict = this.#receiver.take(output)
    this.histories.add(output.history)
    if (verdict.type === 'fork' && output.channel !== divergingChannel) {
      this.problems.push(`fork ${output.channel} ${output.number}`)
    }
    if (verdict.type === 'new') {
      this.#taken.add(`${output.history} ${output.channel} ${output.number}`)
      const key = `${output.history} ${output.channel}`
      const stream = this.streams.get(key)
      if (stream) stream.push(output.data)
      else this.streams.set(key, [output.data])
    }
    return verdict.type === 'new' || verdict.type === 'known'
  }
}

/** How deliveries behave in a run. */
export interface DeliveryStyle {
  readonly delayMs: () => number
  /** Share of confirmations that are lost on the way. */
  readonly lost: number
  /** Share that is taken in the call itself. */
  readonly synchronous: number
  /** Share that throws in the call itself. */
  readonly throwing: number
}

export interface AppParts {
  readonly clock: VirtualClock
  readonly random: () => number
  readonly sink: Sink
  readonly style: DeliveryStyle
  readonly ballastBytes: number
}

/** The application of one member. */
export function makeApp(parts: AppParts, member: SimMember<State>): App<State> {
  const { clock, random, sink, style } = parts
  const name = `${member.id} ${member.incarnation}`
  /** When the last output of a channel arrives: one connection each, in order. */
  const arrivals = new Map<string, number>()
  return {
    init: () => ({
      ...emptyState(),
      ballast: new Uint8Array(parts.ballastBytes),
      poison: undefined,
    }),
    process(state, frame, ctx) {
      const order = JSON.parse(Buffer.from(frame.data).toString()) as Order
      if (order.poison) state.poison = order.poison === 'in' ? () => {} : undefined
      if (order.closes === member.id) member.close()
      if (order.hangsMs) {
        member.block()
        clock.setTimer(millis(order.hangsMs), () => member.unblock())
      }
      if (order.diverges) ctx.send(Buffer.from(`${random()}`), { channel: divergingChannel })
      compute(state, order, (channel, data) => ctx.send(data, { channel: channelName(channel) }))
    },
    wasReceived: (output) =>
      new Promise((resolve) => {
        clock.setTimer(millis(style.delayMs()), () => member.act(() => resolve(sink.has(output))))
      }),
    deliver(output) {
      sink.begin(name, output)
      if (sink.hanging.has(member.id)) return new Promise(() => {})
      const kind = random()
      if (kind < style.throwing) throw new Error('thrown in the call')
      if (kind < style.throwing + style.synchronous) {
        if (sink.take(output)) return
        throw new Error('refused in the call')
      }
      const now = clock.now()
      const arrival = Math.max(arrivals.get(output.channel) ?? 0, now + style.delayMs())
      arrivals.set(output.channel, arrival)
      return new Promise((resolve, reject) => {
        clock.setTimer(millis(arrival - now), () => {
          // It reaches the receiver even if its sender is dead by then; the confirmation does not.
          const isTaken = sink.take(output) && random() >= style.lost
          clock.setTimer(millis(style.delayMs()), () =>
            member.act(() => (isTaken ? resolve() : reject(new Error('not confirmed')))),
          )
        })
      })
    },
  }
}
