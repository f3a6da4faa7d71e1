/**
 * A member's end of a witness: one connection, held while somebody needs it, dialled anew with a
 * growing wait.
 *
 * A question waits for the connection, is sent once, and is never sent again: what a lost answer
 * means is told to the caller, who alone knows what it asked for. One that is not answered in time
 * ends the connection, since the answers behind it would come late too; the next try may find
 * another way. While somebody watches, a read goes out every half time-out, so that a witness that
 * is cut off is noticed though nobody asks for anything.
 */

import type { PairError } from '../../errors.js'
import { type DataAddress, Resolver } from '../../peer/address.js'
import { Backoff } from '../../peer/backoff.js'
import { Channel, type ChannelReceiver } from '../../peer/channel.js'
import type {
  ArbiterPort,
  ArbiterRecord,
  ArbiterSight,
  SwapOutcome,
} from '../../runtime/ports-arbiter.js'
import type { ClockPort, Timer } from '../../runtime/ports-clock.js'
import { type MemberId, type Millis, millis } from '../../units.js'
import { decodeRecord, encodeRecord } from '../../wire/record.js'
import { decodeAnswer, type WitnessAnswer } from '../../wire/witness.js'
import { closed, unreachable, unreadable } from '../failures.js'
import { Watchers } from '../watchers.js'
import { Dial, nameOf } from './dial.js'
import { keyOf, type NamedKey } from './names.js'
import { failed, Questions } from './questions.js'

/** The witness of one pair, from one member's side. */
export interface WitnessOptions {
  readonly address: DataAddress
  readonly pair: string
  readonly member: MemberId
  /**
   * The one in use, and the other one while they are being changed: where one is refused the next
   * is offered. None: on loopback only.
   */
  readonly secrets: readonly string[]
  /** For one try to connect, and for each answer. */
  readonly timeout: Millis
  readonly clock: ClockPort
  /** 0 ≤ number < 1. */
  readonly random: () => number
}

export class WitnessClient implements ArbiterPort, ChannelReceiver {
  readonly name: string
  readonly #options: WitnessOptions
  readonly #keys: readonly NamedKey[]
  readonly #resolver = new Resolver()
  readonly #backoff: Backoff
  readonly #watchers: Watchers
  readonly #questions: Questions
  /** Which key is offered, and how many in a row were refused. */
  #offered = 0
  #refusedCount = 0
  #dial: Dial | undefined
  #channel: Channel | undefined
  #pause: Timer | undefined
  #look: Timer | undefined
  #isClosed = false

  constructor(options: WitnessOptions) {
    const { address, secrets, pair, clock, random, timeout } = options
    this.name = nameOf(address)
    this.#options = options
    this.#keys = secrets.map((secret) => keyOf(secret, pair))
    this.#backoff = new Backoff(random)
    this.#watchers = new Watchers(clock)
    const late = (): void => this.#lose(`no answer within ${timeout} ms`)
    this.#questions = new Questions(this.name, clock, timeout, late)
  }

  async read(signal?: AbortSignal): Promise<ArbiterRecord | undefined> {
    const answer = await this.#ask((number) => ({ type: 'read', number }), signal)
    if (answer.type === 'swapped') throw unreachable(this.name, 'it answered another question')
    return this.#recordOf(answer.record)
  }

