/**
 * The rules that hold in every role: what is known of the other, late words, the end of a member,
 * and what the beats say.
 */

import t from 'tap'
import { type Effect, isBarrier } from '#lib/core/effect.js'
import { presenceOf } from '#lib/core/presence.js'
import type { State } from '#lib/core/state.js'
import { initialState, step } from '#lib/core/step.js'
import { assertNever, drawFrom, loadFrom, newHistory } from '#lib/core/transition.js'
import { epochOf, historyId, instant } from '#lib/units.js'
import {
  a,
  announce,
  b,
  eventOf,
  fenced,
  followingPresence,
  heard,
  history,
  ignored,
  loading,
  newborn,
  noReign,
  other,
  peer,
  presence,
  primary,
  reign,
  roleTold,
  rule,
  rulingPresence,
  standby,
  starting,
  stopped,
} from './states.js'

const noState = { link: undefined, record: undefined, highest: noReign } as const

rule('whatever is heard raises the highest reign that is known', {
  from: primary(),
  event: heard(presence({ role: 'fenced', epoch: epochOf(50), renounced: epochOf(200) })),
  as: a,
  to: primary({
    peer: peer(presence({ role: 'fenced', epoch: epochOf(50), renounced: epochOf(200) })),
    highest: epochOf(200),
  }),
  effects: [],
})

ignored(
  'a reign at the end of the numbers is not believed: none would be left above it',
  primary(),
  heard(presence({ role: 'fenced', epoch: epochOf(Number.MAX_SAFE_INTEGER) })),
  a,
)

rule('a fresh beat takes "unreachable" back', {
  from: primary({ peer: peer(presence(), { condition: 'unreachable' }) }),
  event: heard(presence()),
  as: a,
  to: primary({ peer: peer(presence()) }),
  effects: [],
})

const goneView = peer(presence(), { condition: 'process-gone' })
ignored(
  'process-gone is final for the incarnation',
  primary({ peer: goneView }),
  { type: 'found', incarnation: other, verdict: 'unreachable' },
  a,
)

rule('a newborn after one that was found gone proves nothing more', {
  from: primary({ peer: goneView }),
  event: heard(presence(), 0n, newborn),
  as: a,
  to: primary({ peer: peer(presence(), { incarnation: newborn }) }),
  effects: [],
})

ignored(
  'the same finding twice is one',
  primary({ peer: peer(presence(), { condition: 'unreachable' }) }),
  { type: 'found', incarnation: other, verdict: 'unreachable' },
  a,
)

const noTurn = ['near', 'covered', 'resume-refused', 'load-asked'] as const
for (const type of noTurn) {
  ignored(`${type} on a former link is a late word`, standby(), { type, incarnation: newborn }, b)
}

// ---- the end ----

const noIntake: Effect = { type: 'stop-intake' }
const shut: Effect = { type: 'close-gate' }
const end: Effect = { type: 'stop' }

const ended = stopped({ ...primaryFacts(), epoch: reign, renounced: reign })
function primaryFacts() {
  const { peer: view, link, record, highest } = primary({ mode: 'paired' })
  return { peer: view, link, record, highest }
}

rule('a primary that closes lets deliveries settle, shuts its gate, then renounces', {
  from: primary({ mode: 'paired' }),
  event: { type: 'close-asked' },
  as: a,
  to: ended,
  effects: [
    noIntake,
    { type: 'settle' },
    shut,
    { type: 'demote' },
    announce(ended, a),
    roleTold(primary(), ended, 'closed'),
    end,
  ],
})

rule('a broken rule ends it at once', {
  from: primary({ mode: 'paired' }),
  event: { type: 'broken' },
  as: a,
  to: ended,
  effects: [
    noIntake,
    shut,
    { type: 'demote' },
    announce(ended, a),
    roleTold(primary(), ended, 'invariant'),
    end,
  ],
})

function closes(name: string, from: State, to: State, ...more: readonly Effect[]): void {
  rule(name, {
    from,
    event: { type: 'close-asked' },
    as: b,
    to,
    effects: [noIntake, shut, ...more, announce(to, b), roleTold(from, to, 'closed'), end],
  })
}

