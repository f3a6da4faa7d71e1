/**
 * The native memory of one member: outbox, staging of loads, and the region of a shared state.
 */

import type { Config } from '../config.js'
import { openOutbox } from '../native/outbox.js'
import { openRegion } from '../native/region.js'
import { nativeSnapshot } from '../native/snapshot.js'
import type { ServerOptions } from '../runtime/ports-server.js'
import { regionKey } from '../unit/keys.js'

/** @throws NativeError `ERR_HOTPAIR_SHARED_MEMORY` when the region cannot be had. */
export function memoryOf<State>({
  app,
  limits,
  pair,
  secret,
}: Config<State>): Pick<ServerOptions<State>, 'outbox' | 'snapshot' | 'region'> {
  // The one that may fail comes first, so that nothing is left behind.
  const region = app.state && openRegion({ bytes: app.state.bytes, key: regionKey(pair, secret) })
  return { region, outbox: openOutbox(limits.outboxBytes), snapshot: nativeSnapshot }
}
