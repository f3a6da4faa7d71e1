/**
 * A member that holds a state and may not act on it: it renounced, or slept while the other may
 * have ruled. It loads as soon as somebody rules; when nobody does, `onLoss` decides
 * (docs/PROTOCOL.md#8).
 */

import type { Transition } from '../effect.js'
import type { Event } from '../event.js'
import type { CoreConfig, FencedState, State } from '../state.js'
import {
  announce,
  assertNever,
  go,
  loadFrom,
  newHistory,
  nextReign,
  rulingPeer,
  soloReign,
  stay,
  tellRole,
} from '../transition.js'

export function onFenced(state: FencedState, event: Event, config: CoreConfig): Transition<State> {
  switch (event.type) {
    case 'heard': {
      const ruling = rulingPeer(state, config)
      return ruling
        ? loadFrom(state, ruling, config, 'heard-primary', state.renounced)
        : stay(state)
    }
    case 'timer':
      return event.name === 'start' && mayGoOn(state, config)
        ? goOn(state, event, config)
        : stay(state)
    case 'found':
      return mayGoOn(state, config)
        ? go(state, { type: 'set-timer', name: 'start', delay: config.startWindow })
        : stay(state)
    case 'opened':
    case 'link-up':
    case 'link-down':
    case 'load-asked':
    case 'resume-asked':
    case 'resume-refused':
    case 'load-installed':
    case 'load-failed':
    case 'near':
    case 'covered':
    case 'told-in-sync':
    case 'out-of-step':
    case 'ack-timeout':
    case 'stuck':
    case 'hung':
    case 'vouched':
    case 'fenced':
    case 'stalled':
    case 'close-asked':
    case 'broken':
      return stay(state)
    default:
      return assertNever(event)
  }
}

/** Whoever halted before a suspect frame would go on into it. */
function mayGoOn(state: FencedState, config: CoreConfig): boolean {
  return config.onLoss === 'go' && !state.isHalted
}

/** Policy `go`: a new history over what is there, because nothing proves that it is all. */
function goOn(state: FencedState, event: Event, config: CoreConfig): Transition<State> {
  const { peer } = state
  // One that rules with other settings cannot be loaded from; it rules all the same.
  if (peer?.condition === 'alive' && peer.presence.role === 'primary') return stay(state)
  const history = newHistory(event)
  const epoch = nextReign(state, config)
  const next = soloReign(state, history, epoch, config)
  return go(
    next,
    { type: 'store-record', record: next.record },
    announce(next, config),
    { type: 'begin', history, epoch, over: 'state' },
    { type: 'open-gate' },
    tellRole(state, next, 'peer-lost'),
    { type: 'tell-mode', mode: 'solo', epoch },
  )
}
