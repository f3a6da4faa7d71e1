/**
 * From the settings of a member to what its beat thread is opened with. Opens nothing.
 */

import type { Config } from '../config.js'
import type { HeartbeatOptions } from '../native/heartbeat.js'
import { beatKeys, pairDigest } from '../unit/keys.js'
import type { Incarnation } from '../units.js'
import { familyOf } from './names.js'

/** Where beats go while the other member's name cannot be resolved: nobody is there. */
const nowhere = { 0: '0.0.0.0', 4: '0.0.0.0', 6: '::' } as const

/** Hosts of the two ends of each link, in the order of the addresses. */
export interface Hosts {
  readonly own: readonly string[]
  /** Undefined while its name cannot be resolved. */
  readonly other: readonly (string | undefined)[]
}

/** What the beat thread of the member of `config` needs to know. */
export function heartbeatOptions<State>(
  config: Config<State>,
  incarnation: Incarnation,
  { own, other }: Hosts,
): HeartbeatOptions {
  const { pair, member, secret, heartbeatMs, windowMs, hangAfterMs, addresses } = config
  return {
    pair: pairDigest(pair),
    self: member === 'a' ? 0 : 1,
    incarnation,
    keys: beatKeys(pair, secret),
    intervalMicros: Math.round(heartbeatMs * 1_000),
    windowMicros: Math.round(windowMs * 1_000),
    hangAfterMs: Math.round(hangAfterMs),
    dials: member === 'b',
    links: own.map((selfHost, link) => {
      const { port = 0 } = addresses.peer[link] ?? {}
      return {
        selfHost,
        selfPort: addresses.self[link]?.port ?? 0,
        peerHost: other[link] ?? nowhere[familyOf(selfHost)],
        peerPort: port,
        peerDataPort: port + 1,
      }
    }),
  }
}
