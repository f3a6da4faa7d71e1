/**
 * Those who have connected and are not yet let in: few, not for long, and at little cost.
 *
 * At most eight wait at a time. When a ninth comes, the oldest of the host that has most of them
 * makes place: a member of the pair is through in a millisecond, a silent connector is not, and
 * strangers who hold every place drive out their own connections before those of another host.
 * Proving costs some half a millisecond of the event loop each, so it is begun at a bounded rate:
 * a burst of a thousand connections must not look like a member that hangs. Who waits for that
 * costs a socket, and whoever is driven out meanwhile never costs more. It must not know of links.
 */

import type { Socket } from 'node:net'
import type { Timer } from '../runtime/ports-clock.js'
import { elapsed, type Instant, millis } from '../units.js'
import { Greeting, type GreetingContext, type GreetingOutcome } from './greeting.js'

// The other member needs one place, and one for a load; a few more for probes and for members that
// were given a wrong port.
const placeCount = 8

// Greetings begun at once at most, and until one more may be: 400 a second, which is a fifth of the
// event loop. At twice that a flood is felt by the application; at half of it a place is held for
// as long as a round trip to another country.
const burstCount = 8
const pauseMs = millis(2.5)

/** What the waiting room tells. */
export interface WaitingRoomOwner {
  /** A greeting has ended; `address` is the host of the other side. */
  greeted(outcome: GreetingOutcome, address: string, hasHeard: boolean): void
  /** A connection from the host `address` was not let in and has made place for another. */
  evicted(address: string): void
}

interface Guest {
  readonly socket: Socket
  readonly address: string
  /** Undefined until its turn has come. */
  greeting: Greeting | undefined
}

/** The waiting room of one listener. */
export class WaitingRoom {
  readonly #context: GreetingContext
  readonly #owner: WaitingRoomOwner
  // In order of arrival.
  readonly #guests = new Set<Guest>()
  // How many greetings may be begun, as of then.
  #tokens = burstCount
  #asOf: Instant
  #pause: Timer | undefined

  constructor(context: GreetingContext, owner: WaitingRoomOwner) {
    this.#context = context
    this.#owner = owner
    this.#asOf = context.clock.now()
  }

  /** Takes in a fresh connection from the host `address`, which nobody has read from. */
  enter(socket: Socket, address: string): void {
    if (this.#guests.size >= placeCount) this.#evict()
    const guest: Guest = { socket, address, greeting: undefined }
    this.#guests.add(guest)
    socket.on('error', () => {})
    socket.once('close', () => {
      if (guest.greeting === undefined) this.#guests.delete(guest)
    })
    this.#beginSome()
  }

  /** Turns everybody away. */
  close(): void {
    this.#pause?.clear()
    for (const guest of this.#guests) this.#turnOut(guest)
  }

  #beginSome(): void {
    this.#earn()
    for (const guest of this.#guests) {
      if (guest.greeting !== undefined) continue
      if (this.#tokens < 1) return this.#beginLater()
      this.#tokens -= 1
      this.#greet(guest)
    }
  }

  #earn(): void {
    const now = this.#context.clock.now()
    const earned = elapsed(this.#asOf, now) / pauseMs
    this.#tokens = Math.min(burstCount, this.#tokens + earned)
    this.#asOf = now
  }

  #beginLater(): void {
    this.#pause ??= this.#context.clock.setTimer(pauseMs, () => {
      this.#pause = undefined
      this.#beginSome()
    })
  }

  #greet(guest: Guest): void {
    const greeting = new Greeting(guest.socket, 'listener', this.#context, (outcome) => {
      this.#guests.delete(guest)
      this.#owner.greeted(outcome, guest.address, greeting.hasHeard)
    })
    guest.greeting = greeting
  }

  #evict(): void {
    const counts = new Map<string, number>()
    for (const { address } of this.#guests) counts.set(address, (counts.get(address) ?? 0) + 1)
    const most = Math.max(...counts.values())
    for (const guest of this.#guests) {
      if (counts.get(guest.address) !== most) continue
      this.#owner.evicted(guest.address)
      this.#turnOut(guest)
      return
    }
  }

  #turnOut(guest: Guest): void {
    if (guest.greeting !== undefined) return guest.greeting.giveUp()
    this.#guests.delete(guest)
    guest.socket.destroy()
  }
}
