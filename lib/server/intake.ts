/**
 * Inputs on their way in: waiting to be numbered, then waiting to be held by whoever must hold
 * them.
 *
 * A promise of `receive()` resolves when its frame is committed, and not before. Waiting is the
 * back-pressure; the bound is in bytes. Nothing is half accepted: an input is refused whole, or it
 * is a frame.
 */

import { InputError } from '../errors.js'
import { Deque } from '../sync/deque.js'

/** What `receive()` resolves with. */
export interface Received {
  /** The frame that carries the input; undefined for a duplicate of an older one. */
  readonly frameNo: number | undefined
  readonly epoch: number
  /** The input had been accepted before. */
  readonly duplicate: boolean
}

/** How an input is answered. A forwarded one answers the other member, a local one its promise. */
export interface Answer {
  resolve(received: Received): void
  reject(error: Error): void
}

export interface Input {
  readonly data: Uint8Array
  readonly source: string | undefined
  readonly seq: number
  readonly answer: Answer
}

interface Committing {
  readonly input: Input
  readonly frameNo: number
  readonly isDuplicate: boolean
  readonly tellsFrame: boolean
}

/** Bookkeeping of one waiting input, so that many empty ones are bounded too. */
const inputOverheadBytes = 128

export class Intake {
  readonly #mostBytes: number
  readonly #waiting = new Deque<Input>()
  readonly #committing = new Deque<Committing>()
  #waitingBytes = 0
  /** Of inputs known already whose frame is not committed yet. */
  #duplicateBytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Whether every input that was numbered was answered. */
  get isAnswered(): boolean {
    return this.#committing.length === 0
  }

  /** Whether every input taken in was answered. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#committing.length === 0
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Takes an input in, or refuses it because the bound is reached. */
  push(input: Input): void {
    const size = sizeOf(input)
    if (this.#waitingBytes + size > this.#mostBytes) {
      input.answer.reject(queueFull(this.#mostBytes))
      return
    }
    this.#waitingBytes += size
    this.#waiting.push(input)
  }

  /** The next input to be numbered. */
  shift(): Input | undefined {
    const input = this.#waiting.shift()
    if (input) this.#waitingBytes -= sizeOf(input)
    return input
  }

  /** `input` became frame `frameNo`: answered when that is committed. */
  await(input: Input, frameNo: number): void {
    this.#committing.push({ input, frameNo, isDuplicate: false, tellsFrame: true })
  }

  /**
   * `input` was accepted before, at latest with frame `frameNo`, which is not committed yet. It is
   * answered behind those that came before it, which is never too early. Whoever repeats faster
   * than frames are committed is bounded as every other waiting input is.
   */
  awaitDuplicate(input: Input, frameNo: number, tellsFrame: boolean): void {
    const size = sizeOf(input)
    if (this.#duplicateBytes + size > this.#mostBytes) {
      input.answer.reject(queueFull(this.#mostBytes))
      return
    }
    this.#duplicateBytes += size
    this.#committing.push({ input, frameNo, isDuplicate: true, tellsFrame })
  }

  /** All frames up to `frameNo` are committed in `epoch`. */
  commit(frameNo: number, epoch: number): void {
    for (;;) {
      const first = this.#committing.first
      if (first === undefined || first.frameNo > frameNo) return
      this.#committing.shift()
      if (first.isDuplicate) this.#duplicateBytes -= sizeOf(first.input)
      first.input.answer.resolve({
        frameNo: first.tellsFrame ? first.frameNo : undefined,
        epoch,
        duplicate: first.isDuplicate,
      })
    }
  }

  /**
   * Everything that is not answered, in order, the oldest first; the intake is empty afterwards.
   */
  drain(): readonly Input[] {
    const inputs = [...this.#committing].map(({ input }) => input)
    inputs.push(...this.#waiting)
    this.#committing.clear()
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#duplicateBytes = 0
    return inputs
  }
}

function sizeOf({ data }: Input): number {
  return data.length + inputOverheadBytes
}

export function queueFull(mostBytes: number): InputError {
  return new InputError(
    'ERR_HOTPAIR_QUEUE_FULL',
    `more than ${mostBytes} bytes of inputs wait; this one was not taken, send it again later`,
  )
}
