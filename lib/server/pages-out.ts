/**
 * The pages of a shared state on their way to a mirror, before the load that speaks of them.
 *
 * The program works on while a native thread sends. When little is left it rings, and between two
 * frames the rest is taken: that is the moment of which the load is, and all that must travel with
 * the pages is taken at it too (`taken`). What is broken off here leaves nothing behind.
 */

import type { PairError } from '../errors.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type {
  RegionPort,
  RegionProgress,
  RegionSending,
  SideStream,
} from '../runtime/ports-region.js'

export interface PagesOutOwner {
  /** Runs what may hold the event loop for as long as a comparison of the whole region takes. */
  blocking<Result>(run: () => Result): Result
  /** The pages are those of this moment, and the region may change again. May cancel. */
  taken(): void
  /** The mirror holds them all, by this digest. */
  arrived(digest: bigint): void
  /** They will not arrive. */
  failed(reason: string): void
}

export class PagesOut {
  /** The question that this load answers. */
  readonly ask: number
  readonly #region: RegionPort
  readonly #owner: PagesOutOwner
  #takeBack: () => void
  #sending: RegionSending | undefined
  #isTaken = false

  /** Begins at once. */
  constructor(region: RegionPort, link: PeerLink, ask: number, owner: PagesOutOwner) {
    this.#region = region
    this.#owner = owner
    this.ask = ask
    this.#takeBack = link.openSide({
      ask,
      end: 'sender',
      opened: (side) => this.#send(side),
      failed: (reason) => owner.failed(reason),
    })
  }

  get progress(): RegionProgress | undefined {
    return this.#sending?.progress()
  }

  /** Nothing is told any more. Idempotent. */
  cancel(): void {
    this.#takeBack()
    this.#takeBack = () => {}
    this.#sending?.cancel()
  }

  #send(side: SideStream): void {
    this.#sending = this.#region.send(this.ask, side, {
      nearly: () => this.#finish(),
      done: (digest) => {
        if (this.#isTaken) this.#owner.arrived(digest)
      },
      failed: (error: PairError) => this.#owner.failed(error.message),
    })
  }

  /** Frames are processed to their end in one run of code: none is half done here. */
  #finish(): void {
    const sending = this.#sending
    if (this.#isTaken || sending === undefined) return
    const take = () => sending.finish()
    // By write protection it takes less than a beat: not worth a word.
    const isLong = this.#region.way === 'shadow'
    if ((isLong ? this.#owner.blocking(take) : take()) !== 'taken') return
    this.#isTaken = true
    this.#owner.taken()
  }
}
