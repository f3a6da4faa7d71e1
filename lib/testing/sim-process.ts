/**
 * The event loop of a simulated process: what it does now, later, slowly, or never.
 *
 * It may be stopped and blocked at once, each as often as it likes; while it stands still what
 * comes waits and then runs in the order in which it came, one thing a turn. A dead one does
 * nothing.
 */

import { millis } from '../units.js'
import type { VirtualClock } from './virtual-clock.js'

export class SimProcess {
  readonly #clock: VirtualClock
  readonly #backlog: (() => void)[] = []
  #stops = 0
  #blocks = 0
  #slowMs = 0
  #isDraining = false
  isAlive = true

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  get isStopped(): boolean {
    return this.#stops > 0
  }

  get isRunning(): boolean {
    return this.isAlive && this.#stops === 0 && this.#blocks === 0
  }

  /** What waits for the event loop. */
  get backlogCount(): number {
    return this.#backlog.length
  }

  act(run: () => void): void {
    if (!this.isAlive) return
    const isFree = this.isRunning && !this.#isDraining && this.#slowMs === 0
    if (isFree && this.#backlog.length === 0) return run()
    this.#backlog.push(run)
    this.#drain()
  }

  die(): void {
    this.isAlive = false
    this.#backlog.length = 0
  }

  /** SIGSTOP. True: it stands still from now on. */
  stop(): boolean {
    this.#stops += 1
    return this.#stops === 1
  }

  /** SIGCONT of one stop. True: its threads go on. */
  wake(): boolean {
    this.#stops = Math.max(0, this.#stops - 1)
    this.#drain()
    return this.#stops === 0
  }

  /** True: the loop stands still from now on. */
  block(): boolean {
    this.#blocks += 1
    return this.#blocks === 1
  }

  /** One block ends. True: it was the last. */
  unblock(): boolean {
    this.#blocks = Math.max(0, this.#blocks - 1)
    this.#drain()
    return this.#blocks === 0
  }

  /** Each thing takes `ms` from now on. */
  slow(ms: number): void {
    this.#slowMs = ms
  }

  #drain(): void {
    if (this.#isDraining || !this.isRunning || this.#backlog.length === 0) return
    this.#isDraining = true
    this.#clock.setTimer(millis(this.#slowMs), () => {
      this.#isDraining = false
      if (!this.isRunning) return
      this.#backlog.shift()?.()
      this.#drain()
    })
  }
}
