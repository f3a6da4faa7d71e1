/**
 * Dials the other member until a link is up: each address in turn, with back-off between the
 * rounds.
 *
 * Only member `b` dials, so two connections never cross. One attempt is under way at a time. It
 * must not know of links; its owner says when one is up and when it is down again.
 */

import { connect, type Socket } from 'node:net'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'
import { type DataAddress, formatAddress, type Resolver, unresolvable } from './address.js'
import { Backoff } from './backoff.js'
import { DataPath, type Paths } from './data-path.js'
import { Greeting, type GreetingContext, type GreetingOutcome } from './greeting.js'

// A round trip around the earth takes 0.3 s; a lost SYN is repeated by the kernel after 1 s, and by
// then another address or a fresh attempt does better.
const stepMs = millis(1_000)

// Longest wait between two rounds: for a member that is away, and for one that has refused us,
// which only a person can mend.
const awayMs = millis(1_000)
const refusedMs = millis(5_000)

/** What a dialer tells. */
export interface DialerOwner {
  dialled(): void
  /** Nobody answered, or not in time. */
  failed(): void
  greeted(outcome: GreetingOutcome, address: string): void
  /** The path of the link is dead and another one is not: the link is to be closed. */
  cut(): void
  /** A name cannot be resolved. */
  unresolved(message: string, address: string): void
}

export interface DialerOptions {
  readonly addresses: readonly DataAddress[]
  readonly resolver: Resolver
  readonly random: () => number
  readonly context: GreetingContext
  /** Without it, a link that is up is not left. */
  readonly paths?: Paths | undefined
  readonly owner: DialerOwner
}

/** The dialling side. */
export class Dialer {
  readonly #options: DialerOptions
  readonly #clock: ClockPort
  readonly #backoff: Backoff
  #isStopped = false
  #isLinked = false
  #wasRefused = false
  // `dialNow` came during a round: the next one begins without a wait.
  #isUrged = false
  // The address that is dialled, by its place, and the one that is dialled last.
  #dialled = 0
  #deadPath: number | undefined
  readonly #path: DataPath | undefined
  #round: Promise<void> | undefined
  #wait: Timer | undefined
  // Ends the step that is under way.
  #giveUp: (() => void) | undefined
  // All that have been opened and not yet closed.
  readonly #sockets = new Set<Socket>()

  constructor(options: DialerOptions) {
    this.#options = options
    this.#clock = options.context.clock
    this.#backoff = new Backoff(options.random)
    const { paths, addresses } = options
    if (paths === undefined || addresses.length < 2) return
    this.#path = new DataPath({ ...paths, clock: this.#clock, dead: (path) => this.#leave(path) })
  }

