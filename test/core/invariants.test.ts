/**
 * Each invariant can fail: for every sentence there is a state, or a way between two, that breaks
 * it.
 */

import t from 'tap'
import { brokenInvariant } from '#lib/core/invariants.js'
import type { State } from '#lib/core/state.js'
import { epochOf, historyId, instant } from '#lib/units.js'
import {
  a,
  b,
  fenced,
  history,
  loading,
  other,
  primary,
  recordOf,
  reign,
  standby,
  starting,
  stopped,
} from './states.js'

const after = epochOf(103)
const solo = primary()
const paired = primary({ mode: 'paired' })
const strange = { ...recordOf('a', reign), history: historyId('f'.repeat(32)) }
const notByUs = { ...recordOf('a', reign), inSync: [{ member: 'b', incarnation: other } as const] }

const offences: readonly [string, State, State][] = [
  ['a reign is above the highest that was ever seen', standby(), standby({ highest: epochOf(99) })],
  ['a primary rules without a record', solo, primary({ record: undefined })],
  [
    "a primary's reign has the other member's parity",
    solo,
    primary({ epoch: epochOf(102), highest: epochOf(102) }),
  ],
  ["a primary's record speaks of another reign", solo, primary({ record: recordOf('a', after) })],
  ["a primary's record speaks of another reign", solo, primary({ record: strange })],
  ["a primary's record speaks of another reign", solo, primary({ record: recordOf('b', reign) })],
  ['a primary is not in sync by its own record', solo, primary({ record: notByUs })],
  [
    'paired and recorded in sync do not agree',
    solo,
    primary({ mode: 'paired', record: recordOf('a', reign) }),
  ],
  [
    'paired and recorded in sync do not agree',
    solo,
    primary({ record: recordOf('a', reign, true) }),
  ],
  ['pairing or paired with nobody', solo, { ...primary({ mode: 'pairing' }), mirror: undefined }],
  ['a switchover without a standby', solo, primary({ switchingSince: instant(0) })],
  ['the highest reign went back', starting({ highest: after }), starting({ highest: reign })],
  ['a stopped member came back', stopped(), starting()],
  ['a member that was loading rules', loading(), primary()],
  ['a reign went back', primary({ epoch: reign, highest: after }), lowered()],
  ['a paired primary went solo without a new reign', paired, solo],
  ['a new reign is not above all that were seen', fenced(), primary()],
]

function lowered(): State {
  const epoch = epochOf(99)
  return primary({ epoch, highest: after, record: recordOf('a', epoch) })
}

for (const [sentence, from, to] of offences) {
  t.test(sentence, (t) => {
    t.equal(brokenInvariant(from, to, a), sentence)
    t.end()
  })
}

t.test('what is allowed breaks none', (t) => {
  const ways: readonly [State, State, typeof a][] = [
    [starting(), loading(), b],
    [loading(), standby(), b],
    [solo, paired, a],
    [paired, primary({ epoch: after, highest: after, record: recordOf('a', after) }), a],
    [fenced(), stopped({ epoch: after, highest: reign }), a],
    [stopped(), stopped(), a],
  ]
  for (const [from, to, config] of ways) t.equal(brokenInvariant(from, to, config), undefined)
  t.equal(history.length, 32)
  t.end()
})
