/**
 * A standby that loses step: how often in a row, and how long it waits before it loads again.
 *
 * A load costs the primary a walk over its whole state, and whoever loses step again and again
 * (a program that is not deterministic, a member that is too slow) would make it load for ever. The
 * first two times it loads at once; from the third on it waits, longer each time, and both members
 * raise an alarm. The count begins anew when the pair was whole for ten windows.
 */

import type { ResyncReason } from '../events.js'
import { type MemberId, type Millis, millis } from '../units.js'
import type { Effect } from './effect.js'
import type { Moment } from './event.js'
import type { CoreConfig, LostStep, Presence } from './state.js'

/** Times in a row from which on it waits, and the alarm is raised. */
export const resyncsToAlarm = 3
/** More are not counted: the wait has long reached its bound. */
const mostInARow = 100
/** Windows that the first wait takes at most, half of it at least; each further one is doubled. */
const firstWait = 1
/** Windows that a wait takes at most: half a minute by default. */
const longestWait = 60
/** Windows after which a pair that stayed whole counts as sound: several loads of a usual state. */
const steadyWindows = 10

/** A standby that lost step `before` times in a row does so again. */
export function loseStep(
  reason: ResyncReason,
  before: number,
  moment: Moment,
  config: CoreConfig,
): LostStep {
  const inARow = Math.min(mostInARow, before + 1)
  return { reason, inARow, wait: waitOf(inARow, moment, config) }
}

/** Between a half and the whole of the bound, so that nothing else keeps time with it. */
function waitOf(inARow: number, { entropy }: Moment, { window }: CoreConfig): Millis {
  if (inARow < resyncsToAlarm) return millis(0)
  const windows = Math.min(longestWait, firstWait * 2 ** (inARow - resyncsToAlarm))
  const share = Number(BigInt.asUintN(32, entropy)) / 2 ** 32
  return millis(Math.ceil(window * windows * (0.5 + share / 2)))
}

/** How long a member must be in sync until what it lost before is forgotten. */
export function steadyDelay({ window }: CoreConfig): Millis {
  return millis(steadyWindows * window)
}

export function tellResync(member: MemberId, lost: LostStep): Effect {
  return { type: 'tell-resync', member, ...lost }
}

/** What a beat says of it that the one before, of the same incarnation, did not. */
export function newlyLost(before: Presence | undefined, now: Presence): LostStep | undefined {
  const { lost } = now
  const known = before?.lost
  return lost?.inARow === known?.inARow && lost?.reason === known?.reason ? undefined : lost
}
