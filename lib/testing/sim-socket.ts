/**
 * One end of a simulated connection as its process has it: what an event loop that stands still
 * would write later is written later.
 *
 * The code under test cannot really be held inside a call: when the program hangs in `process`, the
 * rest of that turn runs on. Nothing of it may leave before the loop goes on.
 */

import type { PeerHello, PeerLink, SideWish } from '../runtime/ports-peer.js'
import type { SimProcess } from './sim-process.js'

export class SimSocket implements PeerLink {
  readonly #end: PeerLink
  readonly #process: SimProcess

  constructor(end: PeerLink, process: SimProcess) {
    this.#end = end
    this.#process = process
  }

  get hello(): PeerHello {
    return this.#end.hello
  }

  get address(): string {
    return this.#end.address
  }

  get bufferedBytes(): number {
    return this.#end.bufferedBytes
  }

  write(bytes: Uint8Array): boolean {
    if (this.#process.isRunning) return this.#end.write(bytes)
    this.#process.act(() => void this.#end.write(bytes))
    return true
  }

  readOut(limitMs: number): Promise<void> {
    return this.#end.readOut(limitMs)
  }

  openSide(wish: SideWish): () => void {
    return this.#end.openSide(wish)
  }

  close(reason: string): void {
    this.#end.close(reason)
  }
}
