/**
 * The addresses of a pair: how they are written, and that no port is named twice.
 *
 * One name stands for two ports, the control port and the data port above it. Two ways to write one
 * address are one address here, as far as that can be known without asking a resolver.
 */

import { isIP } from 'node:net'
import type { MemberId } from '../units.js'
import { refuseUnknown, wrong } from './check.js'

/** One address of one link. Data uses `port + 1`. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Every address of a pair, from one side. The n-th of both are the two ends of the n-th link. */
export interface Addresses {
  readonly self: readonly Address[]
  readonly peer: readonly Address[]
}

/** Checks the option `members`. Throws ConfigError. */
export function addressesOf(members: unknown, member: MemberId): Addresses {
  if (typeof members !== 'object' || members === null) {
    throw wrong('members', "must be { a: 'host:port', b: 'host:port' }", members)
  }
  refuseUnknown(members, new Set(['a', 'b']), 'members.')
  const both: Readonly<Record<string, unknown>> = { ...members }
  const a = addressList('members.a', both['a'])
  const b = addressList('members.b', both['b'])
  if (a.length !== b.length) {
    throw wrong('members', 'must have the same number of addresses on both sides, one a link', [
      a.length,
      b.length,
    ])
  }
  refusePortsNamedTwice([...a, ...b])
  return member === 'a' ? { self: a, peer: b } : { self: b, peer: a }
}

function refusePortsNamedTwice(addresses: readonly Address[]): void {
  const taken = new Set<string>()
  for (const { host, port } of addresses) {
    for (const each of [port, port + 1]) {
      const name = `${canonical(host)}:${each}`
      if (taken.has(name)) {
        const must = 'names a port twice (data uses the port above the one that is named)'
        throw wrong('members', must, `${host}:${each}`)
      }
      taken.add(name)
    }
  }
}

/** One spelling for all that surely mean the same host. */
function canonical(host: string): string {
  if (isIP(host) === 6) return new URL(`tcp://[${host}]`).host
  const name = host.toLowerCase().replace(/\.$/, '')
  return name === 'localhost' ? '127.0.0.1' : name
}

function addressList(key: string, value: unknown): readonly Address[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length < 1 || list.length > 4)
    throw wrong(key, 'must have 1 to 4 addresses', list.length)
  return list.map((each) => addressOf(key, each))
}

/** Checks one address, `host:port`. Throws ConfigError. */
export function addressOf(key: string, value: unknown): Address {
  const form = "must be 'host:port', a port from 1 to 65,534, an IPv6 host in brackets"
  if (typeof value !== 'string') throw wrong(key, form, value)
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1 && port <= 65_534)) throw wrong(key, form, value)
  if (match?.[1] !== undefined && isIP(host) !== 6) throw wrong(key, form, value)
  return { host, port }
}

/** Whether nobody outside this host can reach `host`. A name but `localhost` may be anything. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
