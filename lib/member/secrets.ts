/**
 * Which of the secrets of the pair are in use, while it goes from one to another.
 *
 * An operator must know when the old one can go; and the digests of a shared state must be by one
 * key on both members, whichever of two secrets each of them has first. The secret of the link that
 * stands is the only one of which both know that the other uses it, so that is the one.
 */

import type { HeartbeatView } from '../native/heartbeat.js'
import type { KeyedRegion } from '../native/region.js'
import type { Peer } from '../peer/peer.js'
import { regionKey } from '../unit/keys.js'
import type { SecretsInUse } from './contract.js'

export interface SecretsSeen {
  readonly peer: Pick<Peer, 'secretInUse'>
  /** Undefined until the beats are open. */
  readonly beats: () => HeartbeatView | undefined
}

export class Secrets {
  readonly #config: { readonly pair: string; readonly secrets: readonly string[] }
  readonly #region: KeyedRegion | undefined
  readonly #seen: SecretsSeen

  constructor(
    config: { readonly pair: string; readonly secrets: readonly string[] },
    region: KeyedRegion | undefined,
    seen: SecretsSeen,
  ) {
    this.#config = config
    this.#region = region
    this.#seen = seen
  }

  /** For the status. */
  inUse(isLinked: boolean): SecretsInUse {
    const accepted = this.#config.secrets.length
    const { peer, beats } = this.#seen
    if (accepted === 0) return { accepted, heard: 0, link: 0 }
    const link = isLinked ? peer.secretInUse + 1 : 0
    return { accepted, heard: beats()?.peerKey ?? 0, link }
  }

  /** A link has come up, and nothing was said on it. */
  linkUp(): void {
    const { pair, secrets } = this.#config
    this.#region?.rekey(regionKey(pair, secrets[this.#seen.peer.secretInUse]))
  }
}