  async swap(
    expected: ArbiterRecord | undefined,
    next: ArbiterRecord,
    signal?: AbortSignal,
  ): Promise<SwapOutcome> {
    const before = expected === undefined ? new Uint8Array(0) : encodeRecord(expected)
    const after = encodeRecord(next)
    const question = (number: number) =>
      ({ type: 'swap', number, expected: before, next: after }) as const
    const answer = await this.#ask(question, signal)
    if (answer.type === 'swapped') return { isSwapped: true }
    return { isSwapped: false, found: this.#recordOf(answer.record) }
  }

  watch(listener: (sight: ArbiterSight) => void): () => void {
    if (this.#isClosed) return () => {}
    const end = this.#watchers.add(listener)
    this.#connect()
    if (this.#channel !== undefined) this.#lookAround()
    return end
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#watchers.close()
    this.#pause?.clear()
    this.#look?.clear()
    this.#dial?.giveUp()
    this.#channel?.finish()
    this.#channel = undefined
    this.#questions.end(closed(), (question) => question === 'swap')
  }

  async #ask(make: Parameters<Questions['ask']>[0], signal: AbortSignal | undefined) {
    if (this.#isClosed) throw closed()
    signal?.throwIfAborted()
    const asked = this.#questions.ask(make, signal)
    this.#connect()
    if (this.#channel !== undefined) this.#questions.send(this.#channel)
    return await asked
  }

  // One try at a time, and none while a wait is under way.
  #connect(): void {
    const isNeeded = this.#watchers.count > 0 || this.#questions.count > 0
    if (!isNeeded || this.#isClosed) return
    if (this.#channel ?? this.#dial ?? this.#pause) return
    const { name } = this
    const key = this.#keys[this.#offered]
    const options = { ...this.#options, name, key, resolver: this.#resolver }
    this.#dial = new Dial(options, (outcome) => {
      this.#dial = undefined
      if (outcome instanceof Channel) this.#connected(outcome)
      else if (this.#hasOtherKey(outcome)) this.#connect()
      else this.#failed(outcome)
    })
  }

  // Whether a key is left that was not yet refused; it is then offered from here on.
  #hasOtherKey({ code }: PairError): boolean {
    if (code !== 'ERR_HOTPAIR_ARBITER_REFUSED') return false
    this.#refusedCount += 1
    if (this.#refusedCount < this.#keys.length) {
      this.#offered = (this.#offered + 1) % this.#keys.length
      return true
    }
    this.#refusedCount = 0
    return false
  }

  #connected(channel: Channel): void {
    this.#channel = channel
    channel.receiver = this
    this.#backoff.reset()
    this.#refusedCount = 0
    this.#questions.send(channel)
    this.#lookAround()
  }

  #failed(error: PairError): void {
    this.#watchers.reach(error)
    // A refusal is an answer; what only could not be reached may come back in time.
    if (error.code === 'ERR_HOTPAIR_ARBITER_REFUSED') this.#questions.end(error, () => false)
    else this.#questions.excuse(error)
    const { clock, timeout } = this.#options
    // Twice within the time of a question: one that is asked meanwhile has a try of its own.
    this.#pause = clock.setTimer(this.#backoff.next(millis(timeout / 2)), () => {
      this.#pause = undefined
      this.#connect()
    })
  }

  // The connection is no good any more.
  #lose(why: string): void {
    const channel = this.#channel
    if (channel === undefined) return
    this.#channel = undefined
    this.#look?.clear()
    channel.destroy()
    this.#questions.lose(why)
    this.#failed(unreachable(this.name, why))
  }

  #lookAround(): void {
    this.#look?.clear()
    if (this.#isClosed || this.#watchers.count === 0) return
    const { clock, timeout } = this.#options
    this.#look = clock.setTimer(millis(timeout / 2), () => this.#lookAround())
    // What it brings is told by the one who reads it; what it fails by, by `lose`.
    this.read().catch(() => {})
  }

  body(body: Uint8Array): void {
    const answer = decodeAnswer(body)
    if (answer === undefined) return this.#lose('it sent what the protocol does not allow')
    if (answer.type === 'record' && answer.number === 0) return this.#see(answer.record)
    const question = this.#questions.answered(answer)
    if (question === undefined) return this.#lose('it answered what was not asked')
    this.#note(answer)
    if (answer.type === 'record') this.#see(answer.record)
    if (answer.type !== 'swapped') return
    // The witness tells the others; this one knows by its answer, unless it waits no more for it.
    if (question.next !== undefined) this.#see(question.next)
    else this.#lookAround()
  }

  fault(): void {
    this.#lose('it sent what the protocol does not allow')
  }

  drained(): void {}

  ended(reason: string): void {
    this.#lose(reason)
  }

  // An answer is a sign of life, unless it says that there is nothing to be had.
  #note(answer: WitnessAnswer): void {
    const isFailure = answer.type === 'failed' || answer.type === 'refuse'
    this.#watchers.reach(isFailure ? failed(this.name, answer) : undefined)
  }

  #see(bytes: Uint8Array): void {
    if (bytes.length === 0) return this.#watchers.record(undefined)
    const record = decodeRecord(bytes)
    if (record !== undefined) this.#watchers.record(record)
  }

  #recordOf(bytes: Uint8Array): ArbiterRecord | undefined {
    if (bytes.length === 0) return undefined
    const record = decodeRecord(bytes)
    if (record === undefined) throw unreadable(this.name, 'it is of another version')
    return record
  }
}
