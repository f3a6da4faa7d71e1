/**
 * The rules of a member that holds a state and may not act on it.
 */

import type { Effect } from '#lib/core/effect.js'
import type { PrimaryState } from '#lib/core/state.js'
import { epochOf, historyId, millis } from '#lib/units.js'
import {
  a,
  announce,
  b,
  configOf,
  fenced,
  heard,
  heardRecord,
  ignored,
  loading,
  other,
  peer,
  reign,
  roleTold,
  rule,
  rulingPresence,
  self,
} from './states.js'

const go = configOf('a', 'go')
const above = rulingPresence({ mode: 'solo', epoch: epochOf(102), inSync: undefined })
const drawn = historyId('aaaabbbbccccdddd0000000000000009')

const solo = rulingPresence({ mode: 'solo', inSync: undefined })
const toLoad = loading({ link: undefined, hasState: true, renounced: reign })
rule('it loads as soon as somebody rules, and goes on renouncing', {
  from: fenced({ record: heardRecord(reign) }),
  event: heard(solo),
  as: b,
  to: toLoad,
  effects: [
    { type: 'clear-timer', name: 'start' },
    announce(toLoad, b),
    roleTold(fenced(), toLoad, 'heard-primary'),
  ],
})

const stranger = rulingPresence({ epoch: epochOf(102), settings: 1n })
rule('it does not load across different settings', {
  from: fenced(),
  event: heard(stranger),
  as: a,
  to: fenced({ peer: peer(stranger), highest: epochOf(102) }),
  effects: [],
})

ignored('by itself it goes on waiting (A10)', fenced(), { type: 'timer', name: 'start' }, a)

const epoch = epochOf(105)
const ruling: PrimaryState = {
  role: 'primary',
  peer: undefined,
  link: undefined,
  record: { history: drawn, epoch, primary: 'a', inSync: [{ member: 'a', incarnation: self }] },
  highest: epoch,
  epoch,
  history: drawn,
  mode: 'solo',
  mirror: undefined,
  hasAsked: false,
  isGiven: false,
  switchingSince: undefined,
  distrustsBefore: undefined,
}
const begin: readonly Effect[] = [
  ...(ruling.record ? [{ type: 'store-record', record: ruling.record } as const] : []),
  announce(ruling, a),
  { type: 'begin', history: drawn, epoch, over: 'state' },
  { type: 'open-gate' },
  roleTold(fenced(), ruling, 'peer-lost'),
  { type: 'tell-mode', mode: 'solo', epoch },
]
rule('policy go begins a new history over what is there', {
  from: fenced(),
  event: { type: 'timer', name: 'start' },
  as: go,
  to: ruling,
  effects: begin,
})

const unheard = peer(above, { condition: 'unreachable' })
rule('one that ruled and cannot be heard any more does not hold it back', {
  from: fenced({ peer: unheard }),
  event: { type: 'timer', name: 'start' },
  as: go,
  to: { ...ruling, peer: unheard },
  effects: begin,
})

ignored('another timer means nothing', fenced(), { type: 'timer', name: 'reopen' }, go)
ignored(
  'it does not begin beside one that rules, even with other settings',
  fenced({ peer: peer(stranger) }),
  { type: 'timer', name: 'start' },
  go,
)

const lost = peer(stranger, { condition: 'process-gone' })
rule('when that one is lost the start window begins anew', {
  from: fenced({ peer: peer(stranger) }),
  event: { type: 'found', incarnation: other, verdict: 'process-gone' },
  as: go,
  to: fenced({ peer: lost }),
  effects: [{ type: 'set-timer', name: 'start', delay: millis(1_000) }],
})

rule('policy wait waits on', {
  from: fenced({ peer: peer(stranger) }),
  event: { type: 'found', incarnation: other, verdict: 'process-gone' },
  as: a,
  to: fenced({ peer: lost }),
  effects: [],
})
