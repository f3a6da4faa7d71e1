/**
 * Two processes with a region each, and one load at a time from one to the other.
 */

import type { RegionBasis } from '#lib/runtime/ports-region.js'
import { Child } from '../support/child.js'
import { twoProcessors } from '../support/machine.js'
import type { Received, Sent } from './member.js'

const program = new URL('./member.js', import.meta.url)

/** One load. */
export interface Loaded {
  /** From the first of the two calls to the region that is in place. */
  readonly ms: number
  /** On the wire. */
  readonly bytes: number
  readonly holdMs: number
  readonly installMs: number
  readonly rounds: number
}

export class RegionPair {
  readonly sender: Child
  readonly receiver: Child
  /** How written pages are found, and why not otherwise. */
  readonly tracking: string
  #asks = 0

  private constructor(sender: Child, receiver: Child, tracking: string) {
    this.sender = sender
    this.receiver = receiver
    this.tracking = tracking
  }

  /** Each end on a processor of its own; the sender's region is full of numbers. */
  static async open(bytes: number): Promise<RegionPair> {
    const [near, far] = twoProcessors()
    const sender = await Child.start(program, { processor: near })
    const receiver = await Child.start(program, { processor: far })
    const { way, refusal } = await sender.ask<{ way: string; refusal?: string }>('open', bytes)
    await receiver.ask('open', bytes)
    await sender.ask('fill')
    return new RegionPair(sender, receiver, refusal === undefined ? way : `${way} (${refusal})`)
  }

  async load(basis: RegionBasis, percentASecond = 0): Promise<Loaded> {
    const ask = ++this.#asks
    await this.receiver.ask('dial', await this.sender.ask<number>('listen'))
    const [received, sent] = await Promise.all([
      this.receiver.ask<Received>('receive', { ask, basis }),
      this.sender.ask<Sent>('send', { ask, percentASecond }),
    ])
    const began = sent.beganAt < received.beganAt ? sent.beganAt : received.beganAt
    const { bytes, holdMs, rounds } = sent
    const { installMs } = received
    return { ms: Number(received.endedAt - began) / 1e6, bytes, holdMs, installMs, rounds }
  }

  /** Throws unless both hold the same. */
  async compare(): Promise<void> {
    const [one, other] = await Promise.all([
      this.sender.ask<bigint>('digest'),
      this.receiver.ask<bigint>('digest'),
    ])
    if (one !== other) throw new Error('after a load the two regions differ')
  }

  async end(): Promise<void> {
    await Promise.all([this.sender.end(), this.receiver.end()])
  }
}
