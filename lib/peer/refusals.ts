/**
 * Refusals, told once: a peer that does not fit dials again and again, and the user needs one
 * sentence.
 *
 * A refusal is told when it was not told since the last link. Strangers could make up new
 * ones for ever, so only so many are remembered; beyond that they are counted and not told.
 */

import type { PeerRefusal } from '../runtime/ports-peer.js'

// A pair has one peer; more than a handful of different refusals between two links is noise or an
// attack.
const rememberedCount = 16

/** What has been told since the last link. */
export class Refusals {
  readonly #tell: (refusal: PeerRefusal) => void
  readonly #told = new Set<string>()

  constructor(tell: (refusal: PeerRefusal) => void) {
    this.#tell = tell
  }

  report(refusal: PeerRefusal): void {
    const key = `${refusal.code} ${refusal.address} ${refusal.message}`
    if (this.#told.has(key) || this.#told.size >= rememberedCount) return
    this.#told.add(key)
    this.#tell(refusal)
  }

  /** A link is up: whatever is refused from here on is news. */
  forget(): void {
    this.#told.clear()
  }
}
