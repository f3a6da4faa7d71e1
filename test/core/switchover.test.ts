/**
 * The rules of a planned switchover: how a reign is given away and taken, when it is rolled back,
 * and who renounces what when the hand-over is lost (docs/PROTOCOL.md#17).
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import type { CoreConfig, PairRecord, PrimaryState, StandbyState, State } from '#lib/core/state.js'
import type { SwitchoverOutcome } from '#lib/events.js'
import { type Epoch, epochOf, instant, millis } from '#lib/units.js'
import {
  a,
  announce,
  b,
  decide,
  fenced,
  followingPresence,
  frozen,
  heard,
  history,
  ignored,
  loading,
  newborn,
  other,
  peer,
  presence,
  primary,
  reign,
  roleTold,
  rule,
  rulingPresence,
  self,
  standby,
  starting,
} from './states.js'

/** The reign that a gives to b. */
const given = epochOf(102)
const since = instant(1)
const asked: Happening = { type: 'switchover-asked', deadline: millis(50) }
const gone: Happening = { type: 'found', incarnation: other, verdict: 'process-gone' }
const rolledBack: readonly Effect[] = [
  { type: 'clear-timer', name: 'drain' },
  { type: 'release-intake' },
]

function told(outcome: SwitchoverOutcome, epoch: Epoch = reign): Effect {
  return { type: 'tell-switchover', outcome, epoch, tookMs: 0 }
}

const paired = primary({ mode: 'paired' })
const draining: PrimaryState = { ...paired, switchingSince: since }
const bothInSync: PairRecord = {
  history,
  epoch: given,
  primary: 'b',
  inSync: [
    { member: 'b', incarnation: other },
    { member: 'a', incarnation: self },
  ],
}
/** Member a, which gave its rule away. */
const former: StandbyState = standby({
  peer: peer(followingPresence()),
  epoch: given,
  highest: given,
  record: bothInSync,
  handover: { former: reign, phase: 'sent', since },
})

rule('it holds its intake, for as long as the deadline lets it', {
  from: paired,
  event: asked,
  as: a,
  to: draining,
  effects: [{ type: 'set-timer', name: 'drain', delay: millis(50) }, { type: 'hold-intake' }],
})

const unfit: readonly [string, State, CoreConfig][] = [
  ['a blank member', starting(), b],
  ['a loading one', loading(), b],
  ['a standby', standby(), b],
  ['a fenced one', fenced(), a],
  ['a primary alone', primary(), a],
  ['one that is pairing', primary({ mode: 'pairing' }), a],
  ['one without a link', { ...paired, link: undefined }, a],
  ['one that stood still', { ...paired, distrustsBefore: 4n }, a],
  ['one that has asked its standby to renounce', { ...paired, hasAsked: true }, a],
  ['one that gives its rule away already', draining, a],
]
for (const [who, from, as] of unfit) {
  t.test(`nothing is begun by ${who}`, (t) => {
    const { state, effects } = decide(from, asked, as)
    t.strictSame(state, from)
    t.match(effects, [{ type: 'tell-switchover', outcome: 'not-possible', tookMs: 0 }])
    t.equal(effects.length, 1)
    t.end()
  })
}

rule('drained, it shuts its gate, records the other one, tells it, and is its standby', {
  from: draining,
  event: { type: 'drained' },
  as: a,
  to: former,
  effects: [
    { type: 'clear-timer', name: 'drain' },
    { type: 'close-gate' },
    { type: 'store-record', record: bothInSync },
    { type: 'hand-over', former: reign, epoch: given },
    announce(former, a),
    { type: 'set-timer', name: 'handover', delay: millis(500) },
    roleTold(draining, former, 'switchover'),
  ],
})

ignored('who was not asked hands nothing over', paired, { type: 'drained' }, a)
ignored('what was rolled back has no deadline', paired, { type: 'timer', name: 'drain' }, a)

for (const [event, outcome] of [
  [{ type: 'timer', name: 'drain' }, 'timeout'],
  [{ type: 'switchover-cancelled' }, 'cancelled'],
] as const) {
  rule(`before the hand-over it goes back on ${event.type}: ${outcome}`, {
    from: draining,
    event,
    as: a,
    to: paired,
    effects: [...rolledBack, told(outcome)],
  })
}

rule('a link that breaks before the hand-over rolls it back', {
  from: draining,
  event: { type: 'link-down', incarnation: other },
  as: a,
  to: { ...paired, link: undefined },
  effects: [
    ...rolledBack,
    { type: 'tell-mode', mode: 'waiting', epoch: reign },
    told('standby-lost'),
  ],
})

