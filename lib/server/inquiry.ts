/**
 * The question to a receiver which of some outputs it has: asked for all of them at once, within
 * one deadline.
 *
 * Whatever is not answered with yes by then counts as not received, which is never wrong: it is
 * sent again under the same number. Nothing is told after `end`.
 */

import { reasonOf } from '../errors.js'
import type { App, Output } from '../options.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'

export interface InquiryOptions {
  readonly wasReceived: NonNullable<App<never>['wasReceived']>
  readonly clock: ClockPort
  readonly timeoutMs: number
}

/** What came of it. */
export interface Answers {
  /** Numbers of the outputs that the receiver has. */
  readonly received: ReadonlySet<number>
  /** Why some were not answered; undefined when all were. */
  readonly unknown: string | undefined
}

export class Inquiry {
  readonly #abort = new AbortController()
  readonly #received = new Set<number>()
  readonly #limit: Timer
  readonly #done: (answers: Answers) => void
  #unknown: string | undefined
  #open: number
  #isOver = false

  /** Asks for each of `outputs`, which are of one channel; `done` is called once. */
  constructor(
    outputs: readonly Output[],
    { wasReceived, clock, timeoutMs }: InquiryOptions,
    done: (answers: Answers) => void,
  ) {
    this.#done = done
    this.#open = outputs.length
    this.#limit = clock.setTimer(millis(timeoutMs), () => {
      this.#unknown = `it did not answer within ${timeoutMs} ms`
      this.#finish()
    })
    for (const output of outputs) void this.#ask(output, wasReceived)
  }

  /** Nobody waits for the answers any more. */
  end(): void {
    this.#isOver = true
    this.#limit.clear()
    this.#abort.abort()
  }

  async #ask(output: Output, wasReceived: InquiryOptions['wasReceived']): Promise<void> {
    try {
      const isReceived = await wasReceived(output, { signal: this.#abort.signal })
      if (isReceived === true) this.#received.add(output.number)
    } catch (error) {
      this.#unknown ??= reasonOf(error)
    }
    this.#open -= 1
    if (this.#open === 0) this.#finish()
  }

  #finish(): void {
    if (this.#isOver) return
    this.end()
    this.#done({ received: new Set(this.#received), unknown: this.#unknown })
  }
}
