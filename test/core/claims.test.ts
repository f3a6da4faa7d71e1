/**
 * The right by an arbiter: who claims what and when, what comes of an answer in every role, and
 * what is not decided while a claim may still come true.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import { renounceable } from '#lib/core/presence.js'
import type {
  ArbiterRecord,
  Claim,
  ClaimPurpose,
  CoreConfig,
  PairRecord,
  State,
} from '#lib/core/state.js'
import { epochOf, historyId, instant, millis } from '#lib/units.js'
import {
  a,
  b,
  decide,
  entropy,
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
  rulingPresence,
  self,
  standby,
  starting,
} from './states.js'

const headStart = millis(40)
const asA: CoreConfig = { ...a, hasArbiter: true, headStart }
const asB: CoreConfig = { ...b, hasArbiter: true, headStart }
const earlier = 7n

/** What the arbiter keeps of member a's reign, in which b is in sync; `self` is b. */
const keptByB: ArbiterRecord = {
  ...{ history, epoch: reign, primary: 'a', claim: earlier },
  inSync: [
    { member: 'a', incarnation: other },
    { member: 'b', incarnation: self },
  ],
}
/** The same with `self` as a. */
const keptByA: ArbiterRecord = {
  ...keptByB,
  inSync: [
    { member: 'a', incarnation: self },
    { member: 'b', incarnation: other },
  ],
}
const alone: ArbiterRecord = { ...keptByA, inSync: [{ member: 'a', incarnation: self }] }

const gone: Happening = { type: 'found', incarnation: other, verdict: 'process-gone' }
const unheard: Happening = { type: 'found', incarnation: other, verdict: 'unreachable' }

function claimOf(purpose: ClaimPurpose, record: PairRecord, expected?: ArbiterRecord): Claim {
  return { purpose, record: { ...record, claim: entropy }, expected }
}

function granted({ record }: Claim): Happening {
  return { type: 'granted', claim: record.claim }
}

function refused({ record }: Claim, found: ArbiterRecord | undefined): Happening {
  return { type: 'refused', claim: record.claim, found }
}

function asked(effects: readonly Effect[]): Extract<Effect, { type: 'claim' }> | undefined {
  const found = effects.find(({ type }) => type === 'claim')
  return found?.type === 'claim' ? found : undefined
}

function pending({ claim }: State): Claim {
  if (claim === undefined) throw new Error('nothing was claimed')
  return claim
}

function names(effects: readonly Effect[]): readonly string[] {
  return effects.map(({ type }) => type)
}

const inSync = standby({ kept: keptByB })
const takeOver = claimOf(
  { type: 'take-over', verdict: 'unreachable' },
  {
    history,
    epoch: epochOf(104),
    primary: 'b',
    inSync: [{ member: 'b', incarnation: self }],
  },
  keptByB,
)
const claiming = standby({
  ...{ kept: keptByB, claim: takeOver, highest: takeOver.record.epoch },
  peer: peer(rulingPresence(), { condition: 'unreachable' }),
})

t.test('a standby claims what it would take over by a verdict alone', (t) => {
  const { state, effects } = decide(inSync, gone, asB)
  t.equal(state.role, 'standby', 'and waits')
  t.strictSame(state.claim?.purpose, { type: 'take-over', verdict: 'process-gone' })
  const claim = asked(effects)
  t.strictSame(claim?.expected, keptByB, 'from what it has read')
  t.strictSame(claim?.next.inSync, [{ member: 'b', incarnation: self }], 'for itself alone')
  t.ok((claim?.next.epoch ?? 0) > reign && state.highest === claim?.next.epoch)
  t.equal(claim?.delay, 0, 'at once, for the dead claim nothing')
  t.end()
})

t.test('a primary that may live is left the first claim', (t) => {
  t.equal(asked(decide(inSync, unheard, asB).effects)?.delay, headStart)
  t.equal(asked(decide(primary({ mode: 'paired', kept: keptByA }), unheard, asA).effects)?.delay, 0)
  t.end()
})

