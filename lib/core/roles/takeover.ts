/**
 * The takeover: a standby becomes primary, by whatever right (docs/PROTOCOL.md#7).
 */

import type { Verdict } from '../../events.js'
import type { Epoch } from '../../units.js'
import type { Suspect, Transition } from '../effect.js'
import type { CoreConfig, FencedState, StandbyState, State } from '../state.js'
import { announce, common, go, nextReign, soloReign, tellRole } from '../transition.js'

/**
 * Stop acknowledging, record, announce, read out, open the gate, process, reconcile. `granted`: the
 * reign that the arbiter has given; without one it is the next of this member's own.
 */
export function takeOver(
  state: StandbyState,
  verdict: Verdict | 'renounced',
  config: CoreConfig,
  granted?: Epoch,
): Transition<State> {
  const suspect = suspectOf(state, config)
  if (suspect && config.onSuspect === 'halt') return halt(state, suspect.frameNo, config)
  const epoch = granted ?? nextReign(state, config)
  const isGiven = verdict === 'renounced'
  const next = { ...soloReign(state, state.history, epoch, config), isGiven }
  return go(
    next,
    { type: 'stop-acknowledging' },
    { type: 'store-record', record: next.record },
    announce(next, config),
    { type: 'read-out' },
    { type: 'open-gate' },
    { type: 'take-over', epoch, verdict, suspect },
    tellRole(state, next, 'takeover', verdict === 'renounced' ? undefined : verdict),
    { type: 'tell-mode', mode: 'solo', epoch },
  )
}

/** Whether a takeover would halt before a suspect frame instead. */
export function wouldHalt(state: StandbyState, config: CoreConfig): boolean {
  return config.onSuspect === 'halt' && suspectOf(state, config) !== undefined
}

/** Evidence only: the beats of the lost primary said that it hung, and inside which frame. */
function suspectOf(state: StandbyState, config: CoreConfig): Suspect | undefined {
  const { peer } = state
  if (peer?.incarnation !== state.primary || !peer.hungIn) return undefined
  return { frameNo: peer.hungIn, isSkipped: config.onSuspect === 'skip' }
}

/** Policy `halt`: nobody goes on into a frame that may hang whoever processes it. */
function halt(state: StandbyState, frameNo: number, config: CoreConfig): Transition<State> {
  const next: FencedState = {
    ...common(state),
    role: 'fenced',
    epoch: state.epoch,
    history: state.history,
    renounced: state.epoch,
    isHalted: true,
  }
  return go(
    next,
    { type: 'stop-acknowledging' },
    announce(next, config),
    { type: 'halt', frameNo },
    tellRole(state, next, 'suspect', 'hung'),
  )
}
