/**
 * The native memory of one member: outbox, staging of loads, and the region of a shared state.
 */

import type { Config } from '../config.js'
import { openOutbox } from '../native/outbox.js'
import { type KeyedRegion, openRegion } from '../native/region.js'
import { nativeSnapshot } from '../native/snapshot.js'
import type { ServerOptions } from '../runtime/ports-server.js'
import { regionKey } from '../unit/keys.js'

export interface Memory<State> extends Pick<ServerOptions<State>, 'outbox' | 'snapshot'> {
  readonly region: KeyedRegion | undefined
}

/** @throws NativeError `ERR_HOTPAIR_SHARED_MEMORY` when the region cannot be had. */
export function memoryOf<State>({ app, limits, pair, secrets }: Config<State>): Memory<State> {
  const { state } = app
  // The one that may fail comes first, so that nothing is left behind.
  const region = state && openRegion({ bytes: state.bytes, key: regionKey(pair, secrets[0]) })
  return { region, outbox: openOutbox(limits.outboxBytes), snapshot: nativeSnapshot }
}