t.test('one that stood still may claim: the record says whether it was left behind', (t) => {
  const { effects } = decide(standby({ kept: keptByB, distrustsBefore: 9n }), gone, asB)
  t.ok(asked(effects))
  t.end()
})

t.test('what is not read yet is read first', (t) => {
  const { state, effects } = decide(standby(), gone, asB)
  t.strictSame(effects, [{ type: 'read-arbiter' }])
  const then = decide(state, { type: 'kept', kept: keptByB }, asB)
  t.strictSame(then.state.claim?.purpose, { type: 'take-over', verdict: 'process-gone' })
  t.end()
})

t.test('a claim that is granted is a takeover in the reign that was claimed', (t) => {
  const { state, effects } = decide(claiming, granted(takeOver), asB)
  t.match(state, { role: 'primary', mode: 'solo', epoch: takeOver.record.epoch })
  t.strictSame(state.kept, takeOver.record)
  t.equal(state.claim, undefined)
  t.ok(names(effects).indexOf('store-record') < names(effects).indexOf('open-gate'))
  t.end()
})

t.test('it is one too where the primary is heard again meanwhile', (t) => {
  const back = decide(claiming, heard(rulingPresence()), asB)
  t.equal(back.state.role, 'standby')
  t.ok(back.state.claim, 'the claim may come true')
  t.equal(decide(back.state, granted(takeOver), asB).state.role, 'primary')
  t.end()
})

ignored('an answer to another claim says nothing', claiming, { type: 'granted', claim: 1n }, asB)

t.test('refused because another record is kept, it claims again from that', (t) => {
  const found = { ...keptByB, claim: 8n }
  const { state, effects } = decide(claiming, refused(takeOver, found), asB)
  t.strictSame(asked(effects)?.expected, found)
  t.ok((state.claim?.record.epoch ?? 0) > takeOver.record.epoch, 'under a number of its own')
  t.end()
})

t.test('whoever is not in sync by the record does not rule', (t) => {
  const outrun: ArbiterRecord = {
    ...{ history, epoch: epochOf(103), primary: 'a', claim: 8n },
    inSync: [{ member: 'a', incarnation: other }],
  }
  const late = decide(claiming, refused(takeOver, outrun), asB)
  t.equal(late.state.role, 'fenced')
  t.equal(asked(late.effects), undefined)
  const told = decide(inSync, { type: 'kept', kept: outrun }, asB)
  t.not(told.state.role, 'standby', 'nor stands by, once it has read it')
  const ruling = primary({ mode: 'paired', kept: keptByA })
  const superseded: ArbiterRecord = {
    ...{ history, epoch: epochOf(104), primary: 'b', claim: 8n },
    inSync: [{ member: 'b', incarnation: other }],
  }
  const yielded = decide(ruling, { type: 'kept', kept: superseded }, asA)
  t.equal(yielded.state.role, 'fenced')
  t.equal(names(yielded.effects)[0], 'close-gate')
  t.end()
})

t.test('an arbiter that keeps less than it did is not asked any more', (t) => {
  for (const found of [undefined, { ...keptByB, epoch: epochOf(99) }]) {
    const { state, effects } = decide(claiming, refused(takeOver, found), asB)
    t.equal(state.kept, 'lost')
    t.equal(asked(effects), undefined)
    const after = decide({ ...state, peer: peer(rulingPresence()) }, gone, asB)
    t.equal(asked(after.effects), undefined)
    t.equal(after.state.role, 'standby', 'and nobody rules by it')
  }
  t.end()
})

t.test('a read that is older than what is known takes nothing back', (t) => {
  const { state } = decide(inSync, { type: 'kept', kept: { ...keptByB, epoch: epochOf(99) } }, asB)
  t.strictSame(state.kept, keptByB)
  t.strictSame(decide(inSync, { type: 'kept', kept: undefined }, asB).state.kept, keptByB)
  t.end()
})

const paired = primary({ mode: 'paired', kept: keptByA })