  /** Dials at once, unless linked or stopped. */
  dialNow(): void {
    if (this.#isLinked || this.#isStopped) return
    this.#backoff.reset()
    if (this.#round !== undefined) this.#isUrged = true
    else this.#begin()
  }

  /** The link is down: dials after a wait, a short one where the link had proved good. */
  linkDown(wasLasting: boolean): void {
    this.#isLinked = false
    this.#path?.forget()
    if (wasLasting) this.#backoff.reset()
    if (this.#round === undefined) this.#rest()
  }

  /** Resolves when nothing is under way and every socket is closed, links included. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#path?.forget()
    this.#wait?.clear()
    this.#giveUp?.()
    await this.#round
    const open = [...this.#sockets]
    await Promise.all(open.map((socket) => new Promise((closed) => socket.once('close', closed))))
  }

  #begin(): void {
    this.#wait?.clear()
    this.#isUrged = false
    this.#wasRefused = false
    this.#round = this.#dialAll().finally(() => {
      this.#round = undefined
      this.#rest()
    })
  }

  #rest(): void {
    if (this.#isLinked || this.#isStopped) return
    if (this.#isUrged) {
      this.#begin()
      return
    }
    const longest = this.#wasRefused ? refusedMs : awayMs
    this.#wait = this.#clock.setTimer(this.#backoff.next(longest), () => this.#begin())
  }

  #leave(path: number): void {
    this.#deadPath = path
    this.#options.owner.cut()
  }

  get #isOver(): boolean {
    return this.#isLinked || this.#isStopped
  }

  // One round. Never rejects: every failure is an outcome.
  async #dialAll(): Promise<void> {
    const paths = [...this.#options.addresses.entries()]
    const isDead = ([path]: readonly [number, DataAddress]) => Number(path === this.#deadPath)
    for (const [path, address] of paths.sort((one, other) => isDead(one) - isDead(other))) {
      if (this.#isOver) return
      this.#dialled = path
      for (const host of await this.#resolve(address)) {
        if (this.#isOver) return
        await this.#dial({ host, port: address.port })
      }
    }
  }

  // Once for each secret, until one is not refused.
  async #dial(target: DataAddress): Promise<void> {
    const { owner, context } = this.#options
    for (let left = context.security?.keys.length ?? 1; left > 0 && !this.#isOver; left--) {
      owner.dialled()
      const socket = await this.#connect(target)
      if (socket === undefined) return owner.failed()
      const isWrong = await this.#greet(socket, formatAddress(target), left > 1)
      if (!isWrong) return
      context.security?.turn()
    }
  }

  #resolve(address: DataAddress): Promise<readonly string[]> {
    const { owner, resolver } = this.#options
    return this.#step<readonly string[]>([], (finish) => {
      resolver.resolve(address.host).then(finish, (cause: unknown) => {
        const { message } = unresolvable(address, cause)
        if (!this.#isStopped) owner.unresolved(message, formatAddress(address))
        finish([])
      })
    })
  }

  async #connect(target: DataAddress): Promise<Socket | undefined> {
    const socket = connect(target)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const isConnected = await this.#step(false, (finish) => {
      socket.on('error', () => finish(false))
      socket.once('connect', () => finish(!isConnectedToItself(socket)))
    })
    if (isConnected && !this.#isStopped) return socket
    socket.destroy()
    return undefined
  }

  // One step of a round: until it finishes, its time is over, or the dialer is stopped. The
  // platform bounds neither a connect nor the resolving of a name in any time that would do.
  #step<Value>(fallback: Value, run: (finish: (value: Value) => void) => void): Promise<Value> {
    return new Promise((resolve) => {
      let isOver = false
      const finish = (value: Value): void => {
        if (isOver) return
        isOver = true
        deadline.clear()
        this.#giveUp = undefined
        resolve(value)
      }
      const deadline = this.#clock.setTimer(stepMs, () => finish(fallback))
      this.#giveUp = () => finish(fallback)
      run(finish)
    })
  }

  // True: the secret was refused. That is told only where there is no other one.
  #greet(socket: Socket, address: string, hasOther: boolean): Promise<boolean> {
    const { context, owner } = this.#options
    return new Promise((resolve) => {
      const greeting = new Greeting(socket, 'dialer', context, (outcome) => {
        this.#giveUp = undefined
        if (outcome.kind === 'welcome') {
          this.#isLinked = true
          this.#isUrged = false
          if (!this.#isStopped) this.#path?.follow(this.#dialled)
        }
        const isRefused = outcome.kind === 'refused'
        const isWrong = isRefused && outcome.misfit.code === 'ERR_HOTPAIR_PEER_SECRET'
        if (!(isWrong && hasOther)) {
          this.#wasRefused ||= isRefused
          owner.greeted(outcome, address)
        }
        resolve(isWrong)
      })
      this.#giveUp = () => greeting.giveUp()
    })
  }
}

/**
 * Whether `socket` has met itself: dialling a free port of the same host may, by chance, use that
 * very port as its source, and TCP then connects the two ends. It would also keep the other member
 * from listening there.
 */
export function isConnectedToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress
}
