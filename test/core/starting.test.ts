/**
 * The rules of a blank member: whom it listens to, how a draw is decided, when it may begin a
 * history.
 */

import type { Effect } from '#lib/core/effect.js'
import type { PrimaryState, StartingState, State } from '#lib/core/state.js'
import type { RoleCause } from '#lib/events.js'
import { epochOf, type HistoryId, historyId, incarnationOf, millis } from '#lib/units.js'
import {
  a,
  announce,
  b,
  configOf,
  heard,
  heardRecord,
  history,
  ignored,
  loading,
  newborn,
  other,
  peer,
  presence,
  reign,
  roleTold,
  rule,
  rulingPresence,
  self,
  starting,
  unasked,
} from './states.js'

const startTimer: Effect = { type: 'set-timer', name: 'start', delay: millis(1_000) }
const noStartTimer: Effect = { type: 'clear-timer', name: 'start' }
const drawn: HistoryId = historyId('aaaabbbbccccdddd0000000000000009')

/** Member a, ruling alone in the first reign above the wall clock. */
function begun(from: StartingState, over: Partial<PrimaryState> = {}): PrimaryState {
  const epoch = epochOf(1_001)
  const inSync = [{ member: 'a', incarnation: self }] as const
  return {
    role: 'primary',
    peer: from.peer,
    link: from.link,
    record: { history: drawn, epoch, primary: 'a', inSync },
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
    ...over,
  }
}

function beginning(from: State, to: PrimaryState, cause: RoleCause): readonly Effect[] {
  const { record, epoch } = to
  if (record === undefined) throw new Error('a primary has a record')
  return [
    noStartTimer,
    { type: 'store-record', record },
    announce(to, a),
    { type: 'begin', history: to.history, epoch, over: 'nothing' },
    { type: 'open-gate' },
    roleTold(from, to, cause),
    { type: 'tell-mode', mode: 'solo', epoch },
  ]
}

rule('when its ports are open it beats, and listens for the start window', {
  from: starting(),
  event: { type: 'opened' },
  as: a,
  to: starting(),
  effects: [announce(starting(), a), startTimer],
})

const toLoad = loading({ link: undefined })
rule('it loads from a primary that it hears', {
  from: starting(),
  event: heard(rulingPresence({ mode: 'solo', inSync: undefined })),
  as: b,
  to: toLoad,
  effects: [noStartTimer, announce(toLoad, b), roleTold(starting(), toLoad, 'heard-primary')],
})

rule('it asks for the load at once over a link that stands', {
  from: starting({ link: other }),
  event: heard(rulingPresence({ mode: 'solo', inSync: undefined })),
  as: b,
  to: loading(),
  effects: [
    noStartTimer,
    announce(loading(), b),
    roleTold(starting(), loading(), 'heard-primary'),
    { type: 'ask-load' },
  ],
})

for (const role of ['standby', 'loading', 'fenced'] as const) {
  const said = presence({ role, isBlank: false, epoch: reign, history })
  rule(`it leaves the rule to a member with state: ${role} (A1)`, {
    from: starting(),
    event: heard(said),
    as: a,
    to: starting({ phase: 'waiting', peer: peer(said), highest: reign }),
    effects: [noStartTimer],
  })
}

const stranger = rulingPresence({ settings: 1n })
rule('it neither loads from nor rules beside one whose settings differ (G4)', {
  from: starting(),
  event: heard(stranger),
  as: b,
  to: starting({ phase: 'waiting', peer: peer(stranger), highest: reign }),
  effects: [noStartTimer],
})

const leaving = presence({ role: 'stopped' })
rule('one that is stopping is as good as unheard', {
  from: starting(),
  event: heard(leaving),
  as: a,
  to: starting({ peer: peer(leaving) }),
  effects: [],
})

const noHistory = rulingPresence({ history: undefined })
rule('a primary that names no history is not loaded from', {
  from: starting(),
  event: heard(noHistory),
  as: b,
  to: starting({ phase: 'waiting', peer: peer(noHistory), highest: reign }),
  effects: [noStartTimer],
})

const unechoed = starting({ phase: 'drawing', peer: peer(presence()) })
rule('a draw is not decided before the other has echoed the own number', {
  from: starting(),
  event: heard(presence()),
  as: a,
  to: unechoed,
  effects: [announce(unechoed, a)],
})

const lower = presence({ draw: 5n, drawEcho: 7n })
const won = begun(starting({ peer: peer(lower) }))
rule('the higher number wins the draw and begins a history', {
  from: starting({ phase: 'drawing' }),
  event: heard(lower),
  as: a,
  to: won,
  effects: beginning(starting(), won, 'draw-won'),
})

