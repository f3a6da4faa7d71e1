/**
 * The right by an arbiter where things come late, twice or to somebody who cannot use them: grants,
 * refusals and records, in every role.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import type { ArbiterRecord, Claim, ClaimPurpose, CoreConfig, State } from '#lib/core/state.js'
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
  loading,
  newborn,
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
const ofA = { member: 'a', incarnation: self } as const
const ofB = { member: 'b', incarnation: other } as const

/** What the arbiter keeps of this member's own reign as a, alone or with b in sync. */
const alone: ArbiterRecord = {
  ...{ history, epoch: reign, primary: 'a', claim: 7n },
  inSync: [ofA],
}
const both: ArbiterRecord = { ...alone, inSync: [ofA, ofB] }
/** Of the other one's reign as a, in which this member, b, is in sync. */
const theirs: ArbiterRecord = {
  ...alone,
  inSync: [
    { member: 'a', incarnation: other },
    { member: 'b', incarnation: self },
  ],
}
/** Member a, which is the other one here, went on alone. */
const outrun: ArbiterRecord = {
  ...{ history, epoch: epochOf(reign + 2), primary: 'a', claim: 8n },
  inSync: [{ member: 'a', incarnation: other }],
}
const gone: Happening = { type: 'found', incarnation: other, verdict: 'process-gone' }

function claimOf(purpose: ClaimPurpose, epoch: number, expected = both): Claim {
  const record = { ...alone, epoch: epochOf(epoch), claim: entropy }
  return { purpose, record, expected }
}

const granted: Happening = { type: 'granted', claim: entropy }
const kept = (record: ArbiterRecord): Happening => ({ type: 'kept', kept: record })
const refused = (found: ArbiterRecord | undefined): Happening => {
  return { type: 'refused', claim: entropy, found }
}
const lost = () => peer(followingPresence(), { condition: 'unreachable' })
const names = (effects: readonly Effect[]) => effects.map(({ type }) => type)

t.test('a grant that its member cannot use any more changes no role', async (t) => {
  const goSolo = claimOf({ type: 'go-solo' }, reign + 2)
  const handOver = claimOf({ type: 'hand-over' }, reign + 1)
  const begin = claimOf({ type: 'begin', cause: 'peer-lost' }, reign + 4)
  const cases: readonly (readonly [State, CoreConfig])[] = [
    [fenced({ kept: both, claim: goSolo }), asA],
    [loading({ kept: both, claim: goSolo }), asB],
    [fenced({ kept: both, claim: handOver }), asA],
    [starting({ kept: both, claim: begin }), asB],
    [loading({ kept: both, claim: begin }), asB],
  ]
  for (const [state, config] of cases) {
    const after = decide(state, granted, config)
    t.equal(after.state.role, state.role)
    t.equal(after.state.claim, undefined)
  }
  const solo = primary({ mode: 'solo', kept: both })
  const late = { ...solo, claim: claimOf({ type: 'go-solo' }, solo.epoch) }
  t.match(decide(late, granted, asA).state, { mode: 'solo', epoch: solo.epoch })
})

t.test('a hand-over that is refused is claimed again, or given up', async (t) => {
  const switching = primary({ mode: 'paired', kept: both, switchingSince: instant(5) })
  const { state } = decide(switching, { type: 'drained' }, asA)
  t.equal(state.claim?.purpose.type, 'hand-over')
  const again = decide(state, refused({ ...both, claim: 9n }), asA)
  t.equal(again.state.claim?.purpose.type, 'hand-over')
  const lost = decide(state, refused(undefined), asA)
  t.match(lost.state, { role: 'primary', mode: 'paired', switchingSince: undefined })
  t.ok(names(lost.effects).includes('tell-switchover'))
  const late = primary({ mode: 'paired', kept: both, hasAsked: true, claim: state.claim })
  t.equal(decide(late, granted, asA).state.role, 'primary', 'or granted too late')
})

t.test('nothing is handed over where nothing could be recorded', async (t) => {
  const asked: Happening = { type: 'switchover-asked', deadline: millis(100) }
  const { state, effects } = decide(primary({ mode: 'paired' }), asked, asA)
  t.match(state, { switchingSince: undefined })
  t.match(effects, [{ type: 'tell-switchover', outcome: 'not-possible' }])
})

