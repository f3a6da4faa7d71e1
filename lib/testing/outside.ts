/**
 * The outside world of a simulated pair, as a well-behaved one: senders that keep each input until
 * it is accepted and give it to every member, and receivers that confirm what they have taken.
 *
 * It shares no code with the pair, so what it has seen can be held against the pair.
 */

import type { Output } from '../options.js'
import type { MemberId } from '../units.js'

/** Inputs of one sender that one member may have unanswered. */
const mostUnanswered = 256

/** Whoever takes inputs: a member while it lives. */
export interface Taker {
  /** Of this start of it. */
  readonly name: string
  receive(data: Uint8Array, source: string, seq: number): Promise<unknown>
}

/** One source: counts its inputs from 1 on, and gives each again until one member has taken it. */
export class Sender {
  readonly #source: string
  readonly #inputs: Uint8Array[] = []
  readonly #accepted = new Set<number>()
  /** What each start of a member gets next, and what it has not answered. */
  readonly #given = new Map<string, { next: number; unanswered: number }>()
  #firstOpen = 1

  constructor(source: string) {
    this.#source = source
  }

  /** Its number. */
  add(data: Uint8Array): number {
    return this.#inputs.push(data)
  }

  get isDone(): boolean {
    return this.#accepted.size === this.#inputs.length
  }

  get openCount(): number {
    return this.#inputs.length - this.#accepted.size
  }

  isAccepted(seq: number): boolean {
    return this.#accepted.has(seq)
  }

  /** Gives `taker` what it has not had yet, in order. */
  pour(taker: Taker): void {
    const given = this.#given.get(taker.name) ?? { next: this.#firstOpen, unanswered: 0 }
    this.#given.set(taker.name, given)
    while (given.next <= this.#inputs.length && given.unanswered < mostUnanswered) {
      const seq = given.next
      const data = this.#inputs[seq - 1]
      if (data === undefined) return
      given.next += 1
      given.unanswered += 1
      taker.receive(data, this.#source, seq).then(
        () => {
          given.unanswered -= 1
          this.#accept(seq)
        },
        () => {
          given.unanswered -= 1
          // From there on again: a member takes the inputs of a source without gaps.
          if (!this.#accepted.has(seq)) given.next = Math.min(given.next, seq)
        },
      )
    }
  }

  #accept(seq: number): void {
    this.#accepted.add(seq)
    while (this.#accepted.has(this.#firstOpen)) this.#firstOpen += 1
  }
}

/** An output that has arrived at its receiver, and the member that has sent it. */
export interface Delivered extends Output {
  readonly member: MemberId
}

/** The receivers of all channels, and what each has seen. */
export class Receivers {
  /** All that has arrived, repeats too, in its order. */
  readonly delivered: Delivered[] = []
  /** What the pair has done that it must not do, in sentences. */
  readonly violations: string[] = []
  readonly #refusing = new Set<string>()
  readonly #streams = new Map<string, Delivered[]>()

  /** While it refuses, whatever arrives on `channel` is lost, and the pair is told so. */
  refuse(channel: string): void {
    this.#refusing.add(channel)
  }

  accept(channel: string): void {
    this.#refusing.delete(channel)
  }

  /** What came on `channel`, each output once. */
  stream(channel: string): readonly Delivered[] {
    return this.#streams.get(channel) ?? []
  }

  has({ channel, history, number }: Output): boolean {
    return this.stream(channel).some((one) => one.history === history && one.number === number)
  }

  /** False: it is refused. */
  take(output: Output, member: MemberId): boolean {
    if (this.#refusing.has(output.channel)) return false
    const one = { ...output, data: Uint8Array.from(output.data), member }
    this.delivered.push(one)
    const stream = this.#streams.get(output.channel) ?? []
    this.#streams.set(output.channel, stream)
    const last = stream.findLast(({ history }) => history === one.history)
    const number = last?.number ?? 0
    if (one.number <= number) this.#compare(stream, one)
    else if (one.number > number + 1) this.#violate(one, `came right behind number ${number}`)
    if (one.number > number) stream.push(one)
    return true
  }

  #compare(stream: readonly Delivered[], one: Delivered): void {
    const known = stream.find(({ history, number }) => {
      return history === one.history && number === one.number
    })
    if (known === undefined) return
    if (Buffer.compare(known.data, one.data) !== 0) {
      this.#violate(one, `had other bytes when ${known.member} sent it`)
    } else if (!one.isRepeat) {
      this.#violate(one, 'came again and was not marked as a repeat')
    }
  }

  #violate({ channel, number, member }: Delivered, what: string): void {
    this.violations.push(`output ${number} of '${channel}', sent by ${member}, ${what}`)
  }
}
