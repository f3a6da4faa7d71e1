/**
 * Writes the marks of what was begun and sent into the words that a unit keeps (sent_marks.hpp).
 *
 * Each mark is one store of a whole number as f64, so that whoever reads after this process was
 * killed finds the old number or the new one.
 */

import type { MarksPort, PeerMarks } from '../runtime/ports-beats.js'
import type { SentMarksFacts } from './binding-heartbeat.js'

export class SentMarks implements MarksPort {
  readonly #words: Float64Array
  readonly #epochAt: number
  readonly #lanesAt: number
  readonly #first: number
  readonly #step: number
  readonly #begunAt: number
  readonly #sentAt: number
  readonly #most: number

  /** `buffer` may be detached later: then nothing is written any more. */
  constructor(buffer: ArrayBuffer, facts: SentMarksFacts) {
    const words = (bytes: number) => bytes / Float64Array.BYTES_PER_ELEMENT
    this.#words = new Float64Array(buffer)
    this.#epochAt = words(facts.epoch)
    this.#lanesAt = words(facts.lanes)
    this.#first = words(facts.lane)
    this.#step = words(facts.laneBytes)
    this.#begunAt = words(facts.begun)
    this.#sentAt = words(facts.sent)
    this.#most = facts.mostLanes
  }

  reign(epoch: number, sent: readonly number[]): void {
    // What is on its way goes on: only the epoch is another.
    if (this.#words[this.#epochAt] === 0) this.#begin(sent)
    this.#words[this.#epochAt] = epoch
  }

  begun(channel: number, number: number): void {
    const at = this.#laneOf(channel)
    if (at === undefined) return
    const begunAt = at + this.#begunAt
    if (number > (this.#words[begunAt] ?? 0)) this.#words[begunAt] = number
  }

  sent(channel: number, number: number): void {
    const at = this.#laneOf(channel)
    if (at === undefined) return
    // What the receiver has confirmed though nothing was begun here was begun by the former one.
    if (number > (this.#words[at + this.#begunAt] ?? 0)) this.#words[at + this.#begunAt] = number
    this.#words[at + this.#sentAt] = number
  }

  /** All of them as they stand. */
  copy(): Float64Array {
    return this.#words.slice()
  }

  /** Puts back what `copy` of another one has returned; of one that was closed, nothing. */
  restore(marks: Float64Array): void {
    if (marks.length !== this.#words.length) return
    // The epoch last: before it the others mean nothing.
    this.#words.set(marks.subarray(1), 1)
    this.#words[this.#epochAt] = marks[this.#epochAt] ?? 0
  }

  end(): void {
    this.#words[this.#epochAt] = 0
  }

  #begin(sent: readonly number[]): void {
    const lanes = Math.min(sent.length, this.#most)
    for (let channel = 0; channel < lanes; channel += 1) {
      const at = this.#first + channel * this.#step
      this.#words[at + this.#begunAt] = sent[channel] ?? 0
      this.#words[at + this.#sentAt] = sent[channel] ?? 0
    }
    this.#words[this.#lanesAt] = lanes
  }

  /** A channel that was opened since the reign began gets its lane, and those before it. */
  #laneOf(channel: number): number | undefined {
    if (channel >= this.#most) return undefined
    let lanes = this.#words[this.#lanesAt] ?? 0
    for (; lanes <= channel; lanes += 1) {
      const at = this.#first + lanes * this.#step
      this.#words[at + this.#begunAt] = 0
      this.#words[at + this.#sentAt] = 0
      this.#words[this.#lanesAt] = lanes + 1
    }
    return this.#first + channel * this.#step
  }
}

/** What `peerMarks` of the handle says; undefined while it says nothing. */
export function readPeerMarks(told: BigUint64Array): PeerMarks | undefined {
  const [incarnation, epoch, ...numbers] = told
  if (incarnation === undefined || epoch === undefined) return undefined
  const lanes: { begun: number; sent: number }[] = []
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    lanes.push({ begun: Number(numbers[i]), sent: Number(numbers[i + 1]) })
  }
  return { incarnation, epoch: Number(epoch), lanes }
}
