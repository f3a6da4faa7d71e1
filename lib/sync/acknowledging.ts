/**
 * What a mirror has acknowledged, and what it is to say next: nothing twice, nothing before it may,
 * and once more where the last word may be lost.
 */

export class Acknowledging {
  #frameNo = 0
  #progressNo = 0
  #may = false
  /** The last one is to be said again, or a first one for what a load brought. */
  #isDue = false

  /** Last frame acknowledged: outputs of later ones cannot have left the primary. */
  get frameNo(): number {
    return this.#frameNo
  }

  /** All up to `frameNo` is known to be held; from here on it may acknowledge. */
  start(frameNo: number): void {
    this.#frameNo = frameNo
    this.#progressNo = 0
    this.#may = true
    this.#isDue = false
  }

  stop(): void {
    this.#may = false
  }

  /** Progress is counted anew, over a new link. */
  startAgain(): void {
    this.#progressNo = 0
    this.#isDue = true
  }

  /** Whether anything is to be said of what is held; it counts as said then. */
  take(frameNo: number, progressNo: number): boolean {
    if (!this.#may) return false
    const isSaid = frameNo === this.#frameNo && progressNo === this.#progressNo
    if (isSaid && !this.#isDue) return false
    this.#frameNo = frameNo
    this.#progressNo = progressNo
    this.#isDue = false
    return true
  }

  /** Something is to be said even if nothing more is held. */
  remind(): void {
    this.#isDue = true
  }
}
