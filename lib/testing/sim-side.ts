/**
 * Side connections between two simulated members: each is a connection as the link is, wished for
 * by both ends, and shares the fate of the network.
 *
 * One that is broken alone is a fault of its own. Never tells an end anything while its process
 * stands still.
 */

import type { PeerHello, PeerLink, SideWish } from '../runtime/ports-peer.js'
import type { SideHandlers, SideStream } from '../runtime/ports-region.js'
import { type MemberId, type Millis, millis } from '../units.js'
import type { SimEndOwner } from './sim-link.js'
import type { VirtualClock } from './virtual-clock.js'

/** The connection itself. */
export interface SimCarrier {
  readonly isOver: boolean
  cut(): void
  endOf(owner: SimEndOwner): void
  holdBack(from: MemberId): void
  letThrough(from: MemberId): void
}

export interface SimSidesOptions {
  readonly clock: VirtualClock
  readonly delay: () => Millis
  readonly connect: (one: SimEndOwner, other: SimEndOwner) => SimCarrier
}

/** How long a wish waits for the other end's. */
const wishMs = millis(5_000)

interface Wanted {
  readonly owner: SimEndOwner
  readonly wish: SideWish
}

/** The side connections of one link. */
export class SimSides {
  readonly #options: SimSidesOptions
  readonly #wanted: [Wanted | undefined, Wanted | undefined] = [undefined, undefined]
  #open: { readonly carrier: SimCarrier; readonly ends: readonly SimSideEnd[] } | undefined

  constructor(options: SimSidesOptions) {
    this.#options = options
  }

  wish(index: 0 | 1, owner: SimEndOwner, wish: SideWish): () => void {
    const wanted: Wanted = { owner, wish }
    this.#wanted[index] = wanted
    const { clock, delay } = this.#options
    const fail = () => this.#fail(index, wanted)
    clock.setTimer(wishMs, () => owner.act(fail))
    // Three trips: to dial, to be greeted.
    clock.setTimer(millis(3 * delay()), () => this.#meet())
    return () => {
      if (this.#wanted[index] === wanted) this.#wanted[index] = undefined
    }
  }

  /** The side connection breaks, by itself or with all. */
  cut(): void {
    this.#open?.carrier.cut()
  }

  endOf(owner: SimEndOwner): void {
    const end = this.#open?.ends.find((one) => one.owner === owner)
    if (end) this.#open?.carrier.endOf(end)
  }

  holdBack(from: MemberId): void {
    this.#open?.carrier.holdBack(from)
  }

  letThrough(from: MemberId): void {
    this.#open?.carrier.letThrough(from)
  }

  #meet(): void {
    const [one, other] = this.#wanted
    if (one === undefined || other === undefined || one.wish.ask !== other.wish.ask) return
    this.#wanted[0] = undefined
    this.#wanted[1] = undefined
    const ends = [new SimSideEnd(one), new SimSideEnd(other)] as const
    this.#open = { carrier: this.#options.connect(...ends), ends }
  }

  #fail(index: 0 | 1, wanted: Wanted): void {
    if (this.#wanted[index] !== wanted) return
    this.#wanted[index] = undefined
    wanted.wish.failed('the side connection of the load did not come up in time')
  }
}

class SimSideEnd implements SimEndOwner, SideStream {
  readonly descriptor = undefined
  readonly owner: SimEndOwner
  readonly #wish: SideWish
  #link: PeerLink | undefined
  #handlers: SideHandlers | undefined
  #isPaused = false
  #isClosed = false
  readonly #waiting: Uint8Array[] = []

  constructor({ owner, wish }: Wanted) {
    this.owner = owner
    this.#wish = wish
  }

  get hello(): PeerHello {
    return this.owner.hello
  }

  act(run: () => void): void {
    this.owner.act(run)
  }

  linkUp(link: PeerLink): void {
    this.#link = link
    this.#wish.opened(this)
  }

  arrive(_link: PeerLink, bytes: Uint8Array): boolean {
    this.#waiting.push(bytes)
    this.#deliver()
    return true
  }

  drained(): void {
    if (!this.#isClosed) this.#handlers?.drained()
  }

  linkDown(_link: PeerLink, reason: string): void {
    if (!this.#isClosed) this.#handlers?.ended(reason)
  }

  open(handlers: SideHandlers): void {
    this.#handlers = handlers
    this.act(() => this.#deliver())
  }

  write(bytes: Uint8Array): boolean {
    return this.#link?.write(bytes) ?? true
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.act(() => this.#deliver())
  }

  close(): void {
    this.#isClosed = true
    this.#link?.close('the side connection was closed')
  }

  #deliver(): void {
    while (!this.#isPaused && !this.#isClosed && this.#handlers !== undefined) {
      const bytes = this.#waiting.shift()
      if (bytes === undefined) return
      this.#handlers.data(bytes)
    }
  }
}
