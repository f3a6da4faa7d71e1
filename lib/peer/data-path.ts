/**
 * Whether the link still goes where it was dialled: a connection over a path that is cut stands for
 * minutes, because TCP has no way of knowing, while beats arrive on another path all the time.
 *
 * So the beats are asked: when for a whole window none came on the path of the link, and enough
 * came on another one, the path is dead and the other member is not. It must not act on silence
 * alone: when nothing comes on any path, this member or the other may stand still, and that is for
 * the verdict.
 */

import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { type Millis, millis } from '../units.js'

/** Beats that prove a path alive: a window has at least three intervals. */
const enough = 3

// A window may be 3 ms; a path that is dead for a fifth of a second is soon enough to leave.
const leastLookMs = 200

/** What is known of the paths of the beats. */
export interface Paths {
  readonly windowMs: number
  /** Beats heard so far on each, in the order of the addresses. */
  readonly heard: () => readonly number[]
}

export interface DataPathOptions extends Paths {
  readonly clock: ClockPort
  /** Nothing comes any more on this path, and the other member lives. */
  readonly dead: (path: number) => void
}

/** Watches the path of the link that is up. */
export class DataPath {
  readonly #options: DataPathOptions
  readonly #lookMs: Millis
  #look: Timer | undefined

  constructor(options: DataPathOptions) {
    this.#options = options
    this.#lookMs = millis(Math.max(options.windowMs, leastLookMs))
  }

  /** The link is up over this path. */
  follow(path: number): void {
    this.forget()
    this.#wait(path, this.#options.heard())
  }

  /** There is no link. */
  forget(): void {
    this.#look?.clear()
    this.#look = undefined
  }

  #wait(path: number, before: readonly number[]): void {
    this.#look = this.#options.clock.setTimer(this.#lookMs, () => {
      const now = this.#options.heard()
      const came = now.map((count, index) => count - (before[index] ?? count))
      if (came[path] === 0 && came.some((count) => count >= enough)) this.#options.dead(path)
      else this.#wait(path, now)
    })
  }
}
