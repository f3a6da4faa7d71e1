/**
 * Carries questions to the arbiter and answers back to the rules, as long as it takes.
 *
 * A claim is asked again until the arbiter has said what it keeps: one whose answer was lost may be
 * done already, or later, and asking for the same change again does no harm, for of all that expect
 * one record at most one is done. Decides nothing.
 */

import type { Happening } from '../core/event.js'
import type { ArbiterRecord } from '../core/state.js'
import { asPairError } from '../errors.js'
import { type Millis, millis } from '../units.js'
import type { ArbiterPort, ArbiterSight } from './ports-arbiter.js'
import type { ClockPort, Timer } from './ports-clock.js'

/** First and longest pause before an arbiter that did not answer is asked again. */
const firstPauseMs = 20
const longestPauseMs = 1_000

export interface ClaimsOptions {
  readonly arbiter: ArbiterPort
  readonly clock: ClockPort
  readonly post: (happening: Happening) => void
  /** It answers again, or does not; told once for each change. */
  readonly reach: (sight: Extract<ArbiterSight, { kind: 'reach' }>) => void
}

export class Claims {
  readonly #options: ClaimsOptions
  readonly #ending = new AbortController()
  readonly #pauses = new Set<Timer>()
  #unwatch: (() => void) | undefined
  #isReading = false

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  /** From here on the rules are told what the arbiter keeps. */
  open(): void {
    const { arbiter, post, reach } = this.#options
    this.#unwatch = arbiter.watch((sight) => {
      if (sight.kind === 'reach') reach(sight)
      else post({ type: 'kept', kept: sight.record })
    })
  }

  /** What was asked and not answered is left alone: it may still be done. Idempotent. */
  close(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#ending.abort()
    for (const pause of this.#pauses) pause.clear()
    this.#pauses.clear()
  }

  read(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#until(
      (signal) => this.#options.arbiter.read(signal),
      (kept) => {
        this.#isReading = false
        this.#options.post({ type: 'kept', kept })
      },
    )
  }

  /** `delay`: before it is asked for the first time. */
  claim(expected: ArbiterRecord | undefined, next: ArbiterRecord, delay: Millis): void {
    const { arbiter, post } = this.#options
    const { claim } = next
    const ask = () =>
      this.#until(
        (signal) => arbiter.swap(expected, next, signal),
        (outcome) => {
          const isOurs = outcome.isSwapped || outcome.found?.claim === claim
          if (isOurs) post({ type: 'granted', claim })
          else post({ type: 'refused', claim, found: outcome.found })
        },
      )
    if (delay === 0) ask()
    else this.#pause(delay, ask)
  }

  /** Asks until there is an answer. */
  #until<Answer>(
    ask: (signal: AbortSignal) => Promise<Answer>,
    answered: (answer: Answer) => void,
    pauseMs: number = firstPauseMs,
  ): void {
    const { signal } = this.#ending
    if (signal.aborted) return
    ask(signal).then(
      (answer) => {
        if (!signal.aborted) answered(answer)
      },
      (error: unknown) => {
        if (signal.aborted || asPairError(error, 'ERR_HOTPAIR_ARBITER_UNKNOWN').code === closed)
          return
        const next = Math.min(longestPauseMs, 2 * pauseMs)
        this.#pause(millis(pauseMs), () => this.#until(ask, answered, next))
      },
    )
  }

  #pause(delay: Millis, then: () => void): void {
    const pause = this.#options.clock.setTimer(delay, () => {
      this.#pauses.delete(pause)
      then()
    })
    this.#pauses.add(pause)
  }
}

const closed = 'ERR_HOTPAIR_CLOSED'
