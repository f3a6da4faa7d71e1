/**
 * One source of inputs: a run of a sender that counts without gaps and feeds both members, as
 * README tells senders to.
 *
 * It sends a few ahead, repeats what nobody has accepted, goes back to the number that a refusal
 * names, and sends the first number of its run alone. How many inputs there are so far is said from
 * outside; nothing here knows about faults.
 */

import { InputError } from '#lib/errors.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { InputCheck } from '../check/inputs.js'
import type { State } from './app.js'
import { type Inputs, idOf } from './order.js'

/** Inputs that may be under way past the last one accepted. */
const ahead = 100
/** How long a source leaves a member alone that has refused an input without naming a number. */
const pauseMs = 2

export class Source {
  readonly name: string
  readonly index: number
  readonly #inputs: Inputs
  readonly #check: InputCheck
  readonly #next = new WeakMap<SimMember<State>, number>()
  readonly #pausedUntil = new WeakMap<SimMember<State>, number>()
  #done = 0
  #limit = 0

  constructor(index: number, inputs: Inputs, check: InputCheck) {
    this.index = index
    this.name = `source ${index}`
    this.#inputs = inputs
    this.#check = check
  }

  /** Inputs so far. */
  get limit(): number {
    return this.#limit
  }

  get accepted(): number {
    return this.#done
  }

  /** All is accepted. */
  get isDone(): boolean {
    return this.#done === this.#limit
  }

  /** There are `count` more. */
  allow(count: number): void {
    this.#limit += count
  }

  /** Gives `member` the next few; true when there were any. */
  feed(member: SimMember<State>, most: number, now: number): boolean {
    if ((this.#pausedUntil.get(member) ?? 0) > now) return true
    const first = this.#next.get(member) ?? this.#done + 1
    const limit = this.#done === 0 ? 1 : this.#done + ahead
    const until = Math.min(this.#limit, limit, first + most - 1)
    for (let next = first; next <= until; next += 1) this.#send(member, next, now)
    this.#next.set(member, Math.max(first, until + 1))
    return until >= first
  }

  /** Sends one again that was accepted long ago. */
  repeat(member: SimMember<State>, random: number, now: number): void {
    const seq = 1 + Math.floor(random * this.#done)
    if (this.#done > 0) this.#send(member, seq, now)
  }

  /** Sends one that skips numbers: refused, or answered when it has been taken in its turn. */
  skip(member: SimMember<State>, now: number): void {
    if (this.#done === 0 || this.#limit - this.#done < 2 * ahead) return
    this.#send(member, this.#limit, now)
  }

  #send(member: SimMember<State>, seq: number, now: number): void {
    const order = this.#inputs.order(this.index, seq)
    const { name } = member
    this.#check.asked(name)
    member.receive(this.#inputs.bytesOf(order), this.name, seq).then(
      ({ frameNo }) => {
        this.#check.answered(name)
        const { state } = member
        const history = 'history' in state ? String(state.history) : ''
        this.#check.took(order, frameNo, name, history)
        while (this.#isAccepted(this.#done + 1)) this.#done += 1
      },
      (error: unknown) => {
        this.#check.answered(name)
        this.#refused(member, seq, now, error)
      },
    )
  }

  #isAccepted(seq: number): boolean {
    return seq <= this.#limit && this.#check.accepted.has(idOf({ source: this.index, seq }))
  }

  #refused(member: SimMember<State>, seq: number, now: number, error: unknown): void {
    const expected = error instanceof InputError ? error.expectedSeq : undefined
    const again = Math.min(seq, expected ?? seq)
    this.#next.set(member, Math.min(this.#next.get(member) ?? again, again))
    if (expected === undefined) this.#pausedUntil.set(member, now + pauseMs)
  }
}
