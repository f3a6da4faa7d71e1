/**
 * The events of a member: typed listeners by name, and an async iterable with a bounded buffer.
 *
 * A listener that throws must not stop the pair: what it throws is thrown again in a microtask,
 * where the process sees it as any uncaught error, after the pair has done its work.
 */

import type { PairEvent, PairEvents } from './events.js'

type Name = PairEvent['type']
type Listener = (event: never) => void

/** Events kept for a reader of `events()` that is slow; beyond, the oldest are dropped. */
export const eventBufferCount = 1_000

export class Emitter {
  readonly #listeners = new Map<Name, Set<Listener>>()
  readonly #readers = new Set<(event: PairEvent) => void>()
  /** The member has stopped: there are no more events. */
  #isOver = false

  on<Of extends Name>(name: Of, listener: (event: PairEvents[Of]) => void): void {
    const listeners = this.#listeners.get(name) ?? new Set<Listener>()
    listeners.add(listener)
    this.#listeners.set(name, listeners)
  }

  off<Of extends Name>(name: Of, listener: (event: PairEvents[Of]) => void): void {
    this.#listeners.get(name)?.delete(listener)
  }

  emit(event: PairEvent): void {
    this.#isOver ||= event.type === 'role' && event.role === 'stopped'
    for (const read of this.#readers) read(event)
    for (const listener of [...(this.#listeners.get(event.type) ?? [])]) {
      try {
        // It was put in under this very name, so the event is of its type: a map cannot say that.
        const call = listener as (event: PairEvent) => void
        call(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /** Every event from now on, until the member has stopped, `signal` aborts or the reader ends. */
  async *events(signal?: AbortSignal): AsyncGenerator<PairEvent, void, undefined> {
    const buffer: PairEvent[] = []
    let wake: (() => void) | undefined
    const read = (event: PairEvent) => {
      if (buffer.length === eventBufferCount) buffer.shift()
      buffer.push(event)
      wake?.()
    }
    const stop = () => wake?.()
    this.#readers.add(read)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      while (signal?.aborted !== true && (buffer.length > 0 || !this.#isOver)) {
        const event = buffer.shift()
        if (event !== undefined) yield event
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          wake = undefined
        }
      }
    } finally {
      this.#readers.delete(read)
      signal?.removeEventListener('abort', stop)
    }
  }
}
