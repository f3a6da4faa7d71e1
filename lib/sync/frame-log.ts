/**
 * Frames in order and without gaps, bounded by whoever fills it: what a primary keeps until it is
 * acknowledged, and what a standby keeps until it may be processed.
 */

import { frameOverheadBytes } from '../wire/limits.js'
import type { FrameKind } from '../wire/message.js'
import { Deque } from './deque.js'

/** One frame: a numbered input, or a timer of the program that was due. */
export interface LoggedFrame {
  readonly frameNo: number
  /** Pair time in milliseconds since the epoch. */
  readonly stamp: number
  /** `skip`: an input that keeps its number and is not processed. */
  readonly kind: FrameKind
  /** The source of an input, empty without (source, seq); the name of a timer. */
  readonly source: string
  /** The number of an input within its source; of a timer, which setting of it is due. */
  readonly seq: number
  readonly data: Uint8Array
}

export class FrameLog {
  readonly #frames = new Deque<LoggedFrame>()
  #bytes = 0

  /** Frames held. */
  get length(): number {
    return this.#frames.length
  }

  /** Bytes held, bookkeeping included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Pair time from the first to the last frame held, in milliseconds. */
  get spanMs(): number {
    return (this.#frames.last?.stamp ?? 0) - (this.#frames.first?.stamp ?? 0)
  }

  get first(): LoggedFrame | undefined {
    return this.#frames.first
  }

  push(frame: LoggedFrame): void {
    this.#bytes += sizeOf(frame)
    this.#frames.push(frame)
  }

  shift(): LoggedFrame | undefined {
    const frame = this.#frames.shift()
    if (frame) this.#bytes -= sizeOf(frame)
    return frame
  }

  /** The frame with that number, if it is held. */
  at(frameNo: number): LoggedFrame | undefined {
    const { first } = this.#frames
    return first === undefined ? undefined : this.#frames.at(frameNo - first.frameNo)
  }

  /** Forgets all up to `frameNo`. */
  trim(frameNo: number): void {
    while (this.#frames.first !== undefined && this.#frames.first.frameNo <= frameNo) this.shift()
  }

  clear(): void {
    this.#frames.clear()
    this.#bytes = 0
  }
}

function sizeOf(frame: LoggedFrame): number {
  return frame.data.length + frame.source.length + frameOverheadBytes
}
