/**
 * An arbiter within one process: what each real one must do, in the fewest lines.
 *
 * `ReferenceArbiter` is the third party; each member has a client of it. Records go in and out as
 * bytes, so what a client holds can never change what is kept. It is never lost and never slow:
 * whoever simulates that does it around a client.
 */

import type { ArbiterRecord } from '../core/state.js'
import { ClosedError } from '../errors.js'
import type { ArbiterPort, ArbiterSight, SwapOutcome } from '../runtime/ports-arbiter.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import { areSameBytes, decodeRecord, encodeRecord } from '../wire/record.js'

/** The third party. */
export class ReferenceArbiter {
  /** Empty: nothing was ever kept. */
  #kept: Uint8Array = new Uint8Array(0)
  readonly #clients = new Set<() => void>()

  /** The arbiter as one member sees it. */
  client(clock: ClockPort): ArbiterPort {
    return new ReferenceClient(this, clock)
  }

  read(): ArbiterRecord | undefined {
    return this.#kept.length === 0 ? undefined : decodeRecord(this.#kept)
  }

  swap(expected: ArbiterRecord | undefined, next: ArbiterRecord): SwapOutcome {
    const before = expected === undefined ? new Uint8Array(0) : encodeRecord(expected)
    if (!areSameBytes(before, this.#kept)) return { isSwapped: false, found: this.read() }
    this.#kept = encodeRecord(next)
    for (const changed of this.#clients) changed()
    return { isSwapped: true }
  }

  /** Calls `changed` after each swap that is done. Returns what ends it. */
  onChange(changed: () => void): () => void {
    this.#clients.add(changed)
    return () => this.#clients.delete(changed)
  }
}

class ReferenceClient implements ArbiterPort {
  readonly name = 'memory'
  readonly #arbiter: ReferenceArbiter
  readonly #clock: ClockPort
  readonly #ends = new Set<() => void>()
  #isClosed = false

  constructor(arbiter: ReferenceArbiter, clock: ClockPort) {
    this.#arbiter = arbiter
    this.#clock = clock
  }

  async read(signal?: AbortSignal): Promise<ArbiterRecord | undefined> {
    await this.#asked(signal)
    return this.#arbiter.read()
  }

  async swap(
    expected: ArbiterRecord | undefined,
    next: ArbiterRecord,
    signal?: AbortSignal,
  ): Promise<SwapOutcome> {
    await this.#asked(signal)
    return this.#arbiter.swap(expected, next)
  }

  watch(listener: (sight: ArbiterSight) => void): () => void {
    const since = this.#clock.now()
    const tell = (sight: ArbiterSight): void => {
      this.#clock.defer(() => void (this.#ends.has(end) && listener(sight)))
    }
    const look = (): void => tell({ kind: 'record', record: this.#arbiter.read() })
    const ignore = this.#arbiter.onChange(look)
    const end = (): void => {
      ignore()
      this.#ends.delete(end)
    }
    if (this.#isClosed) ignore()
    else this.#ends.add(end)
    tell({ kind: 'reach', isReachable: true, since, error: undefined })
    look()
    return end
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const end of [...this.#ends]) end()
  }

  async #asked(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isClosed) throw new ClosedError('the arbiter is closed')
    signal?.throwIfAborted()
  }
}
