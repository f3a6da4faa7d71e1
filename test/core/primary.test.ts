/**
 * The rules of a member that rules: feeding, pairing, the right to go on alone, and its gate.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import type { PrimaryState, State } from '#lib/core/state.js'
import type { RoleCause } from '#lib/events.js'
import { epochOf, historyId, millis } from '#lib/units.js'
import {
  a,
  announce,
  configOf,
  decide,
  fenced,
  followingPresence,
  heard,
  history,
  ignored,
  loading,
  newborn,
  other,
  peer,
  presence,
  primary,
  recordOf,
  reign,
  roleTold,
  rule,
  rulingPresence,
} from './states.js'

const after = epochOf(103)
const gone: Happening = { type: 'found', incarnation: other, verdict: 'process-gone' }
const loadAsked: Happening = { type: 'load-asked', incarnation: other }
const covered: Happening = { type: 'covered', incarnation: other }
const loaderSaid = presence({ role: 'loading' })
const lostLoader = peer(loaderSaid, { condition: 'process-gone' })
const paired = primary({ mode: 'paired' })
const asleep = { distrustsBefore: 4n } as const
const dropFeed: Effect = { type: 'drop-feed' }
const standDown: readonly Effect[] = [
  { type: 'close-gate' },
  { type: 'clear-timer', name: 'reopen' },
  { type: 'demote' },
  dropFeed,
]
const reopened: readonly Effect[] = [{ type: 'clear-timer', name: 'reopen' }, { type: 'open-gate' }]

/** What was paired, ruling alone in a new reign. */
function alone(over: Partial<PrimaryState> = {}): PrimaryState {
  return primary({ epoch: after, highest: after, record: recordOf('a', after), ...over })
}

function goingSolo(to: PrimaryState): readonly Effect[] {
  return [
    { type: 'store-record', record: recordOf('a', after) },
    announce(to, a),
    dropFeed,
    { type: 'go-solo', epoch: after },
    { type: 'tell-mode', mode: 'solo', epoch: after },
  ]
}

// ---- feeding ----

rule('alone, it feeds whoever asks for a load', {
  from: primary(),
  event: loadAsked,
  as: a,
  to: primary({ mirror: other }),
  effects: [{ type: 'send-load', to: other }],
})

rule('asked again, it begins anew', {
  from: primary({ mirror: other }),
  event: loadAsked,
  as: a,
  to: primary({ mirror: other }),
  effects: [dropFeed, { type: 'send-load', to: other }],
})

rule('asked again while it pairs, it gives the pairing up first', {
  from: primary({ mode: 'pairing' }),
  event: loadAsked,
  as: a,
  to: primary({ mirror: other }),
  effects: [dropFeed, { type: 'release' }, { type: 'send-load', to: other }],
})

const postponed: readonly Effect[] = [{ type: 'postpone-load' }]
function postpones(name: string, from: PrimaryState): void {
  rule(name, { from, event: loadAsked, as: a, to: from, effects: postponed })
}

postpones('it feeds nobody whose beats it has not heard', primary({ peer: undefined }))
postpones('it feeds nobody who was found lost', primary({ peer: lostLoader }))
postpones('it feeds nobody while its own gate is in doubt', primary(asleep))
postpones(
  'paired, it believes another incarnation only with the word of the detector',
  primary({ mode: 'paired', mirror: newborn }),
)

ignored('a load that is asked for on no link is none', primary({ link: undefined }), loadAsked, a)

const handedBack = alone({ peer: paired.peer, mirror: other })
rule('paired, it goes solo when the one in sync itself asks for a load (B2)', {
  from: paired,
  event: loadAsked,
  as: a,
  to: handedBack,
  effects: [...goingSolo(alone()), { type: 'send-load', to: other }],
})

const resume: Happening = { type: 'resume-asked', incarnation: other, epoch: reign, history }
rule('paired, it goes on over a new link', {
  from: paired,
  event: resume,
  as: a,
  to: paired,
  effects: [
    { type: 'resume-feed', to: other },
    { type: 'tell-mode', mode: 'paired', epoch: reign },
  ],
})

