/**
 * The rules of a member that holds a state and may not act on it.
 */

import type { Effect } from '#lib/core/effect.js'
import type { FencedState, Presence, PrimaryState } from '#lib/core/state.js'
import { epochOf, historyId, millis } from '#lib/units.js'
import {
  a,
  announce,
  b,
  configOf,
  fenced,
  followingPresence,
  heard,
  heardRecord,
  history,
  ignored,
  loading,
  other,
  peer,
  recordOf,
  reign,
  roleTold,
  rule,
  rulingPresence,
  self,
  unasked,
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
  ...unasked,
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

// Both renounced one reign: nobody but its primary holds all, and nobody else may go on.
const mirrored = recordOf('a', reign, true)
const fencedToo = followingPresence({ role: 'fenced', renounced: reign })
const own = fenced({ record: mirrored, peer: peer(fencedToo, { condition: 'unreachable' }) })
const again = epochOf(105)
const takenBack: PrimaryState = {
  ...ruling,
  peer: peer(fencedToo),
  record: recordOf('a', again),
  history: history,
  highest: again,
  epoch: again,
}
rule('the primary goes on when its standby has renounced too', {
  from: own,
  event: heard(fencedToo),
  as: a,
  to: takenBack,
  effects: [
    { type: 'store-record', record: recordOf('a', again) },
    announce(takenBack, a),
    { type: 'open-gate' },
    { type: 'take-over', epoch: again, verdict: 'renounced', suspect: undefined },
    roleTold(own, takenBack, 'takeover'),
    { type: 'tell-mode', mode: 'solo', epoch: again },
  ],
})

const holdsBack: Readonly<Record<string, readonly [Partial<FencedState>, Partial<Presence>]>> = {
  'one that does not renounce may still take over': [{}, { renounced: epochOf(99) }],
  'one that stands by may still take over': [{}, { role: 'standby' }],
  'one that was in a higher reign may have ruled': [{}, { epoch: epochOf(102) }],
  'a reign above was seen': [{ highest: epochOf(102) }, {}],
  'the reign was that of the other': [{ record: recordOf('b', reign, true) }, {}],
  'the record is of an older reign': [{ record: recordOf('a', epochOf(99), true) }, {}],
  'another incarnation was in sync': [{ record: recordOf('a', reign) }, {}],
  'it halted before a suspect frame': [{ isHalted: true }, {}],
}
for (const [why, [over, said]] of Object.entries(holdsBack)) {
  const presence = { ...fencedToo, ...said }
  const highest = epochOf(Math.max(over.highest ?? reign, presence.epoch))
  const from = fenced({ ...own, ...over })
  rule(`it does not go on: ${why}`, {
    from,
    event: heard(presence),
    as: a,
    to: { ...from, highest, peer: peer(presence) },
    effects: [],
  })
}

const halting = { ...a, onSuspect: 'halt' as const }
const heardIt = { ...own, peer: peer(fencedToo) }
rule('it does not go on: where a suspect frame halts both, it may be that', {
  from: own,
  event: heard(fencedToo),
  as: halting,
  to: heardIt,
  effects: [],
})
