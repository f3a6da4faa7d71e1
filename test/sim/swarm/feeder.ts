/**
 * Gives both members what the sources have, a few inputs a millisecond while there are any.
 *
 * Idle time costs nothing: when all is accepted, or nobody takes anything, it looks seldom or not
 * at all. A deaf door is given nothing.
 */

import type { SimPair } from '#lib/testing/sim-pair.js'
import { type MemberId, millis } from '#lib/units.js'
import type { InputCheck } from '../check/inputs.js'
import type { State } from './app.js'
import type { Inputs } from './order.js'
import { streamOf } from './random.js'
import type { Settings } from './settings.js'
import { Source } from './source.js'

/** Milliseconds between two rounds: while there is something to give, and while there is not. */
const busyMs = 1
const idleMs = 10

export class Feeder {
  readonly sources: readonly Source[]
  readonly #pair: SimPair<State>
  readonly #settings: Settings
  readonly #random: () => number
  readonly #deafUntil = new Map<MemberId, number>()
  #isFeeding = false
  #turn = 0

  constructor(pair: SimPair<State>, settings: Settings, inputs: Inputs, check: InputCheck) {
    this.#pair = pair
    this.#settings = settings
    this.#random = streamOf(settings.seed, 'sources')
    this.sources = Array.from(
      { length: inputs.sources },
      (_, index) => new Source(index, inputs, check),
    )
  }

  /** All that there is so far is accepted. */
  get isDone(): boolean {
    return this.sources.every(({ isDone }) => isDone)
  }

  /** There are `count` more inputs, over all sources in turn. */
  allow(count: number): void {
    for (let given = 0; given < count; given += 1) {
      this.sources[this.#turn % this.sources.length]?.allow(1)
      this.#turn += 1
    }
    this.#start()
  }

  /** The last inputs of a run: what one of them has put into the state is taken out again. */
  finish(): void {
    this.#deafUntil.clear()
    for (const source of this.sources) {
      do source.allow(1)
      while (source.limit % 8 !== 0)
    }
    this.#start()
  }

  deafen(id: MemberId, ms: number): void {
    this.#deafUntil.set(id, this.#pair.options.clock.now() + ms)
  }

  describe(): string {
    return this.sources.map(({ accepted, limit }) => `${accepted}/${limit}`).join(' ')
  }

  #start(): void {
    if (this.#isFeeding) return
    this.#isFeeding = true
    this.#later(0)
  }

  #later(ms: number): void {
    this.#pair.options.clock.setTimer(millis(ms), () => {
      if (this.isDone) {
        this.#isFeeding = false
        return
      }
      this.#later(this.#round() ? busyMs : idleMs)
    })
  }

  /** True: somebody was given something, or soon will be. */
  #round(): boolean {
    const now = this.#pair.options.clock.now()
    const { pace, rate } = this.#settings
    const random = this.#random
    let isBusy = false
    for (const member of this.#pair.members) {
      if ((this.#deafUntil.get(member.id) ?? 0) > now) continue
      for (const source of this.sources) {
        if (random() >= pace) {
          isBusy = true
          continue
        }
        isBusy = source.feed(member, 1 + Math.floor(random() * rate), now) || isBusy
        if (random() < 0.01) source.repeat(member, random(), now)
        if (random() < 0.005) source.skip(member, now)
      }
    }
    return isBusy
  }
}
