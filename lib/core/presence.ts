/**
 * What a member says of itself in its beats: a function of its state, so that no rule can forget to
 * say it.
 */

import { type Epoch, epochOf } from '../units.js'
import { claimedReign } from './claims.js'
import type { CoreConfig, Presence, StandbyState, State } from './state.js'

const none: Epoch = epochOf(0)

/**
 * The reign that the beat thread may renounce on its own while `state` holds, 0 for none: both
 * members are in sync then, so the other one can go on (docs/PROTOCOL.md#8).
 */
export function renounceable(state: State): Epoch {
  // A claim that comes true would contradict it.
  if (claimedReign(state) !== none) return none
  if (state.role === 'standby') return state.epoch
  return state.role === 'primary' && state.mode === 'paired' ? state.epoch : none
}

/**
 * Whether this standby wants its primary to renounce: it hangs, says that this member is in sync,
 * and there is no reason to doubt that.
 */
function isPrimaryHung(state: StandbyState, config: CoreConfig): boolean {
  const { peer, distrustsBefore } = state
  if (peer?.incarnation !== state.primary || peer.condition !== 'alive') return false
  if (peer.hungIn === undefined || distrustsBefore !== undefined) return false
  const { role, epoch, inSync } = peer.presence
  return role === 'primary' && epoch === state.epoch && inSync === config.incarnation
}

/** The reign in which this standby asks the other one to renounce. */
function askedBy(state: StandbyState, config: CoreConfig): Epoch {
  const { epoch, handover } = state
  if (handover?.phase === 'asked') return handover.former
  return isPrimaryHung(state, config) ? epoch : none
}

/** What the beats of a member in `state` say. */
export function presenceOf(state: State, config: CoreConfig): Presence {
  const base = {
    role: state.role,
    mode: undefined,
    isBlank: true,
    epoch: none,
    history: undefined,
    draw: 0n,
    drawEcho: 0n,
    inSync: undefined,
    renounced: none,
    askRenounce: none,
    lost: undefined,
    settings: config.settings,
  } satisfies Presence
  switch (state.role) {
    case 'starting':
      return {
        ...base,
        draw: state.draw,
        drawEcho: state.peer?.condition === 'alive' ? state.peer.presence.draw : 0n,
      }
    case 'loading':
      return {
        ...base,
        isBlank: !state.hasState,
        epoch: state.epoch,
        history: state.history,
        renounced: state.renounced,
        lost: state.lost,
      }
    case 'standby':
      return {
        ...base,
        isBlank: false,
        epoch: state.epoch,
        history: state.history,
        askRenounce: askedBy(state, config),
      }
    case 'primary':
      return {
        ...base,
        mode: state.mode === 'paired' ? 'paired' : 'solo',
        isBlank: false,
        epoch: state.epoch,
        history: state.history,
        inSync: state.mode === 'paired' ? state.mirror : undefined,
        askRenounce: state.hasAsked ? state.epoch : none,
      }
    case 'fenced':
      return {
        ...base,
        isBlank: false,
        epoch: state.epoch,
        history: state.history,
        renounced: state.renounced,
      }
    case 'stopped':
      return { ...base, epoch: state.epoch, renounced: state.renounced }
  }
}
