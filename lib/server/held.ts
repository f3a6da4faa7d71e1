/**
 * Inputs that a member holds because it does not rule: copies of what the primary should have too.
 *
 * A copy is dropped when its twin is announced by a frame, forwarded to the primary when that does
 * not happen within a window, and taken as new when this member rules (docs/PROTOCOL.md#12).
 * Bounded in bytes; beyond, an input is refused and its sender told.
 */

import { type ErrorCode, errorCodes, InputError } from '../errors.js'
import { Deque } from '../sync/deque.js'
import type { Instant } from '../units.js'
import { type Answer, type Input, queueFull, type Received } from './intake.js'

interface HeldInput extends Input {
  readonly source: string
  readonly answer: SharedAnswer
  /** When it was given to this member, or last forwarded. */
  since: Instant
  /** Order of arrival over all sources. */
  readonly order: number
}

const heldOverheadBytes = 192

/** Answers every copy of one input alike. */
class SharedAnswer implements Answer {
  readonly #answers: Answer[]

  constructor(first: Answer) {
    this.#answers = [first]
  }

  get count(): number {
    return this.#answers.length
  }

  add(answer: Answer): void {
    this.#answers.push(answer)
  }

  resolve(received: Received): void {
    for (const answer of this.#answers) answer.resolve(received)
  }

  reject(error: Error): void {
    for (const answer of this.#answers) answer.reject(error)
  }
}

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
    const queue = this.#bySource.get(source) ?? new Deque<HeldInput>()
    const { last } = queue
    const place = placeOf(queue, input.seq)
    const found = queue.at(place)
    const twin = found?.seq === input.seq ? found : undefined
    const size = heldOverheadBytes + (twin ? 0 : input.data.length)
    if (this.#bytes + size > this.#mostBytes) {
      return input.answer.reject(queueFull(this.#mostBytes))
    }
    if (last !== undefined && input.seq > last.seq + 1) {
      return input.answer.reject(gap(source, input.seq, last.seq + 1))
    }
    this.#bytes += size
    if (twin) return twin.answer.add(input.answer)
    const answer = new SharedAnswer(input.answer)
    // One that comes late is put in its place: its source's inputs are taken in their order.
    queue.insert(place, { ...input, source, answer, since: now, order: this.#arrivals })
    this.#arrivals += 1
    this.#bySource.set(source, queue)
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
   * Inputs that have waited since before `before`, each source's in its order, about `mostBytes` of
   * them; they count as forwarded at `now`.
   */
  overdue(before: Instant, now: Instant, mostBytes: number): readonly Input[] {
    const inputs: Input[] = []
    let bytes = 0
    for (const queue of this.#bySource.values()) {
      for (const held of queue) {
        if (bytes >= mostBytes) return inputs
        // Forwarded a moment ago, and not answered yet.
        if (held.since > before) continue
        held.since = now
        bytes += held.data.length + heldOverheadBytes
        inputs.push(held)
      }
    }
    return inputs
  }

  /**
   * Everything held, in order of arrival and of each source's numbers; nothing is held afterwards.
   */
  drain(): readonly Input[] {
    const arrivals = [...this.#bySource.values()].flatMap((queue) => [...queue])
    arrivals.sort((one, other) => one.order - other.order)
    const inputs: Input[] = []
    for (const { source } of arrivals) {
      const next = this.#bySource.get(source)?.shift()
      if (next) inputs.push(next)
    }
    this.#bySource.clear()
    this.#bytes = 0
    return inputs
  }

  #shift(source: string, queue: Deque<HeldInput>): HeldInput | undefined {
    const held = queue.shift()
    if (held) this.#bytes -= held.data.length + held.answer.count * heldOverheadBytes
    if (queue.length === 0) this.#bySource.delete(source)
    return held
  }
}

// Where `seq` is or belongs. Whoever gives its rule away puts thousands of inputs in front of those
// that have come meanwhile: a look at each of them would keep the event loop for half a second.
function placeOf(queue: Deque<HeldInput>, seq: number): number {
  let [low, high] = [0, queue.length]
  if ((queue.last?.seq ?? 0) < seq) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if ((queue.at(middle)?.seq ?? seq) < seq) low = middle + 1
    else high = middle
  }
  return low
}

export function gap(source: string, seq: number, expected: number): InputError {
  return new InputError(
    'ERR_HOTPAIR_INPUT_GAP',
    `source ${JSON.stringify(source)} sent ${seq} where ${expected} is next; it was not taken`,
    expected,
  )
}

/** Why the primary would not take an input that was forwarded to it. */
export function refusal(code: string, expected: number): InputError {
  const known = isCode(code) ? code : 'ERR_HOTPAIR_INPUT'
  if (expected === 0) return new InputError(known, 'the primary refused the input')
  return new InputError(known, `the primary expects ${expected} next; it was not taken`, expected)
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}