t.test('a paired primary has its mirror recorded where the record does not name it', async (t) => {
  const paired = primary({ mode: 'paired' })
  const claimed = decide(paired, kept(alone), asA)
  t.equal(claimed.state.claim?.purpose.type, 'pair')
  t.strictSame(decide(paired, kept(both), asA).effects, [], 'which it does already')
  t.strictSame(decide(claimed.state, kept(alone), asA).effects, [], 'and once')
})

t.test('a mirror that holds all is told when the record has been read', async (t) => {
  const covered: Happening = { type: 'covered', incarnation: other }
  const { effects } = decide(primary({ mode: 'pairing' }), covered, asA)
  t.strictSame(effects, [{ type: 'read-arbiter' }])
})

t.test('whoever finds the other lost, and itself left behind, does not rule', async (t) => {
  const following = decide(standby({ kept: outrun }), gone, asB)
  t.equal(following.state.role, 'fenced')
  const stolen: ArbiterRecord = { ...outrun, primary: 'b', inSync: [ofB] }
  t.equal(decide(primary({ mode: 'paired', kept: stolen }), gone, asA).state.role, 'fenced')
})

t.test('over a reign that was renounced the other one claims', async (t) => {
  const word = rulingPresence({ role: 'loading', renounced: outrun.epoch })
  const from = standby({ kept: outrun, peer: peer(word, { condition: 'unreachable' }) })
  const { effects } = decide(from, kept(outrun), asB)
  t.match(effects, [{ type: 'claim', expected: outrun }])
})

t.test('one that has handed over waits for the word of whoever was granted more', async (t) => {
  const handover = { former: epochOf(reign - 1), phase: 'sent', since: instant(1) } as const
  const waiting = standby({ kept: theirs, handover })
  t.equal(decide(waiting, kept(outrun), asB).state.role, 'standby')
  t.not(decide(standby({ kept: theirs }), kept(outrun), asB).state.role, 'standby')
})

t.test('a newborn in the place of the primary proves it gone', async (t) => {
  const seen = peer(presence({ role: 'starting', isBlank: true }), { incarnation: newborn })
  const { state } = decide(standby({ peer: seen }), kept(theirs), asB)
  t.strictSame(state.claim?.purpose, { type: 'take-over', verdict: 'process-gone' })
})

t.test('before a suspect frame it halts, and claims nothing', async (t) => {
  const halting: CoreConfig = { ...asB, onSuspect: 'halt' }
  const hung = standby({ kept: theirs, peer: peer(rulingPresence(), { hungIn: 51 }) })
  const { state, effects } = decide(hung, gone, halting)
  t.equal(state.role, 'fenced')
  t.notOk(names(effects).includes('claim'))
  const sound = decide(standby({ kept: theirs }), gone, halting)
  t.ok(names(sound.effects).includes('claim'), 'no frame is suspect')
})

t.test('a blank member claims once, whatever time passes', async (t) => {
  const timer: Happening = { type: 'timer', name: 'start' }
  const first = decide(starting({ kept: 'nothing' }), timer, asB)
  t.equal(first.state.claim?.purpose.type, 'begin')
  t.strictSame(decide(first.state, timer, asB).effects, [])
})

t.test('a fenced member looks again when the record is read', async (t) => {
  const timer: Happening = { type: 'timer', name: 'start' }
  const going: CoreConfig = { ...asA, onLoss: 'go' }
  t.strictSame(decide(fenced(), timer, going).effects, [{ type: 'read-arbiter' }])
  t.match(decide(fenced(), kept(both), going).effects, [{ type: 'set-timer', name: 'start' }])
  t.strictSame(decide(fenced(), kept(both), asA).effects, [])
})