const refusals: readonly [string, PrimaryState, Happening][] = [
  ['of another reign (B5)', paired, { ...resume, epoch: epochOf(99) }],
  ['of another history', paired, { ...resume, history: historyId('f'.repeat(32)) }],
  ['of one that is not in sync', primary({ mirror: other }), resume],
  ['of one that it does not feed', primary({ mode: 'paired', mirror: newborn }), resume],
]
for (const [whose, from, event] of refusals) {
  rule(`it refuses a resumption ${whose}`, {
    from,
    event,
    as: a,
    to: from,
    effects: [{ type: 'refuse-resume' }],
  })
}

// ---- pairing ----

rule('when the loader is near, it holds what is not acknowledged (B1)', {
  from: primary({ mirror: other }),
  event: { type: 'near', incarnation: other },
  as: a,
  to: primary({ mode: 'pairing' }),
  effects: [{ type: 'hold' }],
})
ignored('near is said once', primary({ mode: 'pairing' }), { type: 'near', incarnation: other }, a)
ignored('near is said of its loader', primary(), { type: 'near', incarnation: other }, a)

const inSync = primary({ mode: 'paired', peer: peer(loaderSaid) })
rule('when all is covered: recorded first, then said in the beats, then told (B1)', {
  from: primary({ mode: 'pairing', hasAsked: true }),
  event: covered,
  as: a,
  to: inSync,
  effects: [
    { type: 'store-record', record: recordOf('a', reign, true) },
    announce(inSync, a),
    { type: 'tell-in-sync', epoch: reign },
    { type: 'tell-mode', mode: 'paired', epoch: reign },
  ],
})
ignored('covered means nothing before pairing', primary({ mirror: other }), covered, a)
ignored(
  'covered is not paired while the own gate is in doubt',
  primary({ mode: 'pairing', ...asleep }),
  covered,
  a,
)
ignored(
  'covered is said of the one that is fed',
  primary({ mode: 'pairing', mirror: newborn }),
  covered,
  a,
)

// ---- losing the other ----

const lostTwin = peer(followingPresence(), { condition: 'process-gone' })
rule('paired, a verdict gives the right to go on alone, in a new reign (A5)', {
  from: paired,
  event: gone,
  as: a,
  to: alone({ peer: lostTwin }),
  effects: goingSolo(alone()),
})

const renouncing = followingPresence({ role: 'loading', renounced: reign })
rule('so does a renunciation', {
  from: paired,
  event: heard(renouncing),
  as: a,
  to: alone({ peer: peer(renouncing) }),
  effects: goingSolo(alone()),
})

rule('a renunciation opens a gate that was in doubt, too', {
  from: primary({ mode: 'paired', ...asleep }),
  event: heard(renouncing, 3n),
  as: a,
  to: alone({ peer: peer(renouncing, { answered: 3n }) }),
  effects: [...goingSolo(alone()), ...reopened],
})

const earlier = followingPresence({ role: 'loading', renounced: epochOf(99) })
rule('a renunciation of another reign is no right', {
  from: paired,
  event: heard(earlier),
  as: a,
  to: { ...paired, peer: peer(earlier) },
  effects: [],
})

rule('one that stood still while paired may have been replaced: a verdict fences it (A11)', {
  from: primary({ mode: 'paired', ...asleep }),
  event: gone,
  as: a,
  to: givenUp(lostTwin),
  effects: givingUp(givenUp(lostTwin), 'peer-lost'),
})

rule('policy go lets it go on after the start window', {
  from: primary({ mode: 'paired', ...asleep }),
  event: gone,
  as: configOf('a', 'go'),
  to: givenUp(lostTwin),
  effects: [
    ...givingUp(givenUp(lostTwin), 'peer-lost'),
    { type: 'set-timer', name: 'start', delay: millis(1_000) },
  ],
})

