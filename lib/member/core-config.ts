/**
 * What the rules need to know of a member's settings, which have been checked already.
 *
 * Pure; decides nothing.
 */

import type { Config } from '../config.js'
import type { CoreConfig } from '../core/state.js'
import { settingsDigest } from '../unit/keys.js'
import { type Incarnation, millis } from '../units.js'

/** Beats for which a standby leaves a primary that may live the first claim. */
const headStartBeats = 2

export function coreConfigOf<State>(config: Config<State>, incarnation: Incarnation): CoreConfig {
  const { member, settings, startWindowMs, windowMs, heartbeatMs, arbiter } = config
  const { onLoss, onSuspect, onStuckDeliver } = config
  return {
    ...{ onLoss, onSuspect, onStuckDeliver },
    self: member,
    incarnation,
    settings: settingsDigest(settings),
    startWindow: millis(startWindowMs),
    window: millis(windowMs),
    hasArbiter: arbiter.kind !== 'none',
    headStart: millis(headStartBeats * heartbeatMs),
  }
}
