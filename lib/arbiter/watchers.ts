/**
 * Those who watch an arbiter, and what they were told last: each change once, never during a call
 * of theirs, nothing after their end.
 */

import type { PairError } from '../errors.js'
import type { ArbiterSight } from '../runtime/ports-arbiter.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import { type ArbiterRecord, areSameRecords } from '../wire/record.js'

type Listener = (sight: ArbiterSight) => void

/** The watchers of one client. */
export class Watchers {
  readonly #clock: ClockPort
  readonly #listeners = new Map<symbol, Listener>()
  // What is known; undefined: nothing yet.
  #reach: (ArbiterSight & { readonly kind: 'reach' }) | undefined
  #record: { readonly is: ArbiterRecord | undefined } | undefined

  constructor(clock: ClockPort) {
    this.#clock = clock
  }

  get count(): number {
    return this.#listeners.size
  }

  /** `listener` is told what is known, then what comes. Returns what ends it. */
  add(listener: Listener): () => void {
    const id = Symbol('watcher')
    this.#listeners.set(id, listener)
    if (this.#reach !== undefined) this.#tell(id, this.#reach)
    if (this.#record !== undefined) this.#tell(id, { kind: 'record', record: this.#record.is })
    return () => this.#listeners.delete(id)
  }

  /** The arbiter has answered, or, with an `error`, has not. */
  reach(error: PairError | undefined): void {
    const isReachable = error === undefined
    // Why it is not reachable may change: whoever mends it wants the newest reason.
    if (this.#reach?.isReachable === isReachable && this.#reach.error?.code === error?.code) return
    const isSame = this.#reach?.isReachable === isReachable
    const since = isSame && this.#reach ? this.#reach.since : this.#clock.now()
    this.#reach = { kind: 'reach', isReachable, since, error }
    for (const id of this.#listeners.keys()) this.#tell(id, this.#reach)
  }

  /** This is kept. Must be called in the order in which the arbiter kept them. */
  record(record: ArbiterRecord | undefined): void {
    if (this.#record !== undefined && areSameRecords(this.#record.is, record)) return
    this.#record = { is: record }
    for (const id of this.#listeners.keys()) this.#tell(id, { kind: 'record', record })
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#listeners.clear()
  }

  #tell(id: symbol, sight: ArbiterSight): void {
    this.#clock.defer(() => this.#listeners.get(id)?.(sight))
  }
}
