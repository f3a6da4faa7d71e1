/**
 * From a fresh connection to a proven member of the pair, or to a refusal; each within a second and
 * 16 KiB.
 *
 * First TLS where there is a secret, then the hello. The side that dialled speaks first; the side
 * that was dialled answers only to the right name of the pair, so a stranger learns nothing but
 * that a port is open. Whoever fits nearly is told why not, so that both sides report the same
 * sentence.
 *
 *     dialer    hello ─────────►           ─► accept, side, or refusal
 *     listener           ─► hello, or refusal            ─► welcome
 *
 * It must not know of links, retries or events: it ends in one outcome.
 */

import type { Socket } from 'node:net'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'
import {
  decodeHello,
  decodeRefusal,
  decodeSide,
  encodeAccept,
  encodeHello,
  encodeRefusal,
  encodeSide,
  type Hello,
  isAccept,
  type Misfit,
  misfitOf,
} from '../wire/hello.js'
import { greetingBytes } from '../wire/limits.js'
import type { PacketFault } from '../wire/packet.js'
import { Channel, type ChannelReceiver } from './channel.js'
import { type Secured, type Security, secureAsDialer, secureAsListener } from './secure.js'

// A handshake takes four one-way trips and about a millisecond of work: a second is ample across a
// continent, and a silent connector holds its place no longer.
const deadlineMs = millis(1_000)

/** What every greeting of one member needs. */
export interface GreetingContext {
  readonly own: Hello
  readonly security: Security | undefined
  readonly clock: ClockPort
  /** Of who dials: the load that the connection is for; undefined: it is to be the link. */
  readonly ask?: number
}

/** Which end of the connection this is. */
export type Side = 'dialer' | 'listener'

/** How a greeting ends. */
export type GreetingOutcome =
  /**
   * The other side belongs to us. Its packets come to `channel.receiver`, which must be set within
   * the call.
   */
  | {
      readonly kind: 'welcome'
      readonly channel: Channel
      readonly hello: Hello
      /** The load that the connection is for; undefined: it is to be the link. */
      readonly ask: number | undefined
      /** By which of the own secrets it has proved itself, from 0; of no meaning without one. */
      readonly secret: number
    }
  /** It spoke our protocol, or tried our kind of key, and does not fit. */
  | { readonly kind: 'refused'; readonly misfit: Misfit }
  /** It did not speak our protocol, or broke off. */
  | { readonly kind: 'broken'; readonly how: 'closed' | 'garbage' | 'too-slow' | 'given-up' }

const secretMisfit: Misfit = {
  code: 'ERR_HOTPAIR_PEER_SECRET',
  message: 'the secrets of the two sides differ, or the names of their pairs',
}

/** One connection that is not yet let in. */
export class Greeting implements ChannelReceiver {
  readonly #raw: Socket
  readonly #side: Side
  readonly #context: GreetingContext
  readonly #done: (outcome: GreetingOutcome) => void
  readonly #deadline: Timer
  #channel: Channel | undefined
  // What the other side has said, once it was found to fit.
  #hello: Hello | undefined
  #hasSpoken = false
  #secret = 0
  #isReleased = false
  #isSettled = false

  /**
   * `raw` is connected and nobody has read from it. `done` is called once, never within this call.
   */
  constructor(
    raw: Socket,
    side: Side,
    context: GreetingContext,
    done: (outcome: GreetingOutcome) => void,
  ) {
    this.#raw = raw
    this.#side = side
    this.#context = context
    this.#done = done
    this.#deadline = context.clock.setTimer(deadlineMs, () => this.#break('too-slow'))
    raw.setNoDelay(true)
    // A member that vanished with its host sends no end: the kernel then finds out, in some ten
    // seconds.
    raw.setKeepAlive(true, 1_000)
    // What is wrong is told by the channel or by TLS; without a listener an error would end the
    // process.
    raw.on('error', () => {})
    if (context.security === undefined) this.#speak(raw)
    else this.#secure(context.security)
  }

  /** Whether the other side has sent anything at all. */
  get hasHeard(): boolean {
    return this.#raw.bytesRead > 0
  }

  /** Ends it from outside. */
  giveUp(): void {
    this.#break('given-up')
  }

  #secure(security: Security): void {
    const secureAs = this.#side === 'dialer' ? secureAsDialer : secureAsListener
    secureAs(this.#raw, security, (outcome) => {
      if (this.#isSettled) return
      if (typeof outcome !== 'string') this.#speakSecurely(outcome)
      else if (outcome === 'wrong-secret') this.#settle({ kind: 'refused', misfit: secretMisfit })
      else this.#break(outcome === 'ended' ? 'closed' : 'garbage')
    })
  }

  #speakSecurely({ socket, secret }: Secured): void {
    this.#secret = secret
    this.#speak(socket)
  }

  #speak(socket: Socket): void {
    this.#channel = new Channel(socket, greetingBytes, this.#context.clock, this)
    if (this.#side === 'dialer') this.#say(encodeHello(this.#context.own))
  }

  body(body: Uint8Array): void {
    const misfit = this.#hasSpoken ? decodeRefusal(body) : undefined
    if (misfit !== undefined) this.#settle({ kind: 'refused', misfit })
    else if (this.#hello === undefined) this.#onHello(decodeHello(body))
    else if (isAccept(body)) this.#welcome(this.#hello, undefined)
    else this.#onSide(this.#hello, decodeSide(body))
  }

  #onHello(hello: Hello | undefined): void {
    if (hello === undefined) {
      this.#break('garbage')
      return
    }
    const misfit = misfitOf(this.#context.own, hello)
    if (misfit !== undefined) {
      this.#refuse(misfit)
      return
    }
    this.#hello = hello
    if (this.#side === 'listener') {
      this.#say(encodeHello(this.#context.own))
      return
    }
    const { ask } = this.#context
    this.#say(ask === undefined ? encodeAccept() : encodeSide(ask))
    this.#welcome(hello, ask)
  }

  #onSide(hello: Hello, ask: number | undefined): void {
    if (ask === undefined) this.#break('garbage')
    else this.#welcome(hello, ask)
  }

  fault(_: PacketFault): void {
    this.#break('garbage')
  }

  drained(): void {}

  ended(): void {
    this.#break('closed')
  }

  #refuse(misfit: Misfit): void {
    // One of another pair learns nothing.
    if (misfit.code !== 'ERR_HOTPAIR_PEER_PAIR') {
      this.#say(encodeRefusal(misfit))
      this.#release()?.finish()
    }
    this.#settle({ kind: 'refused', misfit })
  }

  #welcome(hello: Hello, ask: number | undefined): void {
    const channel = this.#release()
    if (channel === undefined) return
    this.#settle({ kind: 'welcome', channel, hello, ask, secret: this.#secret })
  }

  #say(packet: Uint8Array): void {
    this.#hasSpoken = true
    this.#channel?.write(packet)
  }

  // The connection outlives this greeting.
  #release(): Channel | undefined {
    const channel = this.#channel
    this.#channel = undefined
    this.#isReleased = channel !== undefined
    return channel
  }

  #break(how: 'closed' | 'garbage' | 'too-slow' | 'given-up'): void {
    this.#settle({ kind: 'broken', how })
  }

  #settle(outcome: GreetingOutcome): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#deadline.clear()
    if (!this.#isReleased) {
      this.#channel?.destroy()
      this.#raw.destroy()
    }
    this.#done(outcome)
  }
}
