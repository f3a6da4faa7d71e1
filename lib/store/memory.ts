/**
 * The record kept in memory: it ends with the process.
 *
 * So a member that starts knows of no former reign: it takes its first epoch from the wall clock,
 * and a blank member that hears nobody begins a history although another one may live unheard
 * (README, limits). A durable store and an arbiter take the same place behind `StorePort`.
 */

import type { PairRecord } from '../core/state.js'
import type { StorePort } from '../runtime/ports.js'

export class MemoryStore implements StorePort {
  #record: PairRecord | undefined

  get record(): PairRecord | undefined {
    return this.#record
  }

  save(record: PairRecord): undefined {
    this.#record = record
  }
}
