/**
 * One authenticated connection, as its owner sees it: `PeerLink`.
 *
 * It adds to a channel what a link promises: one `linkDown` for each `linkUp`, no packet after it,
 * a high-water mark that is told and a hard bound that is kept, and reading out at takeover. The
 * types of packets below `firstLinkType` are the connection's own. It must not know how it came up
 * or what follows when it is down.
 */

import { isPairError, reasonOf } from '../errors.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import type { PeerHello, PeerLink, SideWish } from '../runtime/ports-peer.js'
import { type Instant, millis } from '../units.js'
import { firstLinkType } from '../wire/limits.js'
import type { PacketFault } from '../wire/packet.js'
import type { DataAddress } from './address.js'
import type { Channel, ChannelReceiver } from './channel.js'

/** Who owns a link. */
export interface LinkOwner {
  packet(link: Link, body: Uint8Array): void
  drained(link: Link): void
  /** Once. */
  down(link: Link, reason: string): void
  /** A side connection is wanted; returns what takes the wish back. */
  openSide(link: Link, wish: SideWish): () => void
  /** The other side broke the protocol. */
  protocolFault(): void
}

/** What bounds the bytes that wait to be written. */
export interface LinkLimits {
  /** Above it, `write` says false. */
  readonly highWaterBytes: number
  /** Above it, the link is closed. */
  readonly writeLimitBytes: number
}

/** A link. */
export class Link implements PeerLink, ChannelReceiver {
  readonly address: string
  /** The same, in parts. */
  readonly remote: DataAddress
  readonly hello: PeerHello
  readonly since: Instant
  readonly #channel: Channel
  readonly #clock: ClockPort
  readonly #limits: LinkLimits
  readonly #owner: LinkOwner
  #isDown = false
  #isHeldBack = false
  #isOverfull = false
  #readOut: Promise<void> | undefined
  #readOutDone: (() => void) | undefined
  #readOutLimit: Timer | undefined

  constructor(
    channel: Channel,
    hello: PeerHello,
    context: { readonly clock: ClockPort; readonly limits: LinkLimits; readonly owner: LinkOwner },
  ) {
    this.#channel = channel
    this.hello = hello
    this.address = channel.address
    this.remote = channel.remote
    this.#clock = context.clock
    this.#limits = context.limits
    this.#owner = context.owner
    this.since = this.#clock.now()
    channel.receiver = this
  }

  get bufferedBytes(): number {
    return this.#isDown ? 0 : this.#channel.bufferedBytes
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isDown || this.#isOverfull || this.#readOut !== undefined) return true
    this.#channel.write(bytes)
    const buffered = this.#channel.bufferedBytes
    if (buffered > this.#limits.writeLimitBytes) this.#overflow(buffered)
    // False is only said where `drained` will follow.
    const isAbove = buffered > this.#limits.highWaterBytes && this.#channel.willDrain
    this.#isHeldBack ||= isAbove
    return !isAbove
  }

  readOut(limitMs: number): Promise<void> {
    this.#readOut ??= new Promise((resolve) => {
      if (this.#isDown) {
        resolve()
        return
      }
      this.#readOutDone = resolve
      const give = (): void => this.#drop('it was read out as far as time allowed')
      this.#readOutLimit = this.#clock.setTimer(millis(limitMs), give)
      this.#channel.whenQuiet(() => this.#drop('it was read out'))
    })
    return this.#readOut
  }

  openSide(wish: SideWish): () => void {
    return this.#isDown ? () => {} : this.#owner.openSide(this, wish)
  }

  close(reason: string): void {
    if (this.#isDown) return
    this.#channel.finish()
    this.#goDown(reason)
  }

  body(body: Uint8Array): void {
    const type = body[0] ?? 0
    if (type < firstLinkType) {
      this.#fail(`the other side sent a packet of type ${type} out of place`, true)
      return
    }
    try {
      this.#owner.packet(this, body)
    } catch (error) {
      // Any other error is a mistake of this process and not the peer's: it must not be swallowed.
      const isPeersFault = isPairError(error) && error.code === 'ERR_HOTPAIR_PEER_PROTOCOL'
      this.#fail(reasonOf(error), isPeersFault)
      if (!isPeersFault) throw error
    }
  }

  fault(fault: PacketFault): void {
    const what = fault === 'empty' ? 'an empty packet' : 'a packet over the limit'
    this.#fail(`the other side sent ${what}`, true)
  }

  drained(): void {
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    this.#owner.drained(this)
  }

  ended(reason: string): void {
    this.#goDown(reason)
  }

  #fail(reason: string, isPeersFault: boolean): void {
    if (isPeersFault) this.#owner.protocolFault()
    this.#drop(reason)
  }

  // Deferred, because nobody is told anything within `write`.
  #overflow(buffered: number): void {
    this.#isOverfull = true
    const { writeLimitBytes } = this.#limits
    const reason = `${buffered} bytes wait to be written, over the limit of ${writeLimitBytes}`
    this.#clock.defer(() => this.#drop(reason))
  }

  #drop(reason: string): void {
    if (this.#isDown) return
    this.#channel.destroy()
    this.#goDown(reason)
  }

  #goDown(reason: string): void {
    if (this.#isDown) return
    this.#isDown = true
    this.#readOutLimit?.clear()
    this.#owner.down(this, reason)
    this.#readOutDone?.()
  }
}
