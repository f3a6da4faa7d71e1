/**
 * The data connection of one member: listener, dialer and the one link, joined behind `PeerPort`.
 *
 * Both members listen; `b` dials. A connection that has proved itself replaces the link that was
 * there, because a peer that dials anew has given the old one up, whether we have noticed or not.
 * What is decided here is which connection is the link, and what is told of the others; nothing
 * else.
 */

import { ClosedError, type ErrorCode } from '../errors.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { PeerCounters, PeerHandlers, PeerPort } from '../runtime/ports-peer.js'
import { elapsed, type Incarnation, type MemberId } from '../units.js'
import {
  commonProtocol,
  encodeHello,
  type Hello,
  oldestProtocolVersion,
  protocolVersion,
} from '../wire/hello.js'
import { type DataAddress, Resolver } from './address.js'
import type { Channel } from './channel.js'
import type { Paths } from './data-path.js'
import { Dialer } from './dialer.js'
import type { GreetingContext, GreetingOutcome } from './greeting.js'
import { Link, type LinkLimits, type LinkOwner } from './link.js'
import { Listener } from './listener.js'
import { Refusals } from './refusals.js'
import { Security } from './secure.js'
import { Sides } from './sides.js'

/** What the data connection needs to know. */
export interface PeerOptions {
  readonly pair: string
  readonly self: MemberId
  readonly incarnation: Incarnation
  /** What must match on both members, key by key. */
  readonly settings: Readonly<Record<string, string>>
  /**
   * One or two; the first is offered first, any is taken. Without one, connections are plain:
   * loopback only, which the options see to.
   */
  readonly secrets: readonly string[]
  /** The data addresses of this member; port 0 lets the system choose. */
  readonly listen: readonly DataAddress[]
  /** The data addresses of the other member, dialled in this order where `self` is `b`. */
  readonly dial: readonly DataAddress[]
  /** Longest packet body taken on a link. */
  readonly maxPacketBytes: number
  readonly clock: ClockPort
  readonly paths?: Paths
  /** 0 ≤ number < 1. */
  readonly random: () => number
  readonly limits?: Partial<LinkLimits>
  /** Protocol versions spoken; by default those of `wire/hello.ts`. */
  readonly protocol?: { readonly newest: number; readonly oldest: number }
}

// A mebibyte is some 4,000 frames of 256 bytes, about the bandwidth-delay product of 1 Gbit/s over
// 8 ms: half of it idles such a line, far more only hides from the sender that it is ahead.
const highWaterBytes = 1_048_576

// Answers and notices go out above the mark too. Twice the default bound on unacknowledged frames:
// who has this much waiting has lost the other side.
const writeLimitBytes = 134_217_728

// A link that lived shorter does not shorten the wait before the next: two processes that both
// think they are member b would else replace one another hundreds of times a second.
const lastingMs = 1_000

// The listener of another pair says nothing. Once or twice may be a member that dies just then.
const unansweredCount = 3

