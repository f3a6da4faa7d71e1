/**
 * The network between two simulated members as beats see it: delay, loss, duplication, reordering,
 * and cuts of either direction.
 *
 * Losses in a row are bounded, because a run in which every beat of a window is lost is a cut, and
 * a cut is a fault of its own: whoever asks for one says so. Knows nothing of what it carries.
 */

import { type MemberId, type Millis, millis } from '../units.js'
import type { VirtualClock } from './virtual-clock.js'

export interface SimNetOptions {
  readonly clock: VirtualClock
  /** 0 ≤ number < 1. */
  readonly random: () => number
  /** One way, drawn for each beat: a later one may overtake. */
  readonly delay: () => Millis
  /** Share of beats that are lost, of those that come twice. */
  readonly loss: number
  readonly duplicates: number
  /** Beats of one direction that may be lost one after the other. */
  readonly mostLostInRow: number
}

export class SimNet {
  readonly #options: SimNetOptions
  readonly #cut = new Set<MemberId>()
  /** When the last beats that belong together arrive. */
  readonly #notBefore: Record<MemberId, number> = { a: 0, b: 0 }
  readonly #lostInRow: Record<MemberId, number> = { a: 0, b: 0 }

  constructor(options: SimNetOptions) {
    this.#options = options
  }

  /** Whether anything gets through from `from`. */
  isCutFrom(from: MemberId): boolean {
    return this.#cut.has(from)
  }

  get isWhole(): boolean {
    return this.#cut.size === 0
  }

  cutFrom(from: MemberId): void {
    this.#cut.add(from)
  }

  heal(from: MemberId): void {
    this.#cut.delete(from)
  }

  /**
   * Beats of `from` are on their way, one right behind the other; each of `arrivals` is called when
   * that one gets there, perhaps twice. They take equally long, and each may be lost. What is sent
   * later does not overtake several that belong together: one of the paths keeps the order.
   */
  carry(from: MemberId, ...arrivals: readonly (() => void)[]): void {
    const { random, duplicates } = this.#options
    if (this.#cut.has(from)) return
    const left = arrivals.filter(() => !this.#isLost(from))
    if (left.length === 0) return
    this.#send(from, left)
    if (duplicates > 0 && random() < duplicates) this.#send(from, left)
  }

  #isLost(from: MemberId): boolean {
    const { random, loss, mostLostInRow } = this.#options
    const isLost = loss > 0 && random() < loss && this.#lostInRow[from] < mostLostInRow
    this.#lostInRow[from] = isLost ? this.#lostInRow[from] + 1 : 0
    return isLost
  }

  #send(from: MemberId, arrivals: readonly (() => void)[]): void {
    const { clock, delay } = this.#options
    const now = clock.now()
    const takes = millis(Math.max(delay(), this.#notBefore[from] - now))
    if (arrivals.length > 1) this.#notBefore[from] = now + takes
    clock.setQuietTimer(takes, () => {
      if (!this.#cut.has(from)) for (const arrive of arrivals) arrive()
    })
  }
}