function givenUp(view: ReturnType<typeof peer>, highest = reign) {
  return fenced({ peer: view, link: other, record: recordOf('a', reign, true), highest })
}

function givingUp(to: State, cause: RoleCause): readonly Effect[] {
  return [...standDown, announce(to, a), roleTold(primary(), to, cause)]
}

rule('a loader that is lost is forgotten: the right to be alone was never given up', {
  from: primary({ mirror: other, link: undefined }),
  event: gone,
  as: a,
  to: primary({ peer: lostLoader, link: undefined }),
  effects: [dropFeed],
})

rule('lost while it pairs, all is released again in the same reign', {
  from: primary({ mode: 'pairing' }),
  event: { ...gone, verdict: 'unreachable' },
  as: a,
  to: primary({ peer: peer(loaderSaid, { condition: 'unreachable' }) }),
  effects: [dropFeed, { type: 'release' }],
})

rule('alone, a verdict changes nothing', {
  from: primary(),
  event: gone,
  as: a,
  to: primary({ peer: lostLoader }),
  effects: [],
})

rule('the link of the one in sync is down: it waits for a verdict or the link', {
  from: paired,
  event: { type: 'link-down', incarnation: other },
  as: a,
  to: primary({ mode: 'paired', link: undefined }),
  effects: [{ type: 'tell-mode', mode: 'waiting', epoch: reign }],
})

rule('the link of a loader is down: it begins anew when it comes back', {
  from: primary({ mode: 'pairing' }),
  event: { type: 'link-down', incarnation: other },
  as: a,
  to: primary({ link: undefined }),
  effects: [dropFeed, { type: 'release' }],
})

rule('another link that ends concerns nobody', {
  from: primary(),
  event: { type: 'link-down', incarnation: other },
  as: a,
  to: primary({ link: undefined }),
  effects: [],
})

ignored(
  'nor does the end of a former one',
  primary(),
  { type: 'link-down', incarnation: newborn },
  a,
)

const asking = primary({ mode: 'paired', hasAsked: true })
rule('late acknowledgements: the other is asked to renounce (B3)', {
  from: paired,
  event: { type: 'ack-timeout' },
  as: a,
  to: asking,
  effects: [announce(asking, a)],
})
ignored('whoever loads may be late', primary({ mode: 'pairing' }), { type: 'ack-timeout' }, a)

// ---- two primaries ----

const higher = rulingPresence({ mode: 'solo', epoch: epochOf(104), inSync: undefined })
const yielded = loading({
  peer: peer(higher),
  record: {
    history,
    epoch: epochOf(104),
    primary: 'b',
    inSync: [{ member: 'b', incarnation: other }],
  },
  highest: epochOf(104),
  epoch: epochOf(104),
  hasState: true,
  renounced: reign,
})
rule('two primaries meet: the lower reign yields and loads', {
  from: primary({ link: other }),
  event: heard(higher),
  as: a,
  to: yielded,
  effects: [
    ...standDown,
    { type: 'clear-timer', name: 'start' },
    announce(yielded, a),
    roleTold(primary(), yielded, 'higher-epoch'),
    { type: 'ask-load' },
  ],
})

const lower = rulingPresence({ mode: 'solo', epoch: epochOf(100), inSync: undefined })
rule('the higher reign stays', {
  from: primary(),
  event: heard(lower),
  as: a,
  to: primary({ peer: peer(lower) }),
  effects: [],
})

const stranger = rulingPresence({ epoch: epochOf(104), settings: 1n })
const shut = fenced({ peer: peer(stranger), link: other, highest: epochOf(104) })
rule('the lower reign yields across different settings too, and loads from nobody (G4)', {
  from: primary(),
  event: heard(stranger),
  as: a,
  to: shut,
  effects: givingUp(shut, 'higher-epoch'),
})

// ---- the gate ----

