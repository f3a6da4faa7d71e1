/**
 * The promise of `member.switchover()`: asked of the rules once, answered by the event that says
 * how it ended.
 *
 * One switchover at a time: who asks while one is under way is answered with it. A signal that
 * aborts takes it back as long as nothing has been handed over; after that it only ends the wait.
 */

import { within } from '../config/check.js'
import { ClosedError, type ErrorCode, PairError } from '../errors.js'
import type { SwitchoverEvent, SwitchoverOutcome } from '../events.js'
import type { SwitchoverOptions, SwitchoverResult } from './contract.js'

const usualDeadlineMs = 5_000
const longestDeadlineMs = 600_000

/** How each outcome but success is said. */
const failures: Readonly<Record<Exclude<SwitchoverOutcome, 'done'>, [ErrorCode, string]>> = {
  'not-possible': [
    'ERR_HOTPAIR_SWITCHOVER_STATE',
    'this member is no primary whose standby is in sync and linked; nothing was begun',
  ],
  timeout: [
    'ERR_HOTPAIR_SWITCHOVER_TIMEOUT',
    'not all that was taken in was delivered and acknowledged by the deadline; this member rules on',
  ],
  cancelled: ['ERR_HOTPAIR_ABORTED', 'the switchover was taken back; this member rules on'],
  'standby-lost': [
    'ERR_HOTPAIR_SWITCHOVER_FAILED',
    'the standby was lost before the hand-over; this member rules on',
  ],
  refused: [
    'ERR_HOTPAIR_SWITCHOVER_FAILED',
    'the other member gave the hand-over up, or was lost; this member rules again',
  ],
  unknown: [
    'ERR_HOTPAIR_SWITCHOVER_UNKNOWN',
    'this member does not rule and cannot tell whether the other one does',
  ],
  closed: ['ERR_HOTPAIR_CLOSED', 'the member was closed before the other one was heard to rule'],
}

export interface SwitchoverRules {
  ask(deadlineMs: number): void
  cancel(): void
}

interface Waiting {
  resolve(result: SwitchoverResult): void
  reject(error: unknown): void
}

export class Switchovers {
  readonly #rules: SwitchoverRules
  #waiting: Waiting[] = []

  constructor(rules: SwitchoverRules) {
    this.#rules = rules
  }

  /** See `Member.switchover`. */
  async begin(options: SwitchoverOptions = {}): Promise<SwitchoverResult> {
    const { deadlineMs = usualDeadlineMs, signal } = options
    within('deadlineMs', deadlineMs, 1, longestDeadlineMs, false)
    signal?.throwIfAborted()
    const isFirst = this.#waiting.length === 0
    const ended = new Promise<SwitchoverResult>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
    if (isFirst) this.#rules.ask(deadlineMs)
    if (signal === undefined) return ended
    return await this.#until(ended, signal)
  }

  /** The rules have ended it. */
  ended({ outcome, epoch, tookMs }: Omit<SwitchoverEvent, 'at'>): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { resolve, reject } of waiting) {
      if (outcome === 'done') resolve({ epoch, tookMs })
      else reject(errorOf(outcome))
    }
  }

  /** The member has stopped: nothing more comes. */
  close(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(new ClosedError())
  }

  async #until(ended: Promise<SwitchoverResult>, signal: AbortSignal): Promise<SwitchoverResult> {
    const aborted = new Promise<never>((_, reject) => {
      const abort = () => {
        // Said first, so that the reason of the signal is what its owner is told.
        reject(signal.reason)
        this.#rules.cancel()
      }
      signal.addEventListener('abort', abort, { once: true })
      const forget = () => signal.removeEventListener('abort', abort)
      ended.then(forget, forget)
    })
    return await Promise.race([aborted, ended])
  }
}

function errorOf(outcome: Exclude<SwitchoverOutcome, 'done'>): PairError {
  const [code, message] = failures[outcome]
  return outcome === 'closed' ? new ClosedError(message) : new PairError(code, message)
}
