/**
 * An operator's override, as a user asks for it: refused at once where it cannot be, and else done
 * when this member rules. What may be is decided by the rules (`core/roles/force.ts`).
 */

import { mayBeForced } from '../core/roles/force.js'
import type { State } from '../core/state.js'
import { PairError } from '../errors.js'

/** Asks if `state` may be forced, and resolves with `ruling`. Rejects with `ERR_HOTPAIR_FORCE`. */
export async function force(
  state: State,
  ask: () => void,
  ruling: () => Promise<void>,
): Promise<void> {
  if (!mayBeForced(state)) {
    const why = 'only one that waits can be, and not beside one that is heard and rules, or may'
    throw new PairError('ERR_HOTPAIR_FORCE', `this member is ${state.role}, and not forced: ${why}`)
  }
  ask()
  await ruling()
}
