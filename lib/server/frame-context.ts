/**
 * What `process` is given beside state and frame: the deterministic counterparts of clock,
 * randomness and timers, and the way out.
 *
 * Alike on both members by construction: everything here follows from the history, the frame, the
 * order of calls and replicated tables. Valid during its call only; what is wrong is thrown to the
 * program's face, and it may catch it.
 */

import { PairError } from '../errors.js'
import type { Frame, ProcessContext } from '../options.js'
import type { Arena } from '../sync/arena.js'
import type { HistoryId } from '../units.js'
import { FrameRandom } from './random.js'
import { longestDelayMs, type Timers, timerDataBytes, timerNameLength } from './timers.js'

const defaultChannel = 'default'
/** Longest channel name, in UTF-16 units: it travels in each load and envelope. */
export const channelNameLength = 64

/** One output as the frame produced it. */
export interface Produced {
  readonly channel: string
  readonly data: Uint8Array
}

/** What the contexts of all frames share. */
export interface ContextParts {
  readonly timers: Timers
  /** Most bytes that the outputs of one frame have together. */
  readonly outputBytes: number
  /** Where outputs are copied. */
  readonly arena: Arena
}

const noOutputs: readonly Produced[] = []
const noData = new Uint8Array(0)

export class FrameContext implements ProcessContext {
  readonly frameNo: number
  readonly now: number
  readonly #history: HistoryId
  readonly #parts: ContextParts
  #random: FrameRandom | undefined
  #outputs: Produced[] | undefined
  /** Of all outputs of the frame. */
  #bytes = 0
  #isOver = false

  constructor(frame: Frame, history: HistoryId, parts: ContextParts) {
    this.frameNo = frame.frameNo
    this.now = frame.now
    this.#history = history
    this.#parts = parts
  }

  get outputs(): readonly Produced[] {
    return this.#outputs ?? noOutputs
  }

  end(): void {
    this.#isOver = true
  }

  random(): number {
    return this.#generator().random()
  }

  uuid(): string {
    return this.#generator().uuid()
  }

  send(data: Uint8Array, options?: { readonly channel?: string }): void {
    if (this.#isOver) {
      throw new PairError(
        'ERR_HOTPAIR_SEND_OUTSIDE',
        `send() was called after process() of frame ${this.frameNo} had returned; the output was not taken`,
      )
    }
    const channel = options?.channel ?? defaultChannel
    if (!(data instanceof Uint8Array)) {
      throw new PairError('ERR_HOTPAIR_OUTPUT', 'an output must be a Uint8Array (a Buffer is one)')
    }
    const bytes = this.#bytes + data.length
    if (bytes > this.#parts.outputBytes) {
      throw new PairError(
        'ERR_HOTPAIR_OUTPUT',
        `an output of ${data.length} bytes makes those of its frame ${bytes}, above the bound of ${this.#parts.outputBytes}`,
      )
    }
    if (typeof channel !== 'string' || channel.length < 1 || channel.length > channelNameLength) {
      throw new PairError(
        'ERR_HOTPAIR_OUTPUT',
        `a channel name has 1 to ${channelNameLength} characters`,
      )
    }
    this.#bytes = bytes
    this.#outputs ??= []
    // A copy: the application may use its buffer again for the next frame of this turn.
    this.#outputs.push({ channel, data: this.#parts.arena.copy(data) })
  }

  setTimer(name: string, delayMs: number, data: Uint8Array = noData): void {
    this.#checkTimer(name)
    if (!(delayMs >= 0 && delayMs <= longestDelayMs)) {
      throw wrongTimer(`a delay is a number from 0 to ${longestDelayMs} ms, not ${String(delayMs)}`)
    }
    if (!(data instanceof Uint8Array) || data.length > timerDataBytes) {
      throw wrongTimer(`the data of a timer is a Uint8Array of at most ${timerDataBytes} bytes`)
    }
    const due = this.now + Math.ceil(delayMs)
    if (this.#parts.timers.set(name, due, new Uint8Array(data))) return
    throw wrongTimer(`${this.#parts.timers.size} timers are set, and limits.timers allows no more`)
  }

  clearTimer(name: string): void {
    this.#checkTimer(name)
    this.#parts.timers.clear(name)
  }

  #checkTimer(name: string): void {
    if (this.#isOver) {
      throw wrongTimer(`process() of frame ${this.frameNo} had returned; nothing was changed`)
    }
    const isName = typeof name === 'string' && name.length >= 1 && name.length <= timerNameLength
    // Half of a surrogate pair would come out of UTF-8 as another name on the other member.
    if (isName && !/\p{Surrogate}/u.test(name)) return
    throw wrongTimer(`the name of a timer has 1 to ${timerNameLength} well-formed characters`)
  }

  #generator(): FrameRandom {
    this.#random ??= new FrameRandom(this.#history, this.frameNo)
    return this.#random
  }
}

function wrongTimer(why: string): PairError {
  return new PairError('ERR_HOTPAIR_TIMER', why)
}
