/**
 * The pages of a shared state on their way in, beside the region in use: they arrive before the
 * load that speaks of them, on a side connection of its number.
 *
 * One at a time. What is given up leaves the region in use as it was; pages that came whole are
 * kept where the next load may need them.
 */

import type { PairError } from '../errors.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type {
  RegionArrival,
  RegionBasis,
  RegionPort,
  RegionProgress,
  SideStream,
} from '../runtime/ports-region.js'

export interface PagesInOwner {
  /** What this member holds already. */
  basis(): RegionBasis
  /** They will not arrive. */
  failed(error: PairError): void
  /** The side connection did not come up. */
  unreachable(reason: string): void
}

export class PagesIn {
  readonly #region: RegionPort
  readonly #owner: PagesInOwner
  #ask: number | undefined
  #takeBack: () => void = () => {}
  #arrival: RegionArrival | undefined

  constructor(region: RegionPort, owner: PagesInOwner) {
    this.#region = region
    this.#owner = owner
  }

  get progress(): RegionProgress | undefined {
    return this.#arrival?.progress()
  }

  /** The pages of the load `ask` come over a connection beside `link`. */
  begin(ask: number, link: PeerLink): void {
    this.giveUp()
    this.#ask = ask
    this.#takeBack = link.openSide({
      ask,
      end: 'receiver',
      opened: (side) => this.#receive(ask, side),
      failed: (reason) => this.#owner.unreachable(reason),
    })
  }

  /** What has come for the load `ask`. */
  of(ask: number): RegionArrival | undefined {
    return ask === this.#ask ? this.#arrival : undefined
  }

  /** Nothing more comes of it. Idempotent. */
  giveUp(): void {
    this.#ask = undefined
    this.#takeBack()
    this.#takeBack = () => {}
    this.#arrival?.cancel()
    this.#arrival = undefined
  }

  #receive(ask: number, side: SideStream): void {
    this.#arrival = this.#region.receive(ask, side, this.#owner.basis(), {
      // Looked at when the load itself has come, which is later.
      done: () => {},
      failed: (error) => this.#owner.failed(error),
    })
  }
}
