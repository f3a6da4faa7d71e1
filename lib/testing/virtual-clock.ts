/**
 * Time that runs only when it is told to: a queue of events behind `ClockPort`.
 *
 * Everything that happens in a simulation is an entry of one queue, ordered by its time and then by
 * when it was put in, so that a run is a function of its seed. Between two entries the promises of
 * the code under test settle.
 */

import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { Heap } from '../sync/heap.js'
import { type Instant, instant, type Millis } from '../units.js'

class Entry implements Timer {
  readonly at: number
  readonly order: number
  readonly isQuiet: boolean
  run: (() => void) | undefined

  constructor(at: number, order: number, isQuiet: boolean, run: () => void) {
    this.at = at
    this.order = order
    this.isQuiet = isQuiet
    this.run = run
  }

  clear(): void {
    this.run = undefined
  }
}

/**
 * Rounds of settled promises between two entries: the longest chain of awaits in the code is
 * shorter.
 */
const promiseRounds = 5
const settled = Promise.resolve()

export class VirtualClock implements ClockPort {
  readonly #entries = new Heap<Entry>(isBefore)
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

  /** When the next entry is due. */
  get nextAt(): number {
    return this.#entries.first?.at ?? Number.POSITIVE_INFINITY
  }

  now(): Instant {
    return instant(this.#now)
  }

  wall(): number {
    return this.wallAtStart + this.#now
  }

  setTimer(delay: Millis, fire: () => void): Timer {
    return this.#put(this.#now + Math.max(delay, 0), fire, false)
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
  run(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let rounds = promiseRounds
      const goOn = (): void => {
        try {
          if (this.#deferred.length > 0) this.#runDeferred()
          rounds -= 1
          const isOver = rounds === 0 && !this.#runEntry(until)
          if (isOver) return resolve()
          if (rounds === 0) rounds = promiseRounds
          void settled.then(goOn)
        } catch (error) {
          reject(error)
        }
      }
      void settled.then(goOn)
    })
  }

  /** Runs what is due next, and all that is quiet before it. False: nothing is left. */
  #runEntry(until: number): boolean {
    this.#look()
    for (;;) {
      const entry = this.#take(until)
      if (entry === undefined) break
      this.#now = entry.at
      const { run } = entry
      if (run === undefined) continue
      run()
      if (!entry.isQuiet) return true
    }
    this.#now = Math.max(this.#now, until)
    return false
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

  #put(at: number, run: () => void, isQuiet: boolean): Entry {
    const entry = new Entry(at, this.#order, isQuiet, run)
    this.#order += 1
    this.#entries.push(entry)
    return entry
  }

  #take(until: number): Entry | undefined {
    const { first } = this.#entries
    return first === undefined || first.at > until ? undefined : this.#entries.shift()
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
