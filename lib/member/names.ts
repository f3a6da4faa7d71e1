/**
 * Names of hosts: this member's own must resolve at open; the other's are asked for again and again
 * while it is not heard, because it may come back under another address.
 */

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Address } from '../config/addresses.js'
import { NativeError } from '../errors.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'

/** Resolves a name to a numeric address; rejects when it cannot. */
export type Resolve = (host: string) => Promise<string>

export const systemResolve: Resolve = async (host) => (await lookup(host)).address

/** First and longest pause between two rounds of questions. */
const firstPauseMs = 500
const longestPauseMs = 10_000

/** The numeric address of one of this member's own. Rejects with ERR_HOTPAIR_ADDRESS. */
export async function resolveOwn({ host, port }: Address, resolve: Resolve): Promise<string> {
  try {
    return await resolve(host)
  } catch (cause) {
    const text = `the address ${host}:${port} of this member cannot be resolved`
    throw new NativeError('ERR_HOTPAIR_ADDRESS', text, { cause })
  }
}

/** The other member's addresses, link by link, followed while it is away. */
export class PeerNames {
  readonly #addresses: readonly Address[]
  readonly #resolve: Resolve
  readonly #known: (string | undefined)[] = []
  #timer: Timer | undefined
  #pauseMs = firstPauseMs

  constructor(addresses: readonly Address[], resolve: Resolve) {
    this.#addresses = addresses
    this.#resolve = resolve
  }

  /** Asks once for all; what cannot be resolved yet is undefined. */
  async first(): Promise<readonly (string | undefined)[]> {
    const found = await Promise.all(this.#addresses.map(({ host }) => this.#ask(host)))
    this.#known.push(...found)
    return found
  }

  /** Asks again, with back-off, whenever `isAway`; tells what has changed. */
  follow(
    clock: ClockPort,
    isAway: () => boolean,
    changed: (link: number, host: string) => void,
  ): void {
    if (this.#addresses.every(({ host }) => isIP(host) !== 0)) return
    this.#timer = clock.setTimer(millis(this.#pauseMs), () => {
      const away = isAway()
      this.#pauseMs = away ? Math.min(2 * this.#pauseMs, longestPauseMs) : firstPauseMs
      const asked = away ? this.#askAgain(changed) : Promise.resolve()
      void asked.then(() => {
        if (this.#timer !== undefined) this.follow(clock, isAway, changed)
      })
    })
  }

  close(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }

  async #askAgain(changed: (link: number, host: string) => void): Promise<void> {
    for (const [link, { host }] of this.#addresses.entries()) {
      const found = await this.#ask(host)
      if (found === undefined || found === this.#known[link] || this.#timer === undefined) continue
      this.#known[link] = found
      changed(link, found)
    }
  }

  async #ask(host: string): Promise<string | undefined> {
    try {
      return await this.#resolve(host)
    } catch {
      return undefined
    }
  }
}
