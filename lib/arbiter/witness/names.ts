/**
 * What a pair is called in a handshake that others can read along, and the key that goes with it.
 *
 * Nothing here may tell the pair's name or its secret to whoever only listens.
 */

import { hkdfSync } from 'node:crypto'
import { digestOfName } from '../../store/file-name.js'

// Not the data link's: a key for one use tells nothing about the key for another.
const use = 'hotpair witness 1'

/** A pre-shared key and the name under which it is offered. */
export interface NamedKey {
  readonly identity: string
  readonly key: Buffer
}

/**
 * The key of a pair with `secret`. Its name says which pair, without saying the pair's name, and
 * which of two secrets, so that a witness can know both while they are being changed.
 */
export function keyOf(secret: string, pair: string): NamedKey {
  const key = Buffer.from(hkdfSync('sha256', secret, pair, use, 32))
  const which = Buffer.from(hkdfSync('sha256', secret, pair, `${use} name`, 8)).toString('hex')
  return { key, identity: `${use} ${digestOfName(pair)} ${which}` }
}

/** Whether two identities are of one pair. */
export function areOfOnePair(one: string, other: string): boolean {
  return one.slice(0, use.length + 17) === other.slice(0, use.length + 17)
}
