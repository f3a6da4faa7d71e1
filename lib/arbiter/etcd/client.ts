/**
 * The arbiter in an etcd: the record is the value of one key a pair, and a swap is a transaction
 * that compares the whole value, or that there is none.
 *
 * A read is asked of the next endpoint when one fails; a swap only if surely nothing of it has
 * left: a second try after the first was done would find what that one wrote, and call it
 * another's. Those who watch are told by linearizable reads, one every half time-out, and not by
 * etcd's watch: that one does not say when it is cut off, so the reads would be needed beside it.
 */

import { asPairError, type PairError } from '../../errors.js'
import type {
  ArbiterPort,
  ArbiterRecord,
  ArbiterSight,
  SwapOutcome,
} from '../../runtime/ports-arbiter.js'
import type { ClockPort, Timer } from '../../runtime/ports-clock.js'
import { type Millis, millis } from '../../units.js'
import { decodeRecord, encodeRecord } from '../../wire/record.js'
import { closed, refused, unknown, unreachable, unreadable } from '../failures.js'
import { Watchers } from '../watchers.js'
import { Gateway, type GatewayOptions, LostQuestion } from './gateway.js'
import { type Found, rangeOf, readRange, readSwap, readToken, swapOf } from './messages.js'

/** The etcd of one pair, from one member's side. */
export interface EtcdOptions {
  /** At least one. */
  readonly endpoints: readonly URL[]
  /** The key is this and the name of the pair. */
  readonly prefix: string
  readonly pair: string
  /** Both or none. */
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: GatewayOptions['tls']
  /** For each try at one endpoint. */
  readonly timeout: Millis
  readonly clock: ClockPort
}

interface Question {
  readonly path: string
  readonly body: object
  readonly read: (status: number, body: unknown) => Found
  /** It may be asked again though it may have been done. */
  readonly isRepeatable: boolean
}

type Answer = Extract<Found, { readonly kind: 'found' | 'swapped' }>

export class EtcdClient implements ArbiterPort {
  readonly name: string
  readonly #options: EtcdOptions
  readonly #key: Uint8Array
  readonly #gateway: Gateway
  readonly #watchers: Watchers
  /** The endpoint that is asked first. */
  #at = 0
  #token: string | undefined
  #look: Timer | undefined
  /** Reads for those who watch, one after the other. */
  #isLooking = false
  #isStale = false
  #isClosed = false

  constructor(options: EtcdOptions) {
    this.#options = options
    this.#key = new TextEncoder().encode(options.prefix + options.pair)
    this.#gateway = new Gateway(options)
    this.#watchers = new Watchers(options.clock)
    this.name = `etcd ${options.endpoints.map(({ host }) => host).join(', ')}`
  }