const higher = presence({ draw: 8n, drawEcho: 7n })
const lost = starting({ phase: 'waiting', peer: peer(higher) })
rule('the lower number waits for the other to rule, and echoes its number', {
  from: starting({ phase: 'drawing' }),
  event: heard(higher),
  as: a,
  to: lost,
  effects: [noStartTimer, announce(lost, a)],
})

const tie = presence({ draw: 7n, drawEcho: 7n })
const again = starting({ phase: 'drawing', draw: 9n, peer: peer(tie) })
rule('a tie draws again', {
  from: starting({ phase: 'drawing' }),
  event: heard(tie),
  as: a,
  to: again,
  effects: [announce(again, a)],
})

const woken = starting({ phase: 'drawing', draw: 9n, peer: peer(presence()) })
rule('one that stood still draws again: an echo from before decides nothing (A11)', {
  from: starting({ phase: 'drawing', peer: peer(presence()) }),
  event: { type: 'stalled', seq: 4n },
  as: a,
  to: woken,
  effects: [announce(woken, a)],
})

rule('whoever hears none for the start window is first up and rules', {
  from: starting(),
  event: { type: 'timer', name: 'start' },
  as: a,
  to: begun(starting()),
  effects: beginning(starting(), begun(starting()), 'first-up'),
})

const high = starting({ highest: epochOf(5_000) })
const later = epochOf(5_001)
const inSync = [{ member: 'a', incarnation: self }] as const
const record = { history: drawn, epoch: later, primary: 'a', inSync } as const
const above = begun(high, { epoch: later, highest: later, record })
rule('its first reign is above the wall clock and above all that were seen (A3)', {
  from: high,
  event: { type: 'timer', name: 'start' },
  as: a,
  to: above,
  effects: beginning(high, above, 'first-up'),
})

ignored(
  'while the other draws, the start window decides nothing',
  starting({ phase: 'drawing', peer: peer(presence()) }),
  { type: 'timer', name: 'start' },
  a,
)
ignored('another timer decides nothing', starting(), { type: 'timer', name: 'ask' }, a)

const held = { record: heardRecord(reign), highest: reign }
const unreachable = peer(rulingPresence(), { condition: 'unreachable' })
rule('it waits while a holder of the recorded history may live (A2)', {
  from: starting({ ...held, peer: unreachable }),
  event: { type: 'timer', name: 'start' },
  as: b,
  to: starting({ ...held, peer: unreachable, phase: 'waiting' }),
  effects: [noStartTimer],
})

rule('it waits for one that was heard with a state and cannot be heard any more (A2)', {
  from: starting({ peer: unreachable }),
  event: { type: 'timer', name: 'start' },
  as: b,
  to: starting({ peer: unreachable, phase: 'waiting' }),
  effects: [noStartTimer],
})

rule('it waits while it has never heard a holder of the recorded history', {
  from: starting(held),
  event: { type: 'timer', name: 'start' },
  as: b,
  to: starting({ ...held, phase: 'waiting' }),
  effects: [noStartTimer],
})

ignored(
  'it goes on waiting',
  starting({ ...held, phase: 'waiting' }),
  { type: 'timer', name: 'start' },
  b,
)

function firstUp(name: string, from: StartingState, onLoss: 'wait' | 'go' = 'wait'): void {
  const to = begun(from)
  rule(name, {
    from,
    event: { type: 'timer', name: 'start' },
    as: configOf('a', onLoss),
    to,
    effects: beginning(from, to, 'first-up'),
  })
}

const ofB = {
  history,
  epoch: epochOf(100),
  primary: 'b',
  inSync: [{ member: 'b', incarnation: other }],
} as const
const gone = peer(rulingPresence(), { condition: 'process-gone' })
firstUp(
  'it begins when every holder of the recorded history is gone',
  starting({ record: ofB, peer: gone }),
)
firstUp(
  'it begins when a newer incarnation of the holder has come, which is gone too',
  starting({ record: { ...ofB, inSync: [{ member: 'b', incarnation: newborn }] }, peer: gone }),
)
firstUp(
  'its own former incarnation counts as gone',
  starting({ record: { ...ofB, inSync: [{ member: 'a', incarnation: incarnationOf(9n) }] } }),
)
firstUp('policy go begins though a holder may live', starting({ record: ofB }), 'go')
firstUp(
  'one that stopped with the holder of nothing is passed over',
  starting({ peer: peer(leaving) }),
)

rule('a loss begins the start window anew', {
  from: starting({ phase: 'waiting', peer: peer(presence({ role: 'standby', isBlank: false })) }),
  event: { type: 'found', incarnation: other, verdict: 'process-gone' },
  as: a,
  to: starting({
    peer: peer(presence({ role: 'standby', isBlank: false }), { condition: 'process-gone' }),
  }),
  effects: [startTimer],
})

ignored(
  'a verdict on a member that was never heard says nothing',
  starting(),
  { type: 'found', incarnation: other, verdict: 'process-gone' },
  a,
)
