/**
 * Inputs that a member holds because it does not rule: copies of what the primary should have too.
 *
 * A copy is dropped when its twin is announced by a frame, forwarded to the primary when that does
 * not happen within a window, and taken as new when this member rules (DESIGN 2.6; PROTOCOL-REVIEW
 * D2). Bounded in bytes; beyond, an input is refused and its sender told.
 */

import { InputError } from '../errors.js'
import { Deque } from '../sync/deque.js'
import type { Instant } from '../units.js'
import { type Input, queueFull } from './intake.js'

interface HeldInput extends Input {
  readonly source: string
  /** When it was given to this member, or last forwarded. */
  since: Instant
  /** Order of arrival over all sources. */
  readonly order: number
}

const heldOverheadBytes = 192

export class Held {
  readonly #mostBytes: number
  readonly #bySource = new Map<string, Deque<HeldInput>>()
  #bytes = 0
  #arrivals = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Holds `input`, which has a source. A second copy of the same input is answered with the first.
   */
  hold(input: Input, source: string, now: Instant): void {
    const size = input.data.length + heldOverheadBytes
    const last = this.#bySource.get(source)?.last
    if (this.#bytes + size > this.#mostBytes) {
      input.answer.reject(queueFull(this.#mostBytes))
      return
    }
    if (last !== undefined && input.seq > last.seq + 1) {
      input.answer.reject(gap(source, input.seq, last.seq + 1))
      return
    }
    const held: HeldInput = { ...input, source, since: now, order: this.#arrivals }
    this.#arrivals += 1
    this.#bytes += size
    const queue = this.#bySource.get(source)
    if (queue) queue.push(held)
    else {
      const begun = new Deque<HeldInput>()
      begun.push(held)
      this.#bySource.set(source, begun)
    }
  }

  /**
   * The input (source, seq) is announced as `frameNo`: its copy, and any older one, is answered.
   */
  announced(source: string, seq: number, frameNo: number, epoch: number): void {
    const queue = this.#bySource.get(source)
    if (queue === undefined) return
    while (queue.first !== undefined && queue.first.seq <= seq) {
      const held = this.#shift(source, queue)
      const isSame = held?.seq === seq
      held?.answer.resolve({ frameNo: isSame ? frameNo : undefined, epoch, duplicate: !isSame })
    }
  }

  /** The primary refused (source, seq). */
  refused(source: string, seq: number, error: Error): void {
    const queue = this.#bySource.get(source)
    if (queue?.first?.seq === seq) this.#shift(source, queue)?.answer.reject(error)
  }

  /**
   * First inputs of each source that have waited since before `before`; they count as forwarded at
   * `now`.
   */
  overdue(before: Instant, now: Instant): readonly Input[] {
    const inputs: Input[] = []
    for (const queue of this.#bySource.values()) {
      for (const held of queue) {
        if (held.since > before) break
        held.since = now
        inputs.push(held)
      }
    }
    return inputs
  }

  /** Everything held, in order of arrival; nothing is held afterwards. */
  drain(): readonly Input[] {
    const all: HeldInput[] = []
    for (const queue of this.#bySource.values()) all.push(...queue)
    this.#bySource.clear()
    this.#bytes = 0
    return all.sort((one, other) => one.order - other.order)
  }

  #shift(source: string, queue: Deque<HeldInput>): HeldInput | undefined {
    const held = queue.shift()
    if (held) this.#bytes -= held.data.length + heldOverheadBytes
    if (queue.length === 0) this.#bySource.delete(source)
    return held
  }
}

export function gap(source: string, seq: number, expected: number): InputError {
  return new InputError(
    'ERR_HOTPAIR_INPUT_GAP',
    `source ${JSON.stringify(source)} sent ${seq} where ${expected} is next; it was not taken`,
    expected,
  )
}
