/**
 * Names of hosts: this member's own must resolve at open; the other's are asked for again and again
 * while it is not heard, because it may come back under another address.
 */

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Address } from '../config/addresses.js'
import { NativeError, reasonOf } from '../errors.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'

/** 0: whichever there is. */
export type Family = 0 | 4 | 6

/** Resolves a name to a numeric address of a family; rejects when it cannot. */
export type Resolve = (host: string, family: Family) => Promise<string>

export const systemResolve: Resolve = async (host, family) =>
  (await lookup(host, { family })).address

/** The family of a numeric address. */
export function familyOf(address: string): Family {
  return isIP(address) === 6 ? 6 : 4
}

/** First and longest pause between two rounds of questions. */
const firstPauseMs = 500
const longestPauseMs = 10_000

/** The numeric address of one of this member's own. Rejects with ERR_HOTPAIR_ADDRESS. */
export async function resolveOwn({ host, port }: Address, resolve: Resolve): Promise<string> {
  try {
    return await resolve(host, 0)
  } catch (cause) {
    const text = `the address ${host}:${port} of this member cannot be resolved: ${reasonOf(cause)}`
    throw new NativeError('ERR_HOTPAIR_ADDRESS', text, { cause })
  }
}

/** Who follows the names of the other member. */
export interface NamesOwner {
  /** The other member is not heard: it may have come back elsewhere. */
  isAway(): boolean
  /** The name of `link` means another address. */
  changed(link: number, host: string): void
  /** A name cannot be resolved: told once, and again after it could be. */
  unknown(address: Address, reason: string): void
}

/** The other member's addresses, link by link, followed while it is away. */
export class PeerNames {
  readonly #addresses: readonly Address[]
  readonly #resolve: Resolve
  readonly #known: (string | undefined)[] = []
  /** By link: why its name cannot be resolved, and whether that was told. */
  readonly #unknown = new Map<number, { readonly reason: string; isTold: boolean }>()
  #families: readonly Family[] = []
  #timer: Timer | undefined
  #pauseMs = firstPauseMs

  constructor(addresses: readonly Address[], resolve: Resolve) {
    this.#addresses = addresses
    this.#resolve = resolve
  }

  /** Whether a name cannot be resolved at present. */
  get hasUnknown(): boolean {
    return this.#unknown.size > 0
  }

  /**
   * Asks once for all; what cannot be resolved yet is undefined. `families` are those of this
   * member's own ends of the links: nothing goes from one family to the other.
   */
  async first(families: readonly Family[]): Promise<readonly (string | undefined)[]> {
    this.#families = families
    const found = await Promise.all(this.#addresses.map((_, link) => this.#ask(link)))
    this.#known.push(...found)
    return found
  }

  /** Asks again, with back-off, while the other is away; tells what has changed. */
  follow(clock: ClockPort, owner: NamesOwner): void {
    this.#tellUnknown(owner)
    if (this.#addresses.every(({ host }) => isIP(host) !== 0)) return
    this.#timer = clock.setTimer(millis(this.#pauseMs), () => {
      const isAway = owner.isAway()
      this.#pauseMs = isAway ? Math.min(2 * this.#pauseMs, longestPauseMs) : firstPauseMs
      const asked = isAway ? this.#askAgain(owner) : Promise.resolve()
      void asked.then(() => {
        if (this.#timer !== undefined) this.follow(clock, owner)
      })
    })
  }

  close(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }

  async #askAgain(owner: NamesOwner): Promise<void> {
    for (const link of this.#addresses.keys()) {
      const found = await this.#ask(link)
      if (found === undefined || found === this.#known[link] || this.#timer === undefined) continue
      this.#known[link] = found
      owner.changed(link, found)
    }
  }

  async #ask(link: number): Promise<string | undefined> {
    const { host = '' } = this.#addresses[link] ?? {}
    try {
      const found = await this.#resolve(host, this.#families[link] ?? 0)
      this.#unknown.delete(link)
      return found
    } catch (cause) {
      const isTold = this.#unknown.get(link)?.isTold ?? false
      this.#unknown.set(link, { reason: reasonOf(cause), isTold })
      return undefined
    }
  }

  #tellUnknown(owner: NamesOwner): void {
    for (const [link, unknown] of this.#unknown) {
      const address = this.#addresses[link]
      if (unknown.isTold || address === undefined) continue
      unknown.isTold = true
      owner.unknown(address, unknown.reason)
    }
  }
}
