/**
 * Reigns that were given to a member by the other one: each numbered as one of its own
 * (docs/PROTOCOL.md#17). Asked by every role that may be given one, or may have missed it.
 */

import { type Epoch, nextEpoch, peerOf } from '../../units.js'
import type { CoreConfig, PeerView } from '../state.js'

/** Whether `epoch` is one that this member would rule. */
function isOwn(epoch: Epoch, config: CoreConfig): boolean {
  return nextEpoch(epoch, peerOf(config.self)) === epoch + 1
}

/**
 * The reign above `epoch` that the other one says it has given to this member: it stands by in it,
 * or did when it gave it up.
 */
export function namedReign(
  peer: PeerView | undefined,
  epoch: Epoch,
  config: CoreConfig,
): Epoch | undefined {
  if (peer === undefined || !isNamedFor(peer.presence.epoch, epoch, config)) return undefined
  const { presence } = peer
  const isGiven = presence.role === 'standby' || presence.renounced === presence.epoch
  return isGiven ? presence.epoch : undefined
}

/** Whether `epoch` is a reign above `own` that was given to this member. */
export function isNamedFor(epoch: Epoch, own: Epoch, config: CoreConfig): boolean {
  return epoch > own && isOwn(epoch, config)
}