  async read(signal?: AbortSignal): Promise<ArbiterRecord | undefined> {
    const body = rangeOf(this.#key)
    const question = { path: '/v3/kv/range', body, read: readRange, isRepeatable: true }
    const answer = await this.#ask(question, signal)
    return this.#recordOf(answer)
  }

  async swap(
    expected: ArbiterRecord | undefined,
    next: ArbiterRecord,
    signal?: AbortSignal,
  ): Promise<SwapOutcome> {
    const before = expected && encodeRecord(expected)
    const body = swapOf(this.#key, before, encodeRecord(next))
    const question = { path: '/v3/kv/txn', body, read: readSwap, isRepeatable: false }
    const answer = await this.#ask(question, signal)
    this.#lookAround()
    if (answer.kind === 'swapped') return { isSwapped: true }
    return { isSwapped: false, found: this.#recordOf(answer) }
  }

  watch(listener: (sight: ArbiterSight) => void): () => void {
    if (this.#isClosed) return () => {}
    const end = this.#watchers.add(listener)
    this.#lookAround()
    return end
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watchers.close()
    this.#look?.clear()
    this.#gateway.close(closed())
  }

  // Each endpoint once, from the one that answered last.
  async #ask(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    const { endpoints } = this.#options
    let failure: PairError = unreachable(this.name, 'there is no endpoint')
    for (let tries = 0; tries < endpoints.length; tries++) {
      this.#assertOpen(signal)
      try {
        const found = await this.#askOne(question, signal)
        if (found.kind === 'found' || found.kind === 'swapped') return found
        // Answered by one, it is the answer of all.
        if (found.kind !== 'failed') throw refused(this.name, found.why)
        failure = this.#failed(question, false, found.why)
      } catch (error) {
        if (!(error instanceof LostQuestion)) throw error
        signal?.throwIfAborted()
        failure = this.#failed(question, error.isUnsent, error)
        if (this.#isClosed && failure.code !== 'ERR_HOTPAIR_ARBITER_UNKNOWN') throw closed()
      }
      this.#at = (this.#at + 1) % endpoints.length
      if (failure.code === 'ERR_HOTPAIR_ARBITER_UNKNOWN') break
    }
    throw failure
  }

  #failed(question: Question, isUnsent: boolean, cause: unknown): PairError {
    const isHarmless = question.isRepeatable || isUnsent
    return (isHarmless ? unreachable : unknown)(this.name, cause)
  }

  async #askOne(question: Question, signal: AbortSignal | undefined): Promise<Found> {
    const { user } = this.#options
    const hadToken = this.#token !== undefined
    if (user !== undefined && !hadToken) {
      const refusal = await this.#authenticate(signal)
      if (refusal !== undefined) return refusal
    }
    const first = await this.#askAs(question, signal)
    if (first.kind !== 'stranger' || !hadToken) return first
    // The token was forgotten there, or users have been changed: nothing was done.
    const refusal = await this.#authenticate(signal)
    return refusal ?? (await this.#askAs(question, signal))
  }

  async #askAs(question: Question, signal: AbortSignal | undefined): Promise<Found> {
    const { path, body, read } = question
    try {
      const { status, body: answer } = await this.#post(path, body, signal)
      return read(status, answer)
    } catch (error) {
      // Some versions close the connection where the token is no good, instead of saying so.
      this.#token = undefined
      throw error
    }
  }

  // Undefined: it has a token.
  async #authenticate(signal: AbortSignal | undefined): Promise<Found | undefined> {
    this.#token = undefined
    const { user, password } = this.#options
    const path = '/v3/auth/authenticate'
    try {
      const { status, body } = await this.#post(path, { name: user, password }, signal)
      const token = readToken(status, body)
      if (typeof token === 'string') this.#token = token
      else if (token.kind === 'failed') throw new Error(token.why)
      else return token
      return undefined
    } catch (error) {
      // The question behind it was not even asked.
      throw new LostQuestion(true, error)
    }
  }

  #post(path: string, body: object, signal: AbortSignal | undefined) {
    const endpoint = this.#options.endpoints[this.#at]
    if (endpoint === undefined) throw unreachable(this.name, 'there is no endpoint')
    return this.#gateway.ask({ endpoint, path, body, token: this.#token, signal })
  }

  #assertOpen(signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw closed()
    signal?.throwIfAborted()
  }

  // One read at a time, so that what is told is in order; one more where something was changed
  // meanwhile.
  #lookAround(): void {
    if (this.#isClosed || this.#watchers.count === 0) return
    if (this.#isLooking) {
      this.#isStale = true
      return
    }
    this.#look?.clear()
    this.#isLooking = true
    this.#isStale = false
    const { clock, timeout } = this.#options
    void this.#see().then(() => {
      this.#isLooking = false
      if (this.#isStale) this.#lookAround()
      else if (!this.#isClosed)
        this.#look = clock.setTimer(millis(timeout / 2), () => this.#lookAround())
    })
  }

  async #see(): Promise<void> {
    try {
      const record = await this.read()
      this.#watchers.reach(undefined)
      this.#watchers.record(record)
    } catch (error) {
      this.#watchers.reach(asPairError(error, 'ERR_HOTPAIR_ARBITER_UNREACHABLE'))
    }
  }

  #recordOf(answer: Answer): ArbiterRecord | undefined {
    if (answer.kind === 'swapped' || answer.value === undefined) return undefined
    const record = decodeRecord(answer.value)
    if (record === undefined)
      throw unreadable(this.name, 'the value of its key is no record of this version')
    return record
  }
}
