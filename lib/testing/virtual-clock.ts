/**
 * Time that runs only when it is told to: a queue of events behind `ClockPort`.
 *
 * Everything that happens in a simulation is an entry of one queue, ordered by its time and then by
 * when it was put in, so that a run is a function of its seed. Between two entries the promises of
 * the code under test settle.
 */

import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { type Instant, instant, type Millis } from '../units.js'

interface Entry {
  readonly at: number
  readonly order: number
  readonly isQuiet: boolean
  run: (() => void) | undefined
}

/**
 * Rounds of settled promises between two entries: the longest chain of awaits in the code is
 * shorter.
 */
const promiseRounds = 8

export class VirtualClock implements ClockPort {
  readonly #entries: Entry[] = []
  #now = 0
  #order = 0
  #deferred: (() => void)[] = []
  #watch: { readonly every: number; readonly look: () => void } | undefined
  #untilLook = 0
  /** Milliseconds since the epoch at virtual time 0. */
  readonly wallAtStart: number

  constructor(wallAtStart = 1_700_000_000_000) {
    this.wallAtStart = wallAtStart
  }

  /** Events so far. */
  get count(): number {
    return this.#order
  }

  now(): Instant {
    return instant(this.#now)
  }

  wall(): number {
    return this.wallAtStart + this.#now
  }

  setTimer(delay: Millis, fire: () => void): Timer {
    const entry = this.#put(this.#now + Math.max(delay, 0), fire, false)
    return {
      clear: () => {
        entry.run = undefined
      },
    }
  }

  /**
   * As `setTimer`, for what settles no promise and defers nothing, such as a thread without
   * JavaScript: nothing is waited for after it, which makes idle time cheap.
   */
  setQuietTimer(delay: Millis, fire: () => void): void {
    this.#put(this.#now + Math.max(delay, 0), fire, true)
  }

  /** Calls `look` after every so many entries in which JavaScript may have run. */
  watch(every: number, look: () => void): void {
    this.#watch = { every, look }
    this.#untilLook = every
  }

  defer(run: () => void): void {
    this.#deferred.push(run)
  }

  nextTurn(run: () => void): void {
    this.#put(this.#now, run, false)
  }

  /** Runs everything up to `until` milliseconds. */
  async run(until: number): Promise<void> {
    let isSettled = false
    for (;;) {
      for (let round = 0; !isSettled && round < promiseRounds; round += 1) {
        await undefined
        if (this.#deferred.length > 0) this.#runDeferred()
      }
      if (!isSettled) this.#look()
      const entry = this.#take(until)
      if (entry === undefined) break
      this.#now = entry.at
      isSettled = entry.isQuiet || entry.run === undefined
      entry.run?.()
    }
    this.#now = Math.max(this.#now, until)
  }

  #look(): void {
    if (this.#watch === undefined) return
    this.#untilLook -= 1
    if (this.#untilLook > 0) return
    this.#untilLook = this.#watch.every
    this.#watch.look()
  }

  #runDeferred(): void {
    const deferred = this.#deferred
    this.#deferred = []
    for (const run of deferred) run()
  }

  // A binary heap by (at, order).
  #put(at: number, run: () => void, isQuiet: boolean): Entry {
    const entry: Entry = { at, order: this.#order, isQuiet, run }
    this.#order += 1
    const heap = this.#entries
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(entry, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
    return entry
  }

  #take(until: number): Entry | undefined {
    const heap = this.#entries
    const first = heap[0]
    if (first === undefined || first.at > until) return undefined
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let index = 0
    for (;;) {
      const left = heap[2 * index + 1]
      const right = heap[2 * index + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const least = isRight ? right : left
      if (!isBefore(least, last)) break
      heap[index] = least
      index = 2 * index + (isRight ? 2 : 1)
    }
    heap[index] = last
    return first
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
