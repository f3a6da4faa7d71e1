/**
 * From the checked option to the arbiter: the only place that knows which there are.
 */

import type { ArbiterChoice } from '../config/arbiter.js'
import type { ArbiterPort } from '../runtime/ports-arbiter.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import { type MemberId, millis } from '../units.js'
import { WitnessClient } from './witness/client.js'

/** Whose arbiter it is. */
export interface ArbiterOwner {
  readonly pair: string
  readonly member: MemberId
  /** None, one, or two while they are being changed. */
  readonly secrets: readonly string[]
  readonly clock: ClockPort
  /** 0 ≤ number < 1. */
  readonly random: () => number
}

/** The arbiter, which is not reached before it is used; undefined for `'none'`. */
export async function openArbiter(
  choice: ArbiterChoice,
  owner: ArbiterOwner,
): Promise<ArbiterPort | undefined> {
  switch (choice.kind) {
    case 'none':
      return undefined
    case 'witness':
      return new WitnessClient({
        ...owner,
        address: choice.address,
        timeout: millis(choice.timeoutMs),
      })
    case 'etcd': {
      // Loaded where it is chosen only.
      const { EtcdClient } = await import('./etcd/client.js')
      return new EtcdClient({ ...owner, ...choice, timeout: millis(choice.timeoutMs) })
    }
  }
}
