/**
 * One connection at a witness: proves its pair within a second, then asks, one pair's record only.
 *
 * Nobody is answered before the key of a pair was proved, where there are keys; a stranger holds a
 * place in the waiting room, a kilobyte, and nothing else. A member that asks faster than it is
 * answered, or does not read its answers, is closed: both are bounded.
 */

import type { Socket } from 'node:net'
import { asPairError } from '../../errors.js'
import { Channel, type ChannelReceiver } from '../../peer/channel.js'
import type { ClockPort, Timer } from '../../runtime/ports-clock.js'
import { millis } from '../../units.js'
import { decodeRecord } from '../../wire/record.js'
import {
  decodeQuestion,
  encodeWitness,
  type Reason,
  type WitnessAnswer,
  type WitnessQuestion,
  witnessPacketBytes,
  witnessProtocol,
} from '../../wire/witness.js'
import type { Keeper } from './keeper.js'
import { type PairKeys, secureAsWitness } from './secure.js'

// As long as the greeting of the data link: four trips and a millisecond of work.
const deadlineMs = millis(1_000)

/** Questions under way: a member has two or three. Bounds memory and the disk's queue. */
const mostAsked = 16

/** Answers that wait for a member that does not read: some four hundred. */
const mostUnreadBytes = 65_536

/** What a session needs of its witness. */
export interface SessionHost {
  readonly clock: ClockPort
  /** Undefined: every name of a pair is believed; on loopback only. */
  readonly keys: PairKeys | undefined
  keeperOf(pair: string): Keeper | undefined
  /** It has proved its pair. */
  admitted(session: Session, pair: string): void
  /** It is over. `reason`: it was turned away, for that. */
  ended(session: Session, reason: Reason | undefined): void
}

export class Session implements ChannelReceiver {
  readonly address: string
  /** As the member says; undefined until it was let in. */
  member: 'a' | 'b' | undefined
  readonly #raw: Socket
  readonly #host: SessionHost
  readonly #deadline: Timer
  #channel: Channel | undefined
  // The pair whose key was proved; undefined without keys.
  #proved: string | undefined
  #keeper: Keeper | undefined
  #askedCount = 0
  #isOver = false

  constructor(raw: Socket, host: SessionHost) {
    this.#raw = raw
    this.#host = host
    this.address = raw.remoteAddress ?? 'unknown'
    this.#deadline = host.clock.setTimer(deadlineMs, () => this.#end(undefined))
    raw.setNoDelay(true)
    raw.setKeepAlive(true, 1_000)
    // Told by the channel or by TLS; without a listener an error would end the process.
    raw.on('error', () => {})
    if (host.keys === undefined) this.#speak(raw)
    else this.#secure(host.keys)
  }

  /** Tells of a record that was changed. */
  tell(record: Uint8Array): void {
    this.#say({ type: 'record', number: 0, record })
  }

  /** Ends it from outside. */
  close(): void {
    this.#end(undefined)
  }

  #secure(keys: PairKeys): void {
    secureAsWitness(this.#raw, keys, (outcome, pair) => {
      if (this.#isOver) return
      if (typeof outcome !== 'string') {
        this.#proved = pair
        this.#speak(outcome)
        return
      }
      const message = 'it could not prove the secret of a pair that is served here'
      const isLie = outcome !== 'ended'
      this.#end(isLie ? { code: 'ERR_HOTPAIR_PEER_SECRET', message } : undefined)
    })
  }

  #speak(socket: Socket): void {
    this.#channel = new Channel(socket, witnessPacketBytes, this.#host.clock, this)
  }

  body(body: Uint8Array): void {
    const question = decodeQuestion(body)
    if (question === undefined) this.#garbage()
    else if (question.type === 'ask') this.#greet(question)
    else if (this.#keeper === undefined) this.#garbage()
    else this.#answer(this.#keeper, question)
  }

  fault(): void {
    this.#garbage()
  }

  drained(): void {}

  ended(): void {
    this.#end(undefined)
  }

  #greet({ protocol, pair, member }: WitnessQuestion & { readonly type: 'ask' }): void {
    if (this.#keeper !== undefined) return this.#garbage()
    if (protocol !== witnessProtocol) {
      const message = `the witness speaks version ${witnessProtocol}, the member ${protocol}`
      return this.#refuse({ code: 'ERR_HOTPAIR_PEER_VERSION', message })
    }
    const keeper = this.#host.keeperOf(pair)
    if (keeper === undefined || (this.#proved ?? pair) !== pair) {
      const message = `pair ${JSON.stringify(pair)} is not served here`
      return this.#refuse({ code: 'ERR_HOTPAIR_PEER_PAIR', message })
    }
    this.#deadline.clear()
    this.#keeper = keeper
    this.member = member
    this.#say({ type: 'welcome' })
    this.#host.admitted(this, pair)
  }

  #answer(keeper: Keeper, question: Exclude<WitnessQuestion, { readonly type: 'ask' }>): void {
    const { number } = question
    const isNoRecord = question.type === 'swap' && decodeRecord(question.next) === undefined
    if (isNoRecord || this.#askedCount >= mostAsked) return this.#garbage()
    this.#askedCount += 1
    const asked = question.type === 'read' ? keeper.read() : this.#swap(keeper, question)
    const answered = asked.then(
      (record): WitnessAnswer =>
        record === undefined ? { type: 'swapped', number } : { type: 'record', number, record },
      (error: unknown): WitnessAnswer => {
        const { code, message } = asPairError(error, 'ERR_HOTPAIR_ARBITER_UNKNOWN')
        return { type: 'failed', number, code, message }
      },
    )
    void answered.then((answer) => {
      this.#askedCount -= 1
      this.#say(answer)
    })
  }

  #swap(keeper: Keeper, question: WitnessQuestion & { readonly type: 'swap' }) {
    // The packet is reused when this call returns.
    return keeper.swap(Uint8Array.from(question.expected), Uint8Array.from(question.next))
  }

  #say(answer: WitnessAnswer): void {
    const channel = this.#channel
    if (this.#isOver || channel === undefined) return
    channel.write(encodeWitness(answer))
    if (channel.bufferedBytes > mostUnreadBytes) this.#end(undefined)
  }

  #garbage(): void {
    const message = 'it sent what the protocol does not allow'
    this.#end({ code: 'ERR_HOTPAIR_PEER_PROTOCOL', message })
  }

  #refuse(reason: Reason): void {
    this.#say({ type: 'refuse', ...reason })
    this.#channel?.finish()
    this.#channel = undefined
    this.#end(reason, true)
  }

  #end(reason: Reason | undefined, isFlushed = false): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deadline.clear()
    this.#channel?.destroy()
    if (!isFlushed) this.#raw.destroy()
    this.#host.ended(this, reason)
  }
}
