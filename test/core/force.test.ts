/**
 * An operator's override: who may be forced, what becomes of the record, and that nobody is forced
 * beside a member that rules or may.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import { mayBeForced } from '#lib/core/roles/force.js'
import type { ArbiterRecord, CoreConfig, PairRecord, State } from '#lib/core/state.js'
import { epochOf, millis } from '#lib/units.js'
import {
  a,
  b,
  decide,
  entropy,
  fenced,
  followingPresence,
  history,
  loading,
  other,
  peer,
  presence,
  primary,
  reign,
  rulingPresence,
  standby,
  starting,
} from './states.js'

const forced: Happening = { type: 'force-asked' }
const asB: CoreConfig = { ...b, hasArbiter: true, headStart: millis(40) }
const theirs: PairRecord = {
  ...{ history, epoch: reign, primary: 'a' },
  inSync: [{ member: 'a', incarnation: other }],
}
const kept: ArbiterRecord = { ...theirs, claim: 9n }
const waiting = starting({ phase: 'waiting', record: theirs, highest: reign })

function roleOf(effects: readonly Effect[]): unknown {
  return effects.find(({ type }) => type === 'tell-role')
}

t.test('one that waits beside a record begins a history, over what it holds', async (t) => {
  const blank = decide(waiting, forced, b)
  t.match(blank.state, { role: 'primary', mode: 'solo' })
  t.match(roleOf(blank.effects), { cause: 'forced' })
  t.match(
    blank.effects.find(({ type }) => type === 'begin'),
    { over: 'nothing' },
  )
  for (const isHalted of [false, true]) {
    const over = decide(fenced({ isHalted }), forced, b)
    t.match(over.state, { role: 'primary', mode: 'solo' })
    t.match(
      over.effects.find(({ type }) => type === 'begin'),
      { over: 'state' },
    )
    t.not('history' in over.state && over.state.history, history, 'a new one')
    t.ok('epoch' in over.state && over.state.epoch > reign)
  }
})

t.test('beside one that lives and rules, or may, nobody is forced', async (t) => {
  const states: readonly State[] = [
    starting({ peer: peer(rulingPresence()) }),
    starting({ peer: peer(followingPresence()) }),
    fenced({ peer: peer(rulingPresence()) }),
    fenced({ peer: peer(presence({ role: 'loading', isBlank: false, epoch: reign, history })) }),
    starting({
      kept: 'nothing',
      claim: { purpose: { type: 'go-solo' }, record: kept, expected: kept },
    }),
    ...[loading(), standby(), primary({ mode: 'solo' }), primary({ mode: 'paired' })],
  ]
  for (const state of states) {
    t.notOk(mayBeForced(state))
    // A primary of these tests is member a.
    const config = state.role === 'primary' ? a : b
    t.strictSame(decide(state, forced, config), { state, effects: [] })
  }
})

t.test('beside one that is lost, blank, or waits as well, it is', async (t) => {
  const lost = peer(rulingPresence(), { condition: 'unreachable' })
  const blank = peer(presence({ role: 'starting', isBlank: true }))
  const waits = peer(presence({ role: 'fenced', isBlank: false, epoch: reign, history }))
  const left = peer(presence({ role: 'stopped', isBlank: false }))
  for (const seen of [undefined, lost, blank, waits, left]) {
    t.equal(decide(fenced({ peer: seen }), forced, b).state.role, 'primary')
    t.equal(decide({ ...waiting, peer: seen }, forced, b).state.role, 'primary')
  }
})

t.test('one that begins to rule meanwhile ends it', async (t) => {
  const from = { ...waiting, isForced: true, peer: peer(rulingPresence()) }
  const { state, effects } = decide(from, { type: 'kept', kept }, asB)
  t.match(state, { role: 'starting', isForced: false })
  t.strictSame(effects, [])
})

t.test('with an arbiter the record is changed first, also when it was lost', async (t) => {
  const kept: ArbiterRecord = { ...theirs, epoch: epochOf(reign + 40), claim: 9n }
  for (const known of [kept, 'lost', 'nothing', undefined] as const) {
    for (const from of [{ ...waiting, kept: known }, fenced({ kept: known })]) {
      const asked = decide(from, forced, asB)
      t.equal(asked.state.role, from.role, 'and waits')
      t.strictSame(asked.effects, [{ type: 'read-arbiter' }])
      const read = decide(asked.state, { type: 'kept', kept }, asB)
      const claim = read.effects.find(({ type }) => type === 'claim')
      t.match(claim, { expected: kept, next: { primary: 'b' } })
      const epoch = read.state.claim?.record.epoch ?? 0
      t.ok(epoch > kept.epoch, 'above all that was kept')
      const granted = decide(read.state, { type: 'granted', claim: entropy }, asB)
      t.match(granted.state, { role: 'primary', mode: 'solo', epoch })
      t.match(roleOf(granted.effects), { cause: 'forced' })
      const refused: Happening = { type: 'refused', claim: entropy, found: { ...kept, claim: 10n } }
      t.equal(decide(read.state, refused, asB).state.role, from.role, 'somebody was first')
    }
  }
})
