/**
 * The data link of a member: what it is made with. Data ports lie one above control ports.
 */

import type { Address } from '../config/addresses.js'
import type { Config } from '../config.js'
import { Peer } from '../peer/peer.js'
import { systemClock } from '../runtime/clock.js'
import type { Incarnation } from '../units.js'
import { packetLimit } from '../wire/limits.js'

/** `heard`: beats so far on each link. */
export function peerOf<State>(
  config: Config<State>,
  incarnation: Incarnation,
  heard: () => readonly number[],
): Peer {
  const { pair, member, settings, secrets, addresses, limits, windowMs } = config
  const data = ({ host, port }: Address): Address => ({ host, port: port + 1 })
  return new Peer({
    pair,
    self: member,
    incarnation,
    settings,
    secrets,
    listen: addresses.self.map(data),
    dial: addresses.peer.map(data),
    maxPacketBytes: packetLimit(limits.inputBytes),
    clock: systemClock,
    paths: { windowMs, heard },
    random: Math.random,
  })
}