for (const event of [
  gone,
  { type: 'stalled', seq: 4n },
  { type: 'ack-timeout' },
  heard(followingPresence({ role: 'loading', renounced: reign })),
  heard(presence(), 0n, newborn),
] as const) {
  t.test(`a standby that is in doubt ends it before the hand-over: ${event.type}`, (t) => {
    const { state, effects } = decide(draining, event, a)
    t.match(state, { role: 'primary', switchingSince: undefined })
    t.strictSame(effects.slice(0, 2), rolledBack, 'intake goes on')
    const ends = effects.filter(({ type }) => type === 'tell-switchover')
    t.match(ends, [{ outcome: 'standby-lost' }], 'told once')
    t.end()
  })
}

t.test('closed while it drains, its intake goes on, so that it can settle', (t) => {
  const { state, effects } = decide(draining, { type: 'close-asked' }, a)
  t.equal(state.role, 'stopped')
  t.strictSame(effects.slice(0, 2), rolledBack)
  t.match(effects.at(-1), { type: 'tell-switchover', outcome: 'closed' })
  t.end()
})

const taken = rulingPresence({ epoch: given })
rule('it is done when the other one is heard to rule', {
  from: former,
  event: heard(taken),
  as: a,
  to: { ...former, peer: peer(taken), handover: undefined },
  effects: [{ type: 'clear-timer', name: 'handover' }, told('done', given)],
})

for (const [what, said] of [
  ['the reign that it was given', fencedPresence(given)],
  ['its place in the former one', fencedPresence(reign)],
  ['its place in the former one, and ends', presence({ role: 'stopped', renounced: reign })],
] as const) {
  t.test(`it rules again when the other one renounces ${what}`, (t) => {
    const { state, effects } = decide(former, heard(said), a)
    t.match(state, { role: 'primary', mode: 'solo', epoch: 105 }, 'in yet another reign')
    t.match(effects.at(-1), { type: 'tell-switchover', outcome: 'refused', epoch: 105 })
    t.end()
  })
}

t.test('it takes over when the other one is lost, as any standby', (t) => {
  const { state, effects } = decide(former, gone, a)
  t.match(state, { role: 'primary', epoch: 105 })
  t.match(effects.at(-1), { type: 'tell-switchover', outcome: 'refused' })
  const asleep = decide({ ...former, distrustsBefore: 4n }, gone, a)
  t.equal(asleep.state.role, 'fenced', 'and is fenced when it stood still meanwhile')
  t.match(asleep.effects.at(-1), { type: 'tell-switchover', outcome: 'unknown' })
  t.end()
})

const asking: StandbyState = {
  ...former,
  handover: { former: reign, phase: 'asked', since },
}
rule('silence takes nothing back: after a window it asks', {
  from: former,
  event: { type: 'timer', name: 'handover' },
  as: a,
  to: asking,
  effects: [announce(asking, a)],
})
t.test('it asks for the place from which the other one would take it', (t) => {
  const [said] = decide(former, { type: 'timer', name: 'handover' }, a).effects
  t.match(said, { type: 'announce', presence: { epoch: given, askRenounce: reign } })
  t.end()
})

function fencedPresence(renounced: Epoch) {
  return presence({ role: 'fenced', isBlank: false, epoch: reign, history, renounced })
}

/** What b hears of a: it stands by in the reign that it gave away. */
const naming = followingPresence({ epoch: given })
const offered: Happening = {
  type: 'handed-over',
  incarnation: other,
  former: reign,
  epoch: given,
  isExact: true,
}

for (const from of [standby(), standby({ peer: peer(naming), highest: given })]) {
  const when = from.highest === given ? 'after' : 'before'
  const record: PairRecord = {
    history,
    epoch: given,
    primary: 'b',
    inSync: [
      { member: 'b', incarnation: self },
      { member: 'a', incarnation: other },
    ],
  }
  const to = primary({
    peer: from.peer,
    epoch: given,
    highest: given,
    mode: 'paired',
    mirror: other,
    record,
  })
  rule(`it rules what is handed over, paired, ${when} the beats say so`, {
    from,
    event: offered,
    as: b,
    to,
    effects: [
      { type: 'stop-acknowledging' },
      { type: 'clear-timer', name: 'handover' },
      { type: 'store-record', record },
      announce(to, b),
      { type: 'open-gate' },
      { type: 'succeed', epoch: given, mirror: other },
      roleTold(from, to, 'switchover'),
      { type: 'tell-mode', mode: 'paired', epoch: given },
    ],
  })
}

