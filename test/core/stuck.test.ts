/**
 * A primary whose deliveries are stuck: when it gives the rule to the other one, and when it keeps
 * it.
 */

import t from 'tap'
import type { Happening } from '#lib/core/event.js'
import type { CoreConfig, PrimaryState } from '#lib/core/state.js'
import {
  a,
  announce,
  b,
  decide,
  fenced,
  followingPresence,
  heard,
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
  standby,
} from './states.js'

const switches: CoreConfig = { ...a, onStuckDeliver: 'switch' }
const stuck: Happening = { type: 'stuck', hasDelivered: false }
const stuckAgain: Happening = { type: 'stuck', hasDelivered: true }
const paired = primary({ mode: 'paired' })
const given = primary({ mode: 'paired', isGiven: true })

function givesAway(name: string, from: PrimaryState, event: Happening): void {
  const { peer: view, link, record, highest } = from
  const to = fenced({ peer: view, link, record, highest })
  rule(name, {
    from,
    event,
    as: switches,
    to,
    effects: [
      { type: 'close-gate' },
      { type: 'clear-timer', name: 'reopen' },
      { type: 'demote' },
      { type: 'drop-feed' },
      announce(to, switches),
      roleTold(from, to, 'deliver-stuck'),
    ],
  })
}

givesAway('stuck, it renounces its reign: the one in sync takes over (C7)', paired, stuck)
givesAway('a reign that was given is given back once it has delivered', given, stuckAgain)
ignored('and not before: roles do not go to and fro', given, stuck, switches)
ignored('by default it tries again', paired, stuck, a)

const hung = peer(followingPresence(), { hungIn: 0 })
const unpaired = peer(presence({ role: 'loading', epoch: reign, renounced: reign }))
const keeps: Readonly<Record<string, PrimaryState>> = {
  'it rules alone': primary(),
  'the other is still pairing': primary({ mode: 'pairing' }),
  'its own right is in doubt': primary({ mode: 'paired', distrustsBefore: 4n }),
  'the link is down': primary({ mode: 'paired', link: undefined }),
  'the other is linked as another': primary({ mode: 'paired', link: newborn }),
  'the other is lost': primary({
    mode: 'paired',
    peer: peer(followingPresence(), { condition: 'unreachable' }),
  }),
  'the other is hung': primary({ mode: 'paired', peer: hung }),
  'the other has not heard that it is in sync': primary({ mode: 'paired', peer: unpaired }),
}
for (const [why, from] of Object.entries(keeps))
  ignored(`it keeps the rule while ${why}`, from, stuck, switches)

for (const from of [standby(), loading(), fenced()]) {
  ignored(`in role ${from.role} nothing is delivered`, from, stuck, { ...switches, self: 'b' })
}

t.test('what was given stays so when it goes on alone, and pairs again', (t) => {
  const renounced = followingPresence({ role: 'loading', renounced: reign })
  const { state } = decide(given, heard(renounced), switches)
  t.match(state, { role: 'primary', mode: 'solo', isGiven: true })
  t.end()
})

t.test('a reign that was taken by a verdict was not given', (t) => {
  const gone: Happening = { type: 'found', incarnation: other, verdict: 'process-gone' }
  t.match(decide(standby(), gone, b).state, { role: 'primary', isGiven: false })
  t.end()
})
