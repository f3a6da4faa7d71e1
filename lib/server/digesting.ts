/**
 * When a primary takes a digest of its state for the mirror: every so many frames, and never so
 * often that it costs more than a hundredth of the loop's time.
 *
 * A frame whose `process` has thrown may have left half of a change behind: the next digest is
 * taken as soon as time allows, without waiting for the count. Who never has a mirror pays nothing.
 */

import type { ClockPort } from '../runtime/ports-clock.js'
import type { Feed } from '../sync/feed.js'
import { type Instant, instant } from '../units.js'
import type { Replica } from './replica.js'

/** A digest that took so long is followed by this many times as long without one. */
const restFactor = 99

export class Digesting<State> {
  readonly #replica: Replica<State>
  readonly #clock: ClockPort
  readonly #every: number
  #frameNo = 0
  #restUntil: Instant = instant(0)

  /** `every`: frames from one digest to the next; 0: none is taken. */
  constructor(replica: Replica<State>, clock: ClockPort, every: number) {
    this.#replica = replica
    this.#clock = clock
    this.#every = every
  }

  /** A mirror was given the state as of `frameNo`, with its digest. */
  begin(frameNo: number): void {
    this.#frameNo = frameNo
  }

  /** The next frame is processed: its digest is told through `feed`, if one is due. */
  processed(feed: Feed | undefined): void {
    const { frameNo, faultAt } = this.#replica
    if (feed === undefined || this.#every === 0) return
    if (frameNo - this.#frameNo < this.#every && faultAt <= this.#frameNo) return
    const begun = this.#clock.now()
    if (begun < this.#restUntil) return
    feed.digest(frameNo, this.#replica.digest())
    const ended = this.#clock.now()
    this.#frameNo = frameNo
    this.#restUntil = instant(ended + restFactor * Math.max(0, ended - begun))
  }
}
