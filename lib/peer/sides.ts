/**
 * Side connections beside the link: one at a time is wished for, by both ends, and opened by the
 * member that dials.
 *
 * The other end may be the quicker one: who is proved to be the peer of the link and comes before
 * he is wished for waits for a moment, one at most. Whoever is not wished for then, for another
 * load or of another incarnation, is closed. When both are met, the sender of the load stops
 * reading and says `ready`; by then nothing is under way that this layer would have to read.
 */

import { connect, type Socket } from 'node:net'
import type { Timer } from '../runtime/ports-clock.js'
import type { SideWish } from '../runtime/ports-peer.js'
import { type Incarnation, millis } from '../units.js'
import { encodeReady, isReady } from '../wire/hello.js'
import type { Channel } from './channel.js'
import { Greeting, type GreetingContext } from './greeting.js'
import type { Link } from './link.js'
import { SideSocket } from './side-socket.js'

/**
 * Longest until a wish is fulfilled. A greeting is through in a second; the other end may be in the
 * middle of something that blocks it, and each failed load costs a wait before the next.
 */
const wishMs = millis(5_000)

/** How long one who was not wished for is kept: a round trip, and a loaded machine. */
const earlyMs = millis(2_000)

export interface SidesOwner {
  opened(): void
  /** Somebody came who is not wished for. */
  refused(): void
}

interface Wish extends SideWish {
  readonly incarnation: Incarnation
  readonly deadline: Timer
}

interface Early {
  readonly channel: Channel
  readonly incarnation: Incarnation
  readonly ask: number
  readonly deadline: Timer
  /** It has said so already. */
  isReady: boolean
}

export class Sides {
  readonly #context: GreetingContext
  readonly #isDialler: boolean
  readonly #owner: SidesOwner
  /** All that are not yet closed. */
  readonly #sockets = new Set<Socket>()
  #wish: Wish | undefined
  #early: Early | undefined
  /** Ends what is under way for the wish. */
  #giveUp: () => void = () => {}
  #isClosed = false

  constructor(context: GreetingContext, isDialler: boolean, owner: SidesOwner) {
    this.#context = context
    this.#isDialler = isDialler
    this.#owner = owner
  }

  /** `PeerLink.openSide`. */
  wish(link: Link, wish: SideWish): () => void {
    this.#drop()
    const { clock } = this.#context
    const late = 'the side connection of the load did not come up in time'
    const deadline = clock.setTimer(wishMs, () => this.#fail(mine, late))
    const { incarnation } = link.hello
    const mine: Wish = {
      ask: wish.ask,
      end: wish.end,
      opened: (side) => wish.opened(side),
      failed: (reason) => wish.failed(reason),
      incarnation,
      deadline,
    }
    this.#wish = mine
    // Nothing is told within this call.
    clock.defer(() => {
      if (this.#wish !== mine) return
      if (this.#isDialler) this.#dial(link, mine)
      else this.#meetEarly(mine)
    })
    return () => {
      if (this.#wish === mine) this.#drop()
    }
  }

  /** Somebody who is proved to be of the pair has come for the load `ask`. */
  arrived(channel: Channel, incarnation: Incarnation, ask: number): void {
    const wish = this.#wish
    if (this.#isClosed || this.#isDialler) return this.#refuse(channel)
    if (wish !== undefined && isFor(wish, incarnation, ask)) return this.#meet(wish, channel)
    if (this.#early !== undefined) this.#refuseEarly()
    const deadline = this.#context.clock.setTimer(earlyMs, () => this.#refuseEarly())
    const early: Early = { channel, incarnation, ask, deadline, isReady: false }
    this.#early = early
    channel.receiver = {
      body: (body) => {
        early.isReady = isReady(body)
      },
      fault: () => {},
      drained: () => {},
      ended: () => {
        if (this.#early === early) this.#refuseEarly()
      },
    }
  }

  linkDown(): void {
    this.#drop()
  }

  close(): void {
    this.#isClosed = true
    this.#drop()
    this.#early?.deadline.clear()
    this.#early?.channel.destroy()
    this.#early = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  #meetEarly(wish: Wish): void {
    const early = this.#early
    if (early === undefined) return
    if (!isFor(wish, early.incarnation, early.ask)) return this.#refuseEarly()
    this.#early = undefined
    early.deadline.clear()
    if (early.isReady && wish.end === 'receiver') this.#open(wish, early.channel)
    else this.#meet(wish, early.channel)
  }

  #dial(link: Link, wish: Wish): void {
    const { host, port } = link.remote
    const socket = connect({ host, port })
    this.#keep(socket)
    this.#giveUp = () => socket.destroy()
    const away = 'the side connection of the load was not taken'
    socket.once('close', () => this.#fail(wish, away))
    // What is wrong shows when it closes.
    socket.on('error', () => {})
    socket.once('connect', () => {
      if (this.#wish !== wish) return
      const context: GreetingContext = { ...this.#context, ask: wish.ask }
      const greeting = new Greeting(socket, 'dialer', context, (outcome) => {
        if (outcome.kind !== 'welcome') return this.#fail(wish, away)
        if (this.#wish === wish && outcome.hello.incarnation === wish.incarnation) {
          return this.#meet(wish, outcome.channel)
        }
        outcome.channel.destroy()
        this.#fail(wish, 'another process answered where the link leads')
      })
      this.#giveUp = () => greeting.giveUp()
    })
  }

  /** Both ends want it: who sends says that he is ready, who receives waits for that. */
  #meet(wish: Wish, channel: Channel): void {
    this.#giveUp = () => channel.destroy()
    if (wish.end === 'sender') return this.#open(wish, channel)
    const ended = (): void => this.#fail(wish, 'the side connection of the load broke off')
    channel.receiver = {
      body: (body) => {
        if (isReady(body)) this.#open(wish, channel)
        else ended()
      },
      fault: ended,
      drained: () => {},
      ended,
    }
  }

  #open(wish: Wish, channel: Channel): void {
    if (this.#wish !== wish) return channel.destroy()
    const socket = channel.release()
    this.#keep(socket)
    const side = new SideSocket(socket)
    if (wish.end === 'sender') side.write(encodeReady())
    this.#wish = undefined
    // It is the wisher's from here on, whatever becomes of the next wish.
    this.#giveUp = () => {}
    wish.deadline.clear()
    this.#owner.opened()
    wish.opened(side)
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #fail(wish: Wish, reason: string): void {
    if (this.#wish !== wish) return
    this.#drop()
    wish.failed(reason)
  }

  /** The wish is over, and nothing of it is left. */
  #drop(): void {
    const wish = this.#wish
    if (wish === undefined) return
    this.#wish = undefined
    wish.deadline.clear()
    const giveUp = this.#giveUp
    this.#giveUp = () => {}
    giveUp()
  }

  #refuseEarly(): void {
    const early = this.#early
    if (early === undefined) return
    this.#early = undefined
    early.deadline.clear()
    this.#refuse(early.channel)
  }

  #refuse(channel: Channel): void {
    this.#owner.refused()
    channel.destroy()
  }
}

function isFor(wish: Wish, incarnation: Incarnation, ask: number): boolean {
  return wish.incarnation === incarnation && wish.ask === ask
}
