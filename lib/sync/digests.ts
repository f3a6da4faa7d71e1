/**
 * The digests that the primary has told and this mirror has not come to: each is compared when its
 * frame has been processed here, and not at any other.
 *
 * Bounded: what is beyond the bound is not compared, which is a comparison fewer and nothing worse.
 */

import { Deque } from './deque.js'

/** At one digest in a thousand frames a mirror would have to lag by a million of them. */
const mostAwaited = 1_024

interface Awaited {
  readonly frameNo: number
  readonly digest: bigint
}

export class Digests {
  readonly #awaited = new Deque<Awaited>()

  /** The primary's state after `frameNo` has this digest. */
  tell(frameNo: number, digest: bigint): void {
    const { last, length } = this.#awaited
    if (length >= mostAwaited || (last !== undefined && last.frameNo >= frameNo)) return
    this.#awaited.push({ frameNo, digest })
  }

  /** `frameNo` is processed: what its digest has to be, if that was told. */
  at(frameNo: number): bigint | undefined {
    for (let { first } = this.#awaited; first !== undefined; { first } = this.#awaited) {
      if (first.frameNo > frameNo) return undefined
      this.#awaited.shift()
      if (first.frameNo === frameNo) return first.digest
    }
    return undefined
  }

  clear(): void {
    this.#awaited.clear()
  }
}