const refused: readonly [string, StandbyState, Happening][] = [
  ['it is not where the other one says', standby(), { ...offered, isExact: false }],
  ['it stood still', standby({ distrustsBefore: 4n }), offered],
  ['it follows another reign', standby(), { ...offered, former: epochOf(99) }],
  ['it has heard of a higher one', standby({ highest: epochOf(103) }), offered],
  ['it is asked to', standby(), heard({ ...naming, askRenounce: reign })],
  ['it hears of it and stood still', standby({ distrustsBefore: 4n }), heard(naming)],
  [
    'the hand-over is lost with its link',
    standby({ peer: peer(naming), highest: given }),
    { type: 'resume-asked', incarnation: other, epoch: given, history },
  ],
  [
    'the hand-over does not come, and its sender lives',
    standby({ peer: peer(naming), highest: given }),
    { type: 'timer', name: 'handover' },
  ],
]
for (const [why, from, event] of refused) {
  t.test(`it renounces a reign that it was given when ${why}`, (t) => {
    const { state, effects } = decide(from, event, b)
    t.match(state, { role: 'fenced', renounced: given, epoch: reign })
    t.equal(effects[0]?.type, 'stop-acknowledging')
    t.ok(effects.some(({ type }) => type === 'announce'))
    t.end()
  })
}

rule('beats that are quicker than the data stream are no refusal: it waits', {
  from: standby(),
  event: heard(naming),
  as: b,
  to: standby({ peer: peer(naming), highest: given }),
  effects: [{ type: 'set-timer', name: 'handover', delay: millis(1_000) }],
})

t.test('a link that ends is none either: its sender may have died', (t) => {
  const waiting = standby({ peer: peer(naming), highest: given })
  const cut = decide(waiting, { type: 'link-down', incarnation: other }, b)
  t.match(cut.state, { role: 'standby', epoch: reign })
  t.match(decide(cut.state, gone, b).state, { role: 'primary', epoch: 106 })
  t.end()
})

t.test('whoever gave its rule away and renounces that reign leaves it to this one', (t) => {
  const said = presence({ role: 'stopped', epoch: given, renounced: given })
  t.match(decide(standby(), heard(said), b).state, { role: 'primary', epoch: 106 })
  const asleep = decide(standby({ distrustsBefore: 4n }), heard(said, 3n), b)
  t.equal(asleep.state.role, 'standby', 'by a word younger than an own stall only')
  t.end()
})

t.test('a member that has given its place up renounces what it is given all the same', (t) => {
  const loader = loading({ hasState: true, renounced: reign })
  t.match(decide(loader, heard(naming), b).state, { role: 'fenced', renounced: given })
  t.match(decide(loader, offered, b).state, { role: 'loading', renounced: given })
  const waiting = fenced({ link: other })
  t.match(decide(waiting, heard(naming), b).state, { role: 'fenced', renounced: given })
  t.match(decide(waiting, offered, b).state, { role: 'fenced', renounced: given })
  t.end()
})

t.test('who takes over leaves out the number that may have been given to it', (t) => {
  const { state } = decide(standby(), gone, b)
  t.match(state, { role: 'primary', epoch: 104 })
  t.end()
})

t.test('policy go begins nothing over one that stands by', (t) => {
  const from = fenced({ peer: peer(naming) })
  const { state, effects } = decide(
    frozen(from),
    { type: 'timer', name: 'start' },
    {
      ...b,
      onLoss: 'go',
    },
  )
  t.strictSame(state, from)
  t.match(effects, [{ type: 'set-timer', name: 'start' }])
  t.end()
})

t.test('a primary that rules alone goes above a reign that was given to it in vain', (t) => {
  const { state, effects } = decide(primary(), heard(naming), b)
  t.match(state, { role: 'primary', mode: 'solo', epoch: 104 })
  t.ok(effects.some(({ type }) => type === 'store-record'))
  t.end()
})

t.test('a primary that is paired leaves such a reign to what its mirror says of it', (t) => {
  const epoch = epochOf(100)
  const record: PairRecord = { ...bothInSync, epoch }
  const { state } = decide(primary({ mode: 'paired', epoch, record }), heard(naming), b)
  t.match(state, { role: 'primary', mode: 'paired', epoch })
  t.end()
})