rule('alone, its gate opens again after asking for a window (E8)', {
  from: primary(),
  event: { type: 'stalled', seq: 4n },
  as: a,
  to: primary(asleep),
  effects: [{ type: 'close-gate' }, { type: 'set-timer', name: 'reopen', delay: millis(500) }],
})

rule('paired, it does not open by itself (A11)', {
  from: paired,
  event: { type: 'stalled', seq: 4n },
  as: a,
  to: primary({ mode: 'paired', ...asleep }),
  effects: [{ type: 'close-gate' }],
})

rule('after that window it opens', {
  from: primary(asleep),
  event: { type: 'timer', name: 'reopen' },
  as: a,
  to: primary(),
  effects: reopened,
})

rule('one that pairs asks again whether all is covered', {
  from: primary({ mode: 'pairing', ...asleep }),
  event: { type: 'timer', name: 'reopen' },
  as: a,
  to: primary({ mode: 'pairing' }),
  effects: [...reopened, { type: 'hold' }],
})

ignored('a gate that is open stays so', primary(), { type: 'timer', name: 'reopen' }, a)
ignored(
  'paired, no time opens it',
  primary({ mode: 'paired', ...asleep }),
  { type: 'timer', name: 'reopen' },
  a,
)
ignored('another timer does not concern it', primary(asleep), { type: 'timer', name: 'ask' }, a)

rule('alone, an answer to a beat since opens it', {
  from: primary(asleep),
  event: heard(loaderSaid, 4n),
  as: a,
  to: primary({ peer: peer(loaderSaid, { answered: 4n }) }),
  effects: reopened,
})

const stillOurs = [followingPresence(), followingPresence({ role: 'loading' }), presence()]
for (const said of stillOurs) {
  rule(`paired, an answer of one that never ruled above opens it: ${said.role}`, {
    from: primary({ mode: 'paired', ...asleep }),
    event: heard(said, 4n),
    as: a,
    to: primary({ mode: 'paired', peer: peer(said, { answered: 4n }) }),
    effects: reopened,
  })
}

rule('an answer to an older beat does not', {
  from: primary({ mode: 'paired', ...asleep }),
  event: heard(followingPresence(), 3n),
  as: a,
  to: primary({ mode: 'paired', ...asleep, peer: peer(followingPresence(), { answered: 3n }) }),
  effects: [],
})

const ruledSince = followingPresence({ role: 'fenced', epoch: epochOf(102) })
const seen = peer(ruledSince, { answered: 4n })
rule('one that ruled above meanwhile ends its reign, whatever that one is since', {
  from: primary({ mode: 'paired', ...asleep }),
  event: heard(ruledSince, 4n),
  as: a,
  to: givenUp(seen, epochOf(102)),
  effects: givingUp(givenUp(seen, epochOf(102)), 'higher-epoch'),
})

const unpaired = primary({ mode: 'paired', mirror: newborn, ...asleep })
rule('paired, an answer of another incarnation does not open it', {
  from: unpaired,
  event: heard(loaderSaid, 4n),
  as: a,
  to: { ...unpaired, peer: peer(loaderSaid, { answered: 4n }) },
  effects: [],
})

const reborn = peer(presence(), { incarnation: newborn })
rule('a newborn proves the one in sync gone (A1)', {
  from: paired,
  event: heard(presence(), 0n, newborn),
  as: a,
  to: alone({ peer: reborn }),
  effects: goingSolo(alone()),
})

t.test('reigns that the other one may have used are not given', (t) => {
  const asked = (highest: number) =>
    decide(primary({ mode: 'solo' }), { ...loadAsked, highest: epochOf(highest) }, a).state
  t.equal(asked(1_000_003).highest, 1_000_003)
  t.equal(asked(1).highest, primary({ mode: 'solo' }).highest, 'what is known is not forgotten')
  t.equal(asked(2 ** 53 - 2).highest, primary({ mode: 'solo' }).highest, 'nor is any word believed')
  t.end()
})
