/**
 * Observability for tools: every transition of the rules on a diagnostics channel. Nothing is paid
 * when nobody listens.
 */

import { channel } from 'node:diagnostics_channel'
import type { Happening } from '../core/event.js'
import type { State } from '../core/state.js'

const transitions = channel('hotpair:core:transition')

/** Publishes `{ from, happening, to }` on `hotpair:core:transition`. */
export function traceTransition(from: State, happening: Happening, to: State): void {
  if (transitions.hasSubscribers) transitions.publish({ from, happening, to })
}
