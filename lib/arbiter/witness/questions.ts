/**
 * The questions of one client: those that wait for a connection, and those that wait for an answer.
 *
 * A question ends in one of four ways: answered; too late; its connection lost; given up by its
 * caller. Whether it had been sent decides what a swap's end means: sent, it may have been done.
 */

import { PairError } from '../../errors.js'
import type { Channel } from '../../peer/channel.js'
import type { ClockPort, Timer } from '../../runtime/ports-clock.js'
import type { Millis } from '../../units.js'
import {
  encodeWitness,
  type Reason,
  type WitnessAnswer,
  type WitnessQuestion,
} from '../../wire/witness.js'
import { closed, unknown, unreachable } from '../failures.js'

type Question = Exclude<WitnessQuestion, { readonly type: 'ask' }>
/** An answer that brings something. */
export type Result = Extract<WitnessAnswer, { readonly type: 'record' | 'swapped' }>

interface Open {
  readonly question: Question
  readonly settle: (result: Result | Error) => void
  readonly timer: Timer
  isSent: boolean
}

export class Questions {
  readonly #name: string
  readonly #clock: ClockPort
  readonly #timeout: Millis
  readonly #late: () => void
  // By number, in the order of asking.
  readonly #open = new Map<number, Open>()
  #number = 0
  // Why there was no connection the last time.
  #excuse: unknown = 'no connection'

  /** `late` is called when an answer has not come within `timeout`. */
  constructor(name: string, clock: ClockPort, timeout: Millis, late: () => void) {
    this.#name = name
    this.#clock = clock
    this.#timeout = timeout
    this.#late = late
  }

  get count(): number {
    return this.#open.size
  }

  /** Keeps the question that `make` makes of its number until `send`. */
  ask(make: (number: number) => Question, signal: AbortSignal | undefined): Promise<Result> {
    // 0 is the number of news.
    this.#number = (this.#number % 0xffff_ffff) + 1
    const number = this.#number
    return new Promise((resolve, reject) => {
      // What it is settled by does not count: the signal's reason does.
      const aborted = (): void => this.#settle(number, closed())
      const timer = this.#clock.setTimer(this.#timeout, () => this.#expire(number))
      signal?.addEventListener('abort', aborted)
      const settle = (result: Result | Error): void => {
        timer.clear()
        signal?.removeEventListener('abort', aborted)
        if (signal?.aborted) reject(signal.reason)
        else if (result instanceof Error) reject(result)
        else resolve(result)
      }
      this.#open.set(number, { question: make(number), settle, timer, isSent: false })
    })
  }

  /** Sends what was not sent yet. */
  send(channel: Channel): void {
    for (const open of this.#open.values()) {
      if (open.isSent) continue
      open.isSent = true
      channel.write(encodeWitness(open.question))
    }
  }

  /**
   * Hands the answer to who waits for it. Returns the record that a swap has put in, unless its
   * caller has given up; undefined: nothing like that was asked.
   */
  answered(answer: WitnessAnswer): { readonly next: Uint8Array | undefined } | undefined {
    if (answer.type === 'welcome' || answer.type === 'refuse') return undefined
    if (answer.number === 0 || answer.number > this.#number) return undefined
    const question = this.#open.get(answer.number)?.question
    const { type } = answer
    if (type === 'swapped' && question?.type === 'read') return undefined
    this.#settle(answer.number, type === 'failed' ? failed(this.#name, answer) : answer)
    return { next: question?.type === 'swap' ? question.next : undefined }
  }

  /** Why a try to connect has failed, for those whose time ends before the next. */
  excuse(error: PairError): void {
    this.#excuse = error
  }

  /** The connection is lost: what was sent is not answered any more. */
  lose(why: string): void {
    for (const [number, { isSent, question }] of this.#open) {
      if (isSent) this.#settle(number, this.#lost(question, why))
    }
  }

  /** Ends all by `error`, or those that may have been done as `isDoubtful` says. */
  end(error: PairError, isDoubtful: (type: Question['type']) => boolean): void {
    for (const [number, { isSent, question }] of this.#open) {
      const isInDoubt = isSent && isDoubtful(question.type)
      this.#settle(number, isInDoubt ? this.#lost(question, error.message) : error)
    }
  }

  #expire(number: number): void {
    const open = this.#open.get(number)
    if (open === undefined) return
    if (open.isSent) this.#late()
    const excuse = this.#excuse instanceof PairError ? this.#excuse : undefined
    this.#settle(number, excuse ?? unreachable(this.#name, this.#excuse))
  }

  #lost(question: Question, why: string): PairError {
    return (question.type === 'swap' ? unknown : unreachable)(this.#name, why)
  }

  #settle(number: number, result: Result | Error): void {
    const open = this.#open.get(number)
    this.#open.delete(number)
    open?.settle(result)
  }
}

/** What the witness could not do, in its words. */
export function failed(name: string, { code, message }: Reason): PairError {
  return new PairError(code, `${name}: ${message}`)
}
