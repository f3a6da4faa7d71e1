/**
 * The secret of a pair: one, or two while the pair goes from one to the other.
 *
 * A value never stands in a message: it may end up in a log.
 */

import { ConfigError } from '../errors.js'
import { type Address, isLoopback } from './addresses.js'

const leastLength = 16

/** The option as a list: none, one, or the one in use and the other that is heard too. */
export function secretsOf(secret: unknown, addresses: readonly Address[]): readonly string[] {
  if (secret === undefined) {
    const open = addresses.find(({ host }) => !isLoopback(host))
    if (open === undefined) return []
    throw new ConfigError(
      'secret',
      `secret is missing, and ${open.host} is not loopback: give both members the same secret of at least ${leastLength} characters, from a file or the environment`,
    )
  }
  if (!Array.isArray(secret)) return [checked(secret)]
  const [one, other] = secret
  if (secret.length !== 2 || one === other) {
    throw new ConfigError(
      'secret',
      `secret must be a string, or two that differ: the one in use, and the one that is accepted too; not a list of ${secret.length}${secret.length === 2 ? ' that are alike' : ''}`,
    )
  }
  return [checked(one), checked(other)]
}

function checked(secret: unknown): string {
  if (typeof secret !== 'string') throw new ConfigError('secret', 'secret must be a string')
  if (secret.length >= leastLength) return secret
  throw new ConfigError(
    'secret',
    `secret must have at least ${leastLength} characters, not ${secret.length}`,
  )
}
