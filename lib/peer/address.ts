/**
 * Data addresses: how they are written, and how their names become numbers.
 *
 * Names are resolved anew at each attempt, because a standby may come back under another number.
 * The platform's resolver cannot be called off and keeps a thread of the pool while it waits, so a
 * name that is still being resolved is never asked for a second time.
 */

import { lookup } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import { NativeError, reasonOf } from '../errors.js'

/** Where a member listens for data, or is dialled. */
export interface DataAddress {
  /** A name or a numeric address. */
  readonly host: string
  readonly port: number
}

/** `host:port`, with an IPv6 host in brackets. */
export function formatAddress({ host, port }: DataAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** Resolves names, each at most once at a time. */
export class Resolver {
  readonly #pending = new Map<string, Promise<readonly string[]>>()

  /**
   * The numeric addresses of `host`, in the resolver's order. Rejects with the platform's error.
   */
  resolve(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return Promise.resolve([host])
    const pending = this.#pending.get(host)
    if (pending !== undefined) return pending
    const asked = lookup(host, { all: true, order: 'verbatim' })
      .then((found) => found.map(({ address }) => address))
      .finally(() => this.#pending.delete(host))
    this.#pending.set(host, asked)
    return asked
  }
}

/** The name of `address` cannot be resolved. */
export function unresolvable(address: DataAddress, cause: unknown): NativeError {
  const why = reasonOf(cause)
  const message = `the data address ${formatAddress(address)} cannot be resolved: ${why}`
  return new NativeError('ERR_HOTPAIR_ADDRESS', message, { cause })
}