/** The data connection of one member. */
export class Peer implements PeerPort {
  readonly #options: PeerOptions
  readonly #limits: LinkLimits
  readonly #context: GreetingContext
  readonly #resolver: Resolver = new Resolver()
  readonly #listener: Listener
  readonly #dialer: Dialer | undefined
  readonly #refusals: Refusals
  readonly #sides: Sides
  readonly #counters: { -readonly [Name in keyof PeerCounters]: number } = {
    dials: 0,
    dialFailures: 0,
    accepted: 0,
    links: 0,
    refusals: 0,
    strangers: 0,
    evicted: 0,
    protocolFaults: 0,
    packetsReceived: 0,
    sides: 0,
  }
  #handlers: PeerHandlers | undefined
  #link: Link | undefined
  #unanswered = 0
  #lastStranger: string | undefined
  #secretInUse = 0
  #closing: Promise<void> | undefined

  /** Throws a RangeError where a name or a setting is longer than a hello takes. */
  constructor(options: PeerOptions) {
    const { newest, oldest } = options.protocol ?? {
      newest: protocolVersion,
      oldest: oldestProtocolVersion,
    }
    const own: Hello = {
      protocol: newest,
      oldestProtocol: oldest,
      pair: options.pair,
      member: options.self,
      incarnation: options.incarnation,
      settings: options.settings,
    }
    encodeHello(own)
    const { secrets, pair, clock } = options
    this.#options = options
    this.#limits = { highWaterBytes, writeLimitBytes, ...options.limits }
    this.#context = {
      own,
      security: secrets.length === 0 ? undefined : new Security(secrets, pair),
      clock,
    }
    this.#refusals = new Refusals((refusal) => this.#handlers?.refused(refusal))
    this.#sides = new Sides(this.#context, options.self === 'b', {
      opened: () => this.#counters.sides++,
      refused: () => this.#counters.strangers++,
    })
    this.#listener = this.#createListener()
    this.#dialer = options.self === 'b' ? this.#createDialer() : undefined
  }

  /** Where this member listens for data, once open. */
  get addresses(): readonly DataAddress[] {
    return this.#listener.addresses
  }

  /** The host that the last stranger came from, or the last who made place for another. */
  get lastStranger(): string | undefined {
    return this.#lastStranger
  }

  /** Which of the secrets the link was proved by that came up last, from 0. */
  get secretInUse(): number {
    return this.#secretInUse
  }

  async open(handlers: PeerHandlers): Promise<void> {
    if (this.#handlers !== undefined) throw new Error('the data connection is already open')
    this.#handlers = handlers
    try {
      await this.#listener.open(this.#options.listen, this.#resolver)
      if (this.#closing !== undefined) throw new ClosedError()
    } catch (error) {
      await this.close()
      throw error
    }
    this.#dialer?.dialNow()
  }

  dialNow(): void {
    this.#dialer?.dialNow()
  }

  counters(): PeerCounters {
    return { ...this.#counters }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const stopped = this.#dialer?.stop()
    const closed = this.#listener.close()
    this.#sides.close()
    this.#link?.close('this member is closing')
    await Promise.all([stopped, closed])
  }

  #createListener(): Listener {
    return new Listener(this.#context, {
      accepted: () => this.#counters.accepted++,
      evicted: (address) => {
        this.#counters.evicted++
        this.#lastStranger = address
      },
      greeted: (outcome, address, hasHeard) => {
        // Who connects and leaves without a word is a probe; who was evicted is counted as such.
        const isStranger = outcome.kind === 'broken' && outcome.how !== 'given-up' && hasHeard
        // Nobody dials the member that dials.
        const isMisdialled = outcome.kind === 'welcome' && this.#dialer !== undefined
        if (isStranger || isMisdialled) {
          this.#counters.strangers++
          this.#lastStranger = address
        }
        if (isMisdialled) outcome.channel.destroy()
        else this.#greeted(outcome, address)
      },
    })
  }

  #createDialer(): Dialer {
    const { dial, random, paths } = this.#options
    return new Dialer({
      addresses: dial,
      resolver: this.#resolver,
      random,
      context: this.#context,
      paths,
      owner: {
        cut: () => this.#link?.close('its path is cut, and another one is not'),
        dialled: () => this.#counters.dials++,
        failed: () => this.#counters.dialFailures++,
        unresolved: (message, address) =>
          this.#refusals.report({ code: 'ERR_HOTPAIR_ADDRESS', message, address }),
        greeted: (outcome, address) => {
          this.#noteAnswer(outcome, address)
          this.#greeted(outcome, address)
        },
      },
    })
  }

  #noteAnswer(outcome: GreetingOutcome, address: string): void {
    if (outcome.kind !== 'broken') this.#unanswered = 0
    else if (outcome.how === 'closed' || outcome.how === 'garbage') this.#unanswered++
    if (this.#unanswered !== unansweredCount) return
    const code: ErrorCode = 'ERR_HOTPAIR_PEER_PROTOCOL'
    const message = [
      `${address} takes connections and does not answer them: another pair or program may listen`,
      'there, or only one of the members has a secret',
    ].join(' ')
    this.#refusals.report({ code, message, address })
  }

  #greeted(outcome: GreetingOutcome, address: string): void {
    if (outcome.kind === 'welcome') this.#welcome(outcome)
    else if (outcome.kind === 'refused') {
      this.#counters.refusals++
      this.#refusals.report({ ...outcome.misfit, address })
    }
  }

  #welcome(outcome: Extract<GreetingOutcome, { kind: 'welcome' }>): void {
    const { channel, hello, ask, secret } = outcome
    if (ask === undefined) this.#adopt(channel, hello, secret)
    else this.#sides.arrived(channel, hello.incarnation, ask)
  }

  #adopt(channel: Channel, hello: Hello, secret: number): void {
    const handlers = this.#handlers
    if (handlers === undefined || this.#closing !== undefined) {
      channel.destroy()
      return
    }
    this.#link?.close('replaced')
    channel.limit = this.#options.maxPacketBytes
    const { pair, member, incarnation, settings } = hello
    const protocol = commonProtocol(this.#context.own, hello) ?? hello.protocol
    const link = new Link(
      channel,
      { protocol, pair, member, incarnation, settings },
      { clock: this.#options.clock, limits: this.#limits, owner: this.#linkOwner(handlers) },
    )
    this.#link = link
    this.#secretInUse = secret
    this.#counters.links++
    this.#refusals.forget()
    handlers.linkUp(link)
  }

  #linkOwner(handlers: PeerHandlers): LinkOwner {
    return {
      packet: (link, body) => {
        this.#counters.packetsReceived++
        handlers.packet(link, body)
      },
      drained: (link) => handlers.drained(link),
      down: (link, reason) => this.#down(link, reason),
      openSide: (link, wish) => this.#sides.wish(link, wish),
      protocolFault: () => this.#counters.protocolFaults++,
    }
  }

  #down(link: Link, reason: string): void {
    this.#link = undefined
    this.#sides.linkDown()
    const lived = elapsed(link.since, this.#options.clock.now())
    // The dialer first, so that `dialNow` works within `linkDown`.
    this.#dialer?.linkDown(lived >= lastingMs)
    this.#handlers?.linkDown(link, reason)
  }
}
