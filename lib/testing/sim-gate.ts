/**
 * The gate of one simulated member: the word "may send until", which its beat thread renews and
 * anybody may shut; the plain counterpart of native/heartbeat/gate.cpp. It says when it ends by
 * itself, whoever has died meanwhile.
 */

export class SimGate {
  readonly #now: () => number
  readonly #spanMs: number
  /** Up to then it is open; 0: shut. */
  #until = 0
  #lastBeat: number
  /** Times that it had expired when it was to be renewed. */
  lapses = 0

  /** `openedAt`: the first beat, as far as the gate is concerned. */
  constructor(now: () => number, spanMs: number, openedAt: number) {
    this.#now = now
    this.#spanMs = spanMs
    this.#lastBeat = openedAt
  }

  get isOpen(): boolean {
    return this.#now() < this.#until
  }

  open(): void {
    this.#until = this.#lastBeat + this.#spanMs
  }

  shut(): void {
    this.#until = 0
  }

  renew(): void {
    const now = this.#now()
    if (this.#until > 0 && now >= this.#until) {
      this.#until = 0
      this.lapses += 1
    }
    this.#lastBeat = now
    if (this.#until > 0) this.#until = now + this.#spanMs
  }
}
