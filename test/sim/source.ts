/**
 * One source of inputs: a run of a sender that counts without gaps and feeds both members, as
 * README tells senders to.
 *
 * It sends a few ahead, repeats what nobody has accepted, goes back to the number that a refusal
 * names, and sends the first number of its run alone. A door that is deaf gets nothing.
 */

import { InputError } from '#lib/errors.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import { encode, idOf, type Order, type State } from './world.js'

/** Inputs that may be under way past the last one accepted. */
const ahead = 100

export class Source {
  readonly name: string
  readonly orders: readonly Order[]
  /** Ids of all whose `receive` has resolved. */
  readonly accepted = new Set<number>()
  readonly #next = new WeakMap<SimMember<State>, number>()
  readonly #pausedUntil = new WeakMap<SimMember<State>, number>()
  #done = 0

  constructor(name: string, orders: readonly Order[]) {
    this.name = name
    this.orders = orders
  }

  /** All is accepted. */
  get isDone(): boolean {
    return this.#done === this.orders.length
  }

  /** Gives `member` the next few. */
  feed(member: SimMember<State>, most: number, now: number): void {
    if ((this.#pausedUntil.get(member) ?? 0) > now) return
    let next = this.#next.get(member) ?? this.#done + 1
    const limit = this.#done === 0 ? 1 : this.#done + ahead
    const until = Math.min(this.orders.length, limit, next + most - 1)
    for (; next <= until; next += 1) this.#send(member, next, now)
    this.#next.set(member, next)
  }

  /** Sends one again that was accepted long ago. */
  repeat(member: SimMember<State>, random: number, now: number): void {
    const seq = 1 + Math.floor(random * this.#done)
    if (this.#done > 0) this.#send(member, seq, now)
  }

  /** Sends one that skips numbers: refused, or answered when it has been taken in its turn. */
  skip(member: SimMember<State>): void {
    const order = this.orders.at(-1)
    if (order === undefined || this.#done === 0 || this.orders.length - this.#done < 2 * ahead)
      return
    member.receive(encode(order), this.name, order.seq).then(
      () => this.accepted.add(idOf(order)),
      () => {},
    )
  }

  #send(member: SimMember<State>, seq: number, now: number): void {
    const order = this.orders[seq - 1]
    if (order === undefined) return
    member.receive(encode(order), this.name, seq).then(
      () => {
        this.accepted.add(idOf(order))
        while (this.#isAccepted(this.#done + 1)) this.#done += 1
      },
      (error: unknown) => this.#refused(member, seq, now, error),
    )
  }

  #isAccepted(seq: number): boolean {
    const order = this.orders[seq - 1]
    return order !== undefined && this.accepted.has(idOf(order))
  }

  #refused(member: SimMember<State>, seq: number, now: number, error: unknown): void {
    const expected = error instanceof InputError ? error.expectedSeq : undefined
    const again = Math.min(seq, expected ?? seq)
    this.#next.set(member, Math.min(this.#next.get(member) ?? again, again))
    if (expected === undefined) this.#pausedUntil.set(member, now + 2)
  }
}
