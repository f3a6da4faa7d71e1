/**
 * One try to reach a witness: from its name to a connection that is let in, or to why not, within
 * one time-out. It must not know of questions or of further tries.
 */

import { connect, type Socket } from 'node:net'
import type { PairError } from '../../errors.js'
import { type DataAddress, formatAddress, type Resolver } from '../../peer/address.js'
import { Channel, type ChannelReceiver } from '../../peer/channel.js'
import type { ClockPort, Timer } from '../../runtime/ports-clock.js'
import type { MemberId, Millis } from '../../units.js'
import {
  decodeAnswer,
  encodeWitness,
  type Reason,
  witnessPacketBytes,
  witnessProtocol,
} from '../../wire/witness.js'
import { refused, unreachable } from '../failures.js'
import type { NamedKey } from './names.js'
import { secureAsMember } from './secure.js'

/** What is needed to reach the witness of one pair. */
export interface DialOptions {
  /** The witness for people, as in failures. */
  readonly name: string
  readonly address: DataAddress
  readonly pair: string
  readonly member: MemberId
  /** Undefined: without a secret. */
  readonly key: NamedKey | undefined
  /** For the whole try. */
  readonly timeout: Millis
  readonly clock: ClockPort
  readonly resolver: Resolver
}

/** How a try ends. Packets come to `receiver`, which must be set within the call. */
export type Dialled = Channel | PairError

/** A try under way. */
export class Dial implements ChannelReceiver {
  readonly #options: DialOptions
  readonly #done: (outcome: Dialled) => void
  readonly #deadline: Timer
  #raw: Socket | undefined
  #channel: Channel | undefined
  #isSettled = false

  /** `done` is called once, never within this call, and not after `giveUp`. */
  constructor(options: DialOptions, done: (outcome: Dialled) => void) {
    this.#options = options
    this.#done = done
    const { clock, timeout, address, resolver } = options
    this.#deadline = clock.setTimer(timeout, () => this.#fail(`no answer within ${timeout} ms`))
    resolver.resolve(address.host).then(
      ([host = address.host]) => this.#connect(host),
      (error: unknown) => this.#fail(error),
    )
  }

  giveUp(): void {
    this.#settle(undefined)
  }

  #connect(host: string): void {
    if (this.#isSettled) return
    const raw = connect({ host, port: this.#options.address.port, noDelay: true })
    this.#raw = raw
    raw.setKeepAlive(true, 1_000)
    raw.on('error', (error) => this.#fail(error))
    raw.once('connect', () => this.#secure(raw))
  }

  #secure(raw: Socket): void {
    const { key } = this.#options
    if (key === undefined) return this.#ask(raw)
    secureAsMember(raw, key, (outcome) => {
      if (this.#isSettled) return
      if (typeof outcome !== 'string') this.#ask(outcome)
      else if (outcome === 'wrong-secret') this.#refuse('the secret is not the one it knows')
      else if (outcome === 'ended') this.#fail('it has closed the connection')
      else this.#refuse('it does not serve this pair, or is no witness')
    })
  }

  #ask(socket: Socket): void {
    const { clock, pair, member } = this.#options
    this.#channel = new Channel(socket, witnessPacketBytes, clock, this)
    const ask = { type: 'ask', protocol: witnessProtocol, pair, member } as const
    this.#channel.write(encodeWitness(ask))
  }

  body(body: Uint8Array): void {
    const answer = decodeAnswer(body)
    if (answer?.type === 'refuse') this.#refuse(answer.message)
    else if (answer?.type === 'welcome') this.#settle(this.#channel)
    else this.#refuse('what answers there is no witness')
  }

  fault(): void {
    this.#refuse('what answers there is no witness')
  }

  drained(): void {}

  ended(reason: Reason['message']): void {
    this.#fail(reason)
  }

  #refuse(why: string): void {
    this.#settle(refused(this.#options.name, why))
  }

  #fail(cause: unknown): void {
    this.#settle(unreachable(this.#options.name, cause))
  }

  #settle(outcome: Dialled | undefined): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#deadline.clear()
    if (!(outcome instanceof Channel)) {
      this.#channel?.destroy()
      this.#raw?.destroy()
    }
    if (outcome !== undefined) this.#done(outcome)
  }
}

/** As people read it. */
export function nameOf(address: DataAddress): string {
  return `witness ${formatAddress(address)}`
}
