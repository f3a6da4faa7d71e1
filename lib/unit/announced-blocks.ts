/**
 * Blocks of the event loop that were announced, as one: the beat thread knows only when the last of
 * them ends at the latest.
 *
 * The library announces its own (a load taken or put in place), the user announces others; they may
 * lie inside each other, and each ends by itself.
 */

import type { ClockPort } from '../runtime/ports-clock.js'

export class AnnouncedBlocks {
  readonly #clock: ClockPort
  /** The end of the last block, in milliseconds from now; 0: there is none. */
  readonly #tell: (ms: number) => void
  readonly #untils = new Set<{ readonly at: number }>()

  constructor(clock: ClockPort, tell: (ms: number) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /**
   * The event loop is about to stand still for at most `atMostMs`. Returns what ends it early; that
   * may be called again.
   */
  announce(atMostMs: number): () => void {
    const until = { at: this.#clock.now() + atMostMs }
    this.#untils.add(until)
    this.#say()
    return () => {
      if (this.#untils.delete(until)) this.#say()
    }
  }

  #say(): void {
    const now = this.#clock.now()
    let last: number = now
    for (const until of this.#untils) {
      // Over without having been ended: it was at most that long.
      if (until.at <= now) this.#untils.delete(until)
      else last = Math.max(last, until.at)
    }
    this.#tell(last - now)
  }
}