t.test('a primary that a late grant has fenced goes on when that is given up', async (t) => {
  const late: ArbiterRecord = { ...outrun, primary: 'b', inSync: [ofB] }
  const own = { history, epoch: reign, primary: 'a', inSync: [ofA, ofB] } as const
  const from = fenced({
    ...{ record: own, epoch: reign, renounced: reign, kept: late, highest: late.epoch },
    peer: peer(followingPresence({ role: 'loading' })),
  })
  const silent = followingPresence({ role: 'loading', renounced: reign })
  t.equal(decide(from, heard(silent), asA).state.role, 'fenced', 'it may rule there')
  const word = followingPresence({ role: 'loading', renounced: late.epoch })
  t.match(decide(from, heard(word), asA).state, { role: 'primary', mode: 'solo' })
})

t.test('what cannot be known or claimed is left alone', async (t) => {
  const timer: Happening = { type: 'timer', name: 'start' }
  const going: CoreConfig = { ...asA, onLoss: 'go' }
  t.strictSame(decide(fenced({ kept: 'lost' }), timer, going).effects, [])
  t.equal(decide(standby({ kept: 'lost' }), kept(theirs), asB).state.kept, 'lost')
  const elsewhere = { ...theirs, history: historyId('f'.repeat(32)) }
  t.strictSame(decide(standby({ kept: elsewhere }), gone, asB).effects, [])
  const empty = decide(primary({ mode: 'solo' }), { type: 'kept', kept: undefined }, asA)
  t.match(empty, { state: { role: 'primary', kept: 'nothing' }, effects: [] })
  const { effects } = decide(primary({ mode: 'paired' }), gone, asA)
  t.strictSame(effects, [{ type: 'read-arbiter' }])
})

t.test('a blank member reads first, and begins when that is granted', async (t) => {
  const opened = decide(starting(), { type: 'opened' }, asB)
  t.strictSame(names(opened.effects), ['announce', 'set-timer', 'read-arbiter'])
  const claim = claimOf({ type: 'begin', cause: 'first-up' }, reign + 4)
  const begun = decide(starting({ kept: 'nothing', claim }), granted, {
    ...asA,
    incarnation: self,
  })
  t.match(begun.state, { role: 'primary', mode: 'solo', epoch: reign + 4 })
})

t.test('a grant below what was heard meanwhile is claimed again, above it', async (t) => {
  const claim = claimOf({ type: 'go-solo' }, reign + 2)
  const heardOf = { highest: epochOf(reign + 9) }
  const state = primary({ mode: 'paired', kept: both, claim, peer: lost(), ...heardOf })
  const after = decide(state, granted, asA)
  t.match(after.state, { mode: 'paired' })
  t.ok((after.state.claim?.record.epoch ?? 0) > reign + 9)
})

t.test('a history that was claimed begins, if its member still may', async (t) => {
  const lossOf = claimOf({ type: 'begin', cause: 'peer-lost' }, reign + 4)
  const own = { ...lossOf.record, primary: 'a' } as const
  const over = decide(fenced({ kept: both, claim: { ...lossOf, record: own } }), granted, asA)
  t.match(over.state, { role: 'primary', mode: 'solo' })
  const forced = claimOf({ type: 'begin', cause: 'forced' }, reign + 4)
  const ruled = fenced({ kept: both, claim: forced, peer: peer(rulingPresence()) })
  t.equal(decide(ruled, granted, asA).state.role, 'fenced', 'one that began to rule meanwhile')
})

t.test('a blank member looks around when the record is read', async (t) => {
  const claim = claimOf({ type: 'begin', cause: 'first-up' }, reign + 4)
  t.strictSame(decide(starting({ kept: theirs, claim }), kept(theirs), asB).effects, [])
  const open = decide(starting(), kept(theirs), asB)
  t.match(open.effects, [{ type: 'set-timer', name: 'start' }])
  const ruling = decide(starting({ peer: peer(rulingPresence()) }), kept(theirs), asB)
  t.equal(ruling.state.role, 'loading')
})

t.test('a primary does what the record was missing for', async (t) => {
  t.strictSame(decide(primary({ mode: 'pairing' }), kept(alone), asA).effects, [{ type: 'hold' }])
  const left = decide(primary({ mode: 'paired', peer: lost() }), kept(both), asA)
  t.equal(left.state.claim?.purpose.type, 'go-solo')
})
