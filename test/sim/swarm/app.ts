/**
 * The application of a simulated pair, and the oracle that says what it must have sent.
 *
 * The application keeps, as part of its state, the list of all inputs it has processed; so a ruling
 * member's state says what the history is, and the oracle computes from that list alone what every
 * channel must have sent. Nothing here looks into the code under test.
 */

import type { App } from '#lib/options.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { Promised } from '../check/violation.js'
import { decode, type Inputs, idOf, isTimer, type Order, timerOf } from './order.js'
import type { Sink } from './sink.js'

/** What is sent here differs on purpose, so that forks are what must come of it. */
export const divergingChannel = 'diverging'

/** Typed arrays, because the image of plain numbers differs in length from run to run. */
export interface State {
  /** Every input and every timer processed, by its id; the first `sums[0]` of it. */
  log: Uint32Array
  /** The frame of each. */
  frames: Uint32Array
  /** [count of the log, running total] */
  readonly sums: Uint32Array
  /** Pair time of the last frame. */
  readonly now: Float64Array
  /** Pair time at which the last timer that has fired was due. */
  readonly due: Float64Array
  /**
   * A whole number that was computed from fractions, seldom: V8 keeps and writes it in another way
   * than the one that a load gives back, and both are equal.
   */
  readonly means: Map<string, number>
  ballast: Uint8Array
  poison: unknown
}

export function channelName(index: number): string {
  return index === 0 ? 'default' : `channel ${index}`
}

/** The ids of all inputs and timers that `state` has seen, in order. */
export function logOf(state: Pick<State, 'log' | 'sums'>): Uint32Array {
  return state.log.subarray(0, state.sums[0])
}

/** The frames of what is in the log. */
export function framesOf(state: Pick<State, 'frames' | 'sums'>): Uint32Array {
  return state.frames.subarray(0, state.sums[0])
}

function emptyState(): Pick<State, 'log' | 'frames' | 'sums' | 'now'> {
  return {
    log: new Uint32Array(256),
    frames: new Uint32Array(256),
    sums: new Uint32Array(2),
    now: new Float64Array(1),
  }
}

/** What each timer sends when it fires, on the first channel. */
const timerOutput = 20

/** The log has room for one more. */
function makeRoom(state: Pick<State, 'log' | 'frames' | 'sums'>): void {
  const [count = 0] = state.sums
  if (count < state.log.length) return
  const log = new Uint32Array(2 * count)
  log.set(state.log)
  state.log = log
  const frames = new Uint32Array(2 * count)
  frames.set(state.frames)
  state.frames = frames
}

/** One step of the program: alike in the application and in the oracle. */
function compute(
  state: Pick<State, 'log' | 'frames' | 'sums'>,
  { id, frameNo }: { readonly id: number; readonly frameNo: number },
  order: Pick<Order, 'sizes' | 'copies'>,
  send: (channel: number, data: Uint8Array) => void,
): void {
  makeRoom(state)
  const [count = 0, before = 0] = state.sums
  state.log[count] = id
  state.frames[count] = frameNo
  const total = (before * 31 + id) % 1_000_003
  state.sums[0] = count + 1
  state.sums[1] = total
  for (let channel = 0; channel < order.sizes.length; channel += 1) {
    const size = order.sizes[channel] ?? 0
    for (let copy = 0; size > 0 && copy < (order.copies ?? 1); copy += 1) {
      const data = Buffer.alloc(Math.max(size, 16), total & 0xff)
      data.writeUInt32LE(count + 1, 0)
      data.writeUInt32LE(total, 4)
      data.writeUInt32LE(channel, 8)
      data.writeUInt32LE(copy, 12)
      send(channel, data)
    }
  }
}

/** What a ruling member with this log must have sent: one list a channel. */
export function oracle(log: Uint32Array, inputs: Inputs): Uint8Array[][] {
  const channels: Uint8Array[][] = []
  const state = emptyState()
  for (const id of log) {
    const order = isTimer(id) ? { sizes: [timerOutput] } : inputs.byId(id)
    if ('throws' in order && order.throws) {
      compute(state, { id, frameNo: 0 }, order, () => {})
      continue
    }
    compute(state, { id, frameNo: 0 }, order, (channel, data) => {
      channels[channel] ??= []
      channels[channel].push(data)
    })
  }
  return channels
}

/** How many outputs `oracle` has, one count a channel. */
export function countsOf(log: Uint32Array, inputs: Inputs): readonly number[] {
  const counts = Array.from({ length: inputs.channels }, () => 0)
  const add = (channel: number, more: number) => {
    counts[channel] = (counts[channel] ?? 0) + more
  }
  for (const id of log) {
    if (isTimer(id)) {
      add(0, 1)
      continue
    }
    const { sizes, copies = 1, throws } = inputs.byId(id)
    if (throws) continue
    for (let channel = 0; channel < sizes.length; channel += 1) {
      if ((sizes[channel] ?? 0) > 0) add(channel, copies)
    }
  }
  return counts
}

export interface AppParts {
  readonly inputs: Inputs
  readonly sink: Sink
  readonly ballastBytes: number
  /** Not the same on both members: what a program must not use. */
  readonly random: () => number
  /** Something that must hold does not. */
  readonly report: (promise: Promised, text: string) => void
}

/** The application of one member. */
export function makeApp(parts: AppParts, member: SimMember<State>): App<State> {
  const { inputs, sink, random, report } = parts
  return {
    init: () => ({
      ...emptyState(),
      due: new Float64Array(1),
      means: new Map(),
      ballast: new Uint8Array(parts.ballastBytes),
      poison: undefined,
    }),
    process(state, frame, ctx) {
      const { frameNo, now } = frame
      const before = state.now[0] ?? 0
      if (now < before) report('pair time', `frame ${frameNo} is at ${now}, after ${before}`)
      state.now[0] = now
      if (frameNo % 32 === 5) state.means.set('running', frameNo / 2 + frameNo / 2)
      const send = (channel: number, data: Uint8Array) =>
        ctx.send(data, { channel: channelName(channel) })
      if (frame.timer !== undefined) {
        const { id, due } = readTimer(frame.data)
        if (now < due) report('timers', `timer ${id} fires at ${now}, before ${due}`)
        const last = state.due[0] ?? 0
        if (due < last) report('timers', `timer ${id}, due at ${due}, fires after one of ${last}`)
        state.due[0] = due
        return compute(state, { id, frameNo }, { sizes: [timerOutput] }, send)
      }
      const order = decode(frame.data, inputs)
      if (order.poison) state.poison = order.poison === 'in' ? () => {} : undefined
      if (order.closes === member.id) member.close()
      if (order.diverges) ctx.send(Buffer.from(`${random()}`), { channel: divergingChannel })
      if (order.timerMs !== undefined) {
        const id = timerOf(idOf(order))
        ctx.setTimer(String(id), order.timerMs, writeTimer(id, now + order.timerMs))
      }
      compute(state, { id: idOf(order), frameNo }, order, send)
      if (order.throws) throw new Error('the program throws on this input')
    },
    deliver: (output) => sink.deliver(output, member),
  }
}

function writeTimer(id: number, due: number): Uint8Array {
  const data = Buffer.alloc(16)
  data.writeDoubleLE(id, 0)
  data.writeDoubleLE(due, 8)
  return data
}

function readTimer(data: Uint8Array): { readonly id: number; readonly due: number } {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  return { id: view.getFloat64(0, true), due: view.getFloat64(8, true) }
}
