/**
 * What a member that loads a shared state holds of it already, so that only the rest has to come.
 *
 * Who was cut off holds the state of a moment at which both were equal, but for what either has
 * changed since; who is not sure of that compares digests, page by page; who holds nothing keeps
 * what came of loads that broke off. A basis that was of no use is not tried twice.
 */

import { PairError } from '../errors.js'
import type { RegionBasis, RegionPort } from '../runtime/ports-region.js'
import { PagesIn } from '../sync/pages-in.js'
import type { Replica } from './replica.js'

export class Arriving<State> {
  readonly pages: PagesIn
  readonly #region: RegionPort
  readonly #replica: Replica<State>
  /** Loads that failed since one was put in place. */
  #failures = 0

  constructor(region: RegionPort, replica: Replica<State>, failed: (error: PairError) => void) {
    this.#region = region
    this.#replica = replica
    const fail = (error: PairError) => {
      this.failed()
      failed(error)
    }
    this.pages = new PagesIn(region, {
      basis: () => this.#basis(),
      failed: fail,
      unreachable: (reason) => fail(new PairError('ERR_HOTPAIR_LOAD', reason)),
    })
  }

  failed(): void {
    this.#failures += 1
  }

  installed(): void {
    this.#failures = 0
  }

  #basis(): RegionBasis {
    const mark = this.#region.marked
    const isHeld = this.#replica.held !== undefined
    if (isHeld && mark !== undefined && this.#failures === 0) return { type: 'changed', mark }
    // Whatever goes wrong with what is held, at some time all of it comes anew.
    if (this.#failures % 4 === 3) return { type: 'nothing' }
    return { type: 'digests', withLive: isHeld }
  }
}