const { peer: view, link, record, highest } = standby()
closes(
  'a standby that closes renounces, so that the primary may go on alone at once',
  standby(),
  stopped({ peer: view, link, record, highest, epoch: reign, renounced: reign }),
  { type: 'stop-acknowledging' },
)

const loader = loading({ hasState: true, renounced: reign })
closes(
  'a loader that had renounced goes on saying so',
  loader,
  stopped({ peer: loader.peer, link, record, highest, epoch: reign, renounced: reign }),
)

const lone = fenced()
closes(
  'so does a fenced one',
  lone,
  stopped({ record: lone.record, highest, epoch: reign, renounced: reign }),
)

closes('a blank one renounces nothing', starting(), stopped({ peer: undefined, ...noState }))

// ---- what the beats say ----

t.test('the beats of each role say what it is', (t) => {
  const blank = presence({ draw: 0n })
  const says = (state: State, expected: unknown) =>
    t.strictSame(presenceOf(state, a), expected, state.role)
  says(starting({ draw: 7n }), presence({ draw: 7n }))
  says(starting({ peer: peer(presence({ draw: 3n })) }), presence({ draw: 7n, drawEcho: 3n }))
  says(
    starting({ peer: peer(presence({ draw: 3n }), { condition: 'unreachable' }) }),
    presence({ draw: 7n }),
  )
  says(loading(), { ...blank, role: 'loading', epoch: reign, history })
  says(standby(), { ...blank, role: 'standby', isBlank: false, epoch: reign, history })
  says(primary({ mode: 'pairing' }), rulingPresence({ mode: 'solo', inSync: undefined }))
  says(
    primary({ mode: 'paired', hasAsked: true }),
    rulingPresence({ inSync: other, askRenounce: reign }),
  )
  says(fenced(), followingPresence({ role: 'fenced', renounced: reign }))
  says(stopped({ epoch: reign, renounced: reign }), {
    ...blank,
    role: 'stopped',
    epoch: reign,
    renounced: reign,
  })
  t.end()
})

t.test('a member starts blank, and listens', (t) => {
  t.strictSame(initialState(7n), starting({ draw: 7n }))
  t.end()
})

t.test('what a beat says differs when one of its words does', (t) => {
  const { effects } = step(
    loading({ hasState: true }),
    eventOf({ type: 'load-installed', epoch: reign, history }),
    b,
  )
  t.strictSame(effects, [], 'nothing new to say')
  t.end()
})

t.test('a number for a draw is never 0, a history has 128 bits', (t) => {
  const moment = { now: instant(0), wall: 0, entropy: 0n }
  t.equal(drawFrom(moment), 1n)
  t.equal(newHistory({ ...moment, entropy: 0xabcn }), historyId(`${'0'.repeat(29)}abc`))
  t.end()
})

t.test('one that names no history cannot be loaded from', (t) => {
  const said = peer(rulingPresence({ history: undefined }))
  const { state, effects } = loadFrom(starting(), said, b, 'heard-primary', noReign)
  t.strictSame(state, starting())
  t.strictSame(effects, [])
  t.end()
})

t.test('barriers are known by their kind', (t) => {
  t.equal(isBarrier({ type: 'read-out' }), true)
  t.equal(isBarrier({ type: 'settle' }), true)
  t.equal(isBarrier({ type: 'open-gate' }), false)
  t.end()
})

t.test('a case that is missing is found at once', (t) => {
  // What the type system excludes: an event of an unknown kind.
  const stranger = { ...eventOf({ type: 'opened' }), type: 'no such' } as unknown as never
  t.throws(() => assertNever(stranger), /no case for no such/)
  t.throws(() => assertNever('plain' as never), /no case for plain/)
  for (const from of [starting(), loading(), standby(), primary(), fenced()]) {
    t.throws(() => step(from, stranger, from.role === 'primary' ? a : b), /no such/, from.role)
  }
  t.end()
})

t.test('a newborn that proves its former self gone is echoed in the same step', (t) => {
  const from = starting({ peer: peer(presence({ draw: 4n })), phase: 'drawing' })
  const { state, effects } = step(from, eventOf(heard(presence({ draw: 6n }), 0n, newborn)), b)
  const said = effects.findLast((effect) => effect.type === 'announce')
  t.equal(said?.presence.drawEcho, 6n, 'the last word is the newest')
  t.strictSame(said?.presence, presenceOf(state, b))
  t.end()
})