t.test('a primary whose standby is lost goes solo when that is granted', (t) => {
  const { state, effects } = decide(paired, unheard, asA)
  t.match(state, { role: 'primary', mode: 'paired' }, 'and not before')
  t.ok(asked(effects))
  const claim = pending(state)
  const then = decide(state, granted(claim), asA)
  t.match(then.state, { role: 'primary', mode: 'solo', epoch: claim.record.epoch })
  t.ok(names(then.effects).includes('go-solo'))
  t.end()
})

t.test('one that stood still does too, and its gate opens', (t) => {
  const { state } = decide({ ...paired, distrustsBefore: 5n }, gone, asA)
  const then = decide(state, granted(pending(state)), asA)
  t.match(then.state, { role: 'primary', mode: 'solo' })
  t.ok(names(then.effects).includes('open-gate'))
  t.end()
})

t.test('while a claim may come true its member renounces nothing natively', (t) => {
  t.equal(renounceable(inSync), reign)
  t.equal(renounceable(claiming), noReign)
  t.equal(renounceable(decide(paired, unheard, asA).state), noReign)
  t.end()
})

t.test('a renunciation gives the right with the arbiter away', (t) => {
  const word = rulingPresence({ renounced: reign })
  const taken = decide(standby({ kept: undefined }), heard(word), asB)
  t.match(taken.state, { role: 'primary', mode: 'solo' })
  t.equal(asked(taken.effects), undefined)
  const left = decide(
    primary({ mode: 'paired' }),
    heard(followingPresence({ renounced: reign })),
    asA,
  )
  t.match(left.state, { role: 'primary', mode: 'solo' })
  t.end()
})

t.test('a mirror that holds all is told so when the arbiter knows it', (t) => {
  const pairing = primary({ mode: 'pairing', kept: alone })
  const { state, effects } = decide(pairing, { type: 'covered', incarnation: other }, asA)
  t.match(state, { mode: 'pairing' })
  t.strictSame(names(effects), ['claim'])
  t.strictSame(asked(effects)?.next.inSync, keptByA.inSync)
  const then = decide(state, granted(pending(state)), asA)
  t.match(then.state, { mode: 'paired' })
  t.ok(names(then.effects).includes('tell-in-sync'))
  t.end()
})

t.test('a pairing that was given up meanwhile is not told', (t) => {
  const pairing = primary({ mode: 'pairing', kept: alone })
  const { state } = decide(pairing, { type: 'covered', incarnation: other }, asA)
  const claim = pending(state)
  const dropped = decide(state, { type: 'link-down', incarnation: other }, asA)
  const then = decide(dropped.state, granted(claim), asA)
  t.match(then.state, { mode: 'solo', kept: claim.record })
  t.notOk(names(then.effects).includes('tell-in-sync'))
  t.end()
})

t.test('what is granted to one that cannot use it any more is renounced', (t) => {
  const lost = loading({ hasState: true, kept: keptByB, claim: takeOver, renounced: reign })
  const { state } = decide(lost, granted(takeOver), asB)
  t.match(state, { role: 'loading', renounced: takeOver.record.epoch })
  const closing = decide(claiming, { type: 'close-asked' }, asB)
  t.match(closing.state, { role: 'stopped', renounced: takeOver.record.epoch })
  t.end()
})

