/**
 * The rules of a member that lives and hangs: who asks, who renounces, who goes on, and what
 * becomes of the frame inside which it hung.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import { presenceOf, renounceable } from '#lib/core/presence.js'
import type { FencedState, LoadingState, PrimaryState, StandbyState } from '#lib/core/state.js'
import { epochOf, incarnationOf, millis } from '#lib/units.js'
import {
  a,
  announce,
  b,
  configOf,
  decide,
  fenced,
  heard,
  heardRecord,
  history,
  ignored,
  loading,
  newborn,
  noReign,
  other,
  peer,
  presence,
  primary,
  recordOf,
  reign,
  roleTold,
  rule,
  rulingPresence,
  self,
  standby,
  starting,
  stopped,
  unasked,
} from './states.js'

const next = epochOf(104)
const gaveUp = rulingPresence({ renounced: reign })
const hangs = { type: 'hung', incarnation: other, frameNo: 7 } as const
const answers = { type: 'vouched', incarnation: other } as const

function hung(frameNo = 7, over: Partial<StandbyState> = {}): StandbyState {
  return standby({ peer: peer(rulingPresence(), { hungIn: frameNo }), ...over })
}

rule('a standby asks a primary that hangs to renounce: it says so at once', {
  from: standby(),
  event: hangs,
  as: b,
  to: hung(),
  effects: [announce(hung(), b)],
})

t.test('what it says is the ask, for its own reign', (t) => {
  t.equal(presenceOf(hung(), b).askRenounce, reign)
  t.equal(presenceOf(standby(), b).askRenounce, noReign, 'not without a finding')
  t.end()
})

rule('it takes that back when the primary is alive again', {
  from: hung(),
  event: answers,
  as: b,
  to: standby(),
  effects: [announce(standby(), b)],
})

rule('another frame is other evidence, and nothing new to say', {
  from: hung(7),
  event: { ...hangs, frameNo: 0 },
  as: b,
  to: hung(0),
  effects: [],
})

ignored(
  'a finding about a former incarnation counts for nothing',
  standby(),
  { ...hangs, incarnation: newborn },
  b,
)
const lost = standby({ peer: peer(rulingPresence(), { condition: 'unreachable' }) })
ignored('nor does one about a member that is not heard', lost, hangs, b)
ignored('what answers all the time is no news', standby(), answers, b)

for (const [name, from] of Object.entries({
  'that distrusts itself': hung(7, { distrustsBefore: 9n }),
  'that was not told that it is in sync': standby({
    peer: peer(rulingPresence({ inSync: undefined }), { hungIn: 7 }),
  }),
  'of another reign': standby({
    peer: peer(rulingPresence({ epoch: epochOf(99) }), { hungIn: 7 }),
  }),
  'of another primary': standby({
    peer: peer(rulingPresence(), { hungIn: 7, incarnation: newborn }),
  }),
  'whose primary rules no more': standby({
    peer: peer(rulingPresence({ role: 'fenced' }), { hungIn: 7 }),
  }),
  'whose primary is unreachable': standby({
    peer: peer(rulingPresence(), { hungIn: 7, condition: 'unreachable' }),
  }),
})) {
  t.test(`a standby ${name} does not ask`, (t) => {
    t.equal(presenceOf(from, b).askRenounce, noReign)
    t.end()
  })
}

t.test('by itself the finding gives nobody a right, in any role', (t) => {
  for (const from of [starting(), loading(), standby(), fenced(), stopped()]) {
    t.equal(decide({ ...from, highest: reign }, hangs, b).state.role, from.role)
  }
  for (const mode of ['solo', 'pairing', 'paired'] as const) {
    const { state } = decide(primary({ mode }), hangs, a)
    t.equal(state.role === 'primary' && state.epoch, reign, `${mode} rules on in its reign`)
    t.equal(presenceOf(state, a).askRenounce, noReign, 'and asks for nothing: late is another word')
  }
  t.end()
})

function taken(from: StandbyState): PrimaryState {
  return {
    role: 'primary',
    peer: from.peer,
    link: from.link,
    record: { history, epoch: next, primary: 'b', inSync: [{ member: 'b', incarnation: self }] },
    highest: next,
    ...unasked,
    epoch: next,
    history,
    mode: 'solo',
    mirror: undefined,
    hasAsked: false,
    isGiven: false,
    switchingSince: undefined,
    distrustsBefore: undefined,
  }
}

for (const [policy, suspect] of [
  ['retry', { frameNo: 7, isSkipped: false }],
  ['skip', { frameNo: 7, isSkipped: true }],
] as const) {
  const to = taken(standby({ peer: peer(gaveUp, { hungIn: 7 }) }))
  rule(`it takes over when that primary has renounced; the frame is suspect (${policy})`, {
    from: hung(),
    event: heard(gaveUp),
    as: configOf('b', 'wait', policy),
    to,
    effects: [
      { type: 'stop-acknowledging' },
      { type: 'store-record', record: to.record ?? recordOf('b', next) },
      announce(to, b),
      { type: 'read-out' },
      { type: 'open-gate' },
      { type: 'take-over', epoch: next, verdict: 'hung', suspect },
      roleTold(standby(), to, 'takeover', 'hung'),
      { type: 'tell-mode', mode: 'solo', epoch: next },
    ],
  })
}

function suspectAfter(from: StandbyState, verdict: 'process-gone' | 'unreachable') {
  const event = { type: 'found', incarnation: other, verdict } as const
  const found = decide(from, event, b).effects.find(({ type }) => type === 'take-over')
  return found?.type === 'take-over' ? [found.verdict, found.suspect] : undefined
}

t.test('only a frame that is known to have hung it is suspect', (t) => {
  const suspect = { frameNo: 7, isSkipped: false }
  t.strictSame(suspectAfter(standby(), 'process-gone'), ['process-gone', undefined])
  t.strictSame(suspectAfter(hung(0), 'process-gone'), ['process-gone', undefined])
  t.strictSame(suspectAfter(hung(7), 'process-gone'), ['process-gone', suspect], 'hung, then died')
  t.strictSame(suspectAfter(hung(7), 'unreachable'), ['unreachable', suspect])
  t.end()
})

t.test('who comes back from silence, or is another, is not found hung any more', (t) => {
  const silent = standby({ peer: peer(rulingPresence(), { hungIn: 7, condition: 'unreachable' }) })
  const views = [
    decide({ ...silent, distrustsBefore: 9n }, heard(rulingPresence()), b).state.peer,
    decide(loading({ peer: hung().peer }), heard(presence(), 0n, newborn), b).state.peer,
  ]
  for (const view of views) t.equal(view?.hungIn, undefined)
  t.equal(decide(hung(), heard(rulingPresence(), 5n), b).state.peer?.hungIn, 7, 'a beat is no cure')
  t.end()
})

const halted: FencedState = fenced({
  peer: peer(gaveUp, { hungIn: 7 }),
  link: other,
  record: heardRecord(reign),
  isHalted: true,
})
const halting = configOf('b', 'go', 'halt')
rule('policy halt stops before the frame, and gives up its reign', {
  from: hung(),
  event: heard(gaveUp),
  as: halting,
  to: halted,
  effects: [
    { type: 'stop-acknowledging' },
    announce(halted, halting),
    { type: 'halt', frameNo: 7 },
    roleTold(standby(), halted, 'suspect', 'hung'),
  ],
})
ignored(
  'halted, it waits for an operator, whatever onLoss says',
  halted,
  { type: 'timer', name: 'start' },
  halting,
)
rule('and begins nothing when the other is lost', {
  from: halted,
  event: { type: 'found', incarnation: other, verdict: 'process-gone' },
  as: halting,
  to: { ...halted, peer: peer(gaveUp, { hungIn: 7, condition: 'process-gone' }) },
  effects: [],
})

const paired = primary({ mode: 'paired' })
const fencedFrom = (over: Partial<FencedState> = {}) =>
  fenced({ peer: paired.peer, link: other, record: paired.record, ...over })
const standDown: readonly Effect[] = [
  { type: 'close-gate' },
  { type: 'clear-timer', name: 'reopen' },
  { type: 'demote' },
  { type: 'drop-feed' },
]
rule('a primary whose beat thread has renounced is fenced', {
  from: paired,
  event: { type: 'fenced', epoch: reign },
  as: a,
  to: fencedFrom(),
  effects: [...standDown, announce(fencedFrom(), a), roleTold(paired, fencedFrom(), 'renounced')],
})
const goes = configOf('a', 'go')
rule('with policy go it goes on by itself if nobody else does', {
  from: paired,
  event: { type: 'fenced', epoch: reign },
  as: goes,
  to: fencedFrom(),
  effects: [
    ...standDown,
    announce(fencedFrom(), goes),
    roleTold(paired, fencedFrom(), 'renounced'),
    { type: 'set-timer', name: 'start', delay: millis(1_000) },
  ],
})
ignored('an earlier reign was another one', paired, { type: 'fenced', epoch: epochOf(99) }, a)
ignored('so it was for a standby', standby(), { type: 'fenced', epoch: epochOf(99) }, b)

const again: LoadingState = loading({
  peer: peer(rulingPresence()),
  hasState: true,
  renounced: reign,
  lost: { reason: 'asked', inARow: 1, wait: millis(0) },
})
rule('a standby whose beat thread has renounced loads again', {
  from: standby(),
  event: { type: 'fenced', epoch: reign },
  as: b,
  to: again,
  effects: [
    { type: 'stop-acknowledging' },
    announce(again, b),
    { type: 'drop-load' },
    roleTold(standby(), again, 'renounced'),
    { type: 'tell-resync', member: 'b', reason: 'asked', inARow: 1, wait: millis(0) },
    { type: 'ask-load' },
  ],
})

for (const from of [starting(), loading(), fenced(), stopped()]) {
  ignored(
    `in role ${from.role} there is nothing to renounce`,
    from,
    { type: 'fenced', epoch: reign },
    b,
  )
}

t.test('the beat thread may renounce only what the other can go on from', (t) => {
  t.equal(renounceable(paired), reign)
  t.equal(renounceable(standby()), reign)
  for (const from of [primary(), primary({ mode: 'pairing' }), loading(), fenced(), starting()]) {
    t.equal(renounceable(from), noReign, from.role)
  }
  t.equal(renounceable(stopped({ epoch: reign })), noReign)
  t.end()
})

t.test('nobody loads from a primary that has renounced and does not know it', (t) => {
  const born = decide(starting(), heard(gaveUp, 0n, incarnationOf(30n)), b).state
  t.match(born, { role: 'starting', phase: 'waiting' })
  t.equal(decide(fenced({ epoch: noReign }), heard(gaveUp), b).state.role, 'fenced')
  t.end()
})
