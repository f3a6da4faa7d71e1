/**
 * What the server tells of the event loop: which frame is in process, and that it will be blocked.
 *
 * The beat thread shows both to the other member; the development trap looks only while a frame is
 * in process.
 */

import type { PairError } from '../errors.js'
import { systemClock } from '../runtime/clock.js'
import type { BeatsPort } from '../runtime/ports-beats.js'
import type { LoopPort } from '../runtime/ports-server.js'
import { setTrap, type TrapUser } from '../runtime/trap.js'
import { AnnouncedBlocks } from '../unit/announced-blocks.js'

/** Who is told what the trap has caught. */
export interface LoopOwner {
  fault(error: PairError, frameNo: number): void
}

export class Loop implements LoopPort {
  readonly #mode: 'off' | 'report' | 'throw'
  readonly #beats: () => BeatsPort | undefined
  readonly #owner: LoopOwner
  readonly #blocks: AnnouncedBlocks
  #trap: TrapUser | undefined

  constructor(
    mode: 'off' | 'report' | 'throw',
    beats: () => BeatsPort | undefined,
    owner: LoopOwner,
  ) {
    this.#mode = mode
    this.#beats = beats
    this.#owner = owner
    this.#blocks = new AnnouncedBlocks(systemClock, (ms) => beats()?.announceBlock(ms))
  }

  /** From here on until `close` the trap is set, if there is to be one. */
  open(): void {
    const mode = this.#mode
    if (mode === 'off') return
    this.#trap = setTrap({ mode, report: (error, frameNo) => this.#owner.fault(error, frameNo) })
  }

  markFrame(frameNo: number): void {
    this.#beats()?.markFrame(frameNo)
    this.#trap?.markFrame(frameNo)
  }

  announceBlock(atMostMs: number): () => void {
    return this.#blocks.announce(atMostMs)
  }

  close(): void {
    this.#trap?.close()
  }
}
