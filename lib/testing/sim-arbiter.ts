/**
 * An arbiter on a simulated network: it is slow, cannot be reached by a member, loses answers, and
 * does late what it was asked for and everybody has given up.
 *
 * What it keeps is the reference's; a request and its answer travel apart, and a client that has
 * heard nothing for `timeoutMs` says that the outcome is not known.
 */

import { PairError } from '../errors.js'
import type { ArbiterPort, ArbiterSight } from '../runtime/ports-arbiter.js'
import type { MemberId, Millis } from '../units.js'
import { millis } from '../units.js'
import { ReferenceArbiter } from './reference-arbiter.js'
import type { VirtualClock } from './virtual-clock.js'

export interface SimArbiterOptions {
  readonly clock: VirtualClock
  /** One way to the arbiter or back: drawn anew each time. */
  readonly delay: () => Millis
  readonly timeoutMs: number
}

/** How the arbiter's network does to one member. */
interface Way {
  /** Requests get lost; answers too. */
  isCut: boolean
  /** What is asked meanwhile arrives this much later. */
  heldMs: number
}

export class SimArbiter {
  readonly #options: SimArbiterOptions
  readonly #reference = new ReferenceArbiter()
  readonly #ways: Readonly<Record<MemberId, Way>> = {
    a: { isCut: false, heldMs: 0 },
    b: { isCut: false, heldMs: 0 },
  }
  /** Changes that were done. */
  swaps = 0

  constructor(options: SimArbiterOptions) {
    this.#options = options
  }

  /** Whether the member `id` reaches it. */
  cut(id: MemberId, isCut: boolean): void {
    this.#ways[id].isCut = isCut
  }

  /** What `id` asks from now on arrives `ms` later than usual. */
  hold(id: MemberId, ms: number): void {
    this.#ways[id].heldMs = ms
  }

  client(id: MemberId): ArbiterPort {
    const way = this.#ways[id]
    const reference = this.#reference
    return {
      name: 'simulated',
      read: (signal) =>
        this.#ask(way, 'ERR_HOTPAIR_ARBITER_UNREACHABLE', signal, () => reference.read()),
      swap: (expected, next, signal) =>
        this.#ask(way, 'ERR_HOTPAIR_ARBITER_UNKNOWN', signal, () => {
          const outcome = reference.swap(expected, next)
          if (outcome.isSwapped) this.swaps += 1
          return outcome
        }),
      watch: (listener) => this.#watch(way, listener),
      close: async () => {},
    }
  }

  #ask<Answer>(
    way: Way,
    code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE' | 'ERR_HOTPAIR_ARBITER_UNKNOWN',
    signal: AbortSignal | undefined,
    serve: () => Answer,
  ): Promise<Answer> {
    const { clock, delay, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const forget = () => over.clear()
      const end = () => {
        over.clear()
        signal?.removeEventListener('abort', forget)
      }
      const over = clock.setTimer(millis(timeoutMs), () => {
        end()
        reject(new PairError(code, 'the simulated arbiter has not answered'))
      })
      signal?.addEventListener('abort', forget, { once: true })
      if (way.isCut) return
      clock.setTimer(millis(way.heldMs + delay()), () => {
        const answer = serve()
        if (way.isCut) return
        clock.setTimer(delay(), () => {
          end()
          if (!signal?.aborted) resolve(answer)
        })
      })
    })
  }

  #watch(way: Way, listener: (sight: ArbiterSight) => void): () => void {
    const { clock, delay } = this.#options
    let isOver = false
    const look = () => {
      if (way.isCut) return
      const record = this.#reference.read()
      clock.setTimer(delay(), () => isOver || listener({ kind: 'record', record }))
    }
    const ignore = this.#reference.onChange(look)
    look()
    return () => {
      isOver = true
      ignore()
    }
  }
}