t.test('a primary that rules alone stays, and claims above a grant that came too late', (t) => {
  const stolen: ArbiterRecord = {
    ...{ history, epoch: epochOf(104), primary: 'b', claim: 8n },
    inSync: [{ member: 'b', incarnation: other }],
  }
  const epoch = epochOf(103)
  const record = { history, epoch, primary: 'a', inSync: alone.inSync } as const
  for (const mode of ['solo', 'pairing'] as const) {
    const ruling = primary({ epoch, record, highest: epoch, mode, kept: alone })
    const seen = decide(ruling, { type: 'kept', kept: stolen }, asA)
    const { next, expected } = asked(seen.effects) ?? {}
    t.same(expected, stolen)
    t.match(next, { primary: 'a', inSync: alone.inSync })
    t.ok(next !== undefined && next.epoch > stolen.epoch)
    const after = decide(seen.state, granted(pending(seen.state)), asA)
    t.match(after.state, { role: 'primary', mode: 'solo', epoch: next?.epoch })
  }
  const paired = primary({ mode: 'paired', kept: keptByA })
  t.equal(decide(paired, { type: 'kept', kept: stolen }, asA).state.role, 'fenced')
  const elsewhere = { ...stolen, history: historyId('f'.repeat(32)) }
  const ruling = primary({ epoch, record, highest: epoch, mode: 'solo', kept: alone })
  t.equal(decide(ruling, { type: 'kept', kept: elsewhere }, asA).state.role, 'fenced')
  t.end()
})

t.test('what was known never goes back', (t) => {
  const solo = { ...keptByB, inSync: keptByB.inSync.slice(0, 1) }
  const reordered = decide(standby({ kept: keptByB }), { type: 'kept', kept: solo }, asB)
  t.same(reordered.state.kept, keptByB, 'within a reign nobody is left out')
  const newer = { ...keptByB, epoch: epochOf(keptByB.epoch + 2) }
  const late = decide({ ...claiming, kept: newer }, refused(takeOver, keptByB), asB)
  t.same(late.state.kept, newer, 'an answer that was on its way is no loss')
  t.end()
})

t.test('a blank member begins when all that the record names are gone', (t) => {
  const due: Happening = { type: 'timer', name: 'start' }
  const begins = (from: State) => asked(decide(from, due, asA).effects)
  t.equal(begins(starting()), undefined, 'not before it was read')
  t.strictSame(begins(starting({ kept: 'nothing' }))?.expected, undefined)
  const former = { ...alone, inSync: [{ member: 'a', incarnation: newborn }] } as const
  t.ok(begins(starting({ kept: former })), 'its former self was alone')
  const held = { ...alone, inSync: [{ member: 'b', incarnation: other }] } as const
  t.equal(begins(starting({ kept: held })), undefined, 'the other one may live')
  const goer = { ...asA, onLoss: 'go' } as const
  t.equal(asked(decide(starting({ kept: held }), due, goer).effects), undefined, 'whatever onLoss')
  const dead = peer(presence({ role: 'primary', isBlank: false }), { condition: 'process-gone' })
  t.ok(begins(starting({ kept: held, peer: dead })))
  t.end()
})

t.test('a switchover is recorded before the rule is given away', (t) => {
  const switching = primary({ mode: 'paired', kept: keptByA, switchingSince: instant(0) })
  const { state, effects } = decide(switching, { type: 'drained' }, asA)
  t.match(state, { role: 'primary' })
  t.strictSame(asked(effects)?.next.primary, 'b')
  t.equal(asked(effects)?.next.inSync.length, 2)
  const claim = pending(state)
  const then = decide(state, granted(claim), asA)
  t.match(then.state, { role: 'standby', epoch: claim.record.epoch })
  const late = decide(
    decide(state, { type: 'timer', name: 'drain' }, asA).state,
    granted(claim),
    asA,
  )
  t.match(late.state, { role: 'primary', mode: 'paired' }, 'past its deadline it is not')
  t.end()
})

t.test('without an arbiter nothing of this happens', (t) => {
  t.equal(decide(standby(), gone, b).state.role, 'primary')
  t.match(decide(primary({ mode: 'paired' }), gone, a).state, { role: 'primary', mode: 'solo' })
  t.end()
})

t.test('a fenced member that goes on asks like one that starts', (t) => {
  const goer = { ...asA, onLoss: 'go' } as const
  const due: Happening = { type: 'timer', name: 'start' }
  t.equal(asked(decide(fenced({ kept: keptByA }), due, goer).effects), undefined)
  t.ok(asked(decide(fenced({ kept: alone }), due, goer).effects))
  t.end()
})
