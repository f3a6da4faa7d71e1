/**
 * The rules of a member that takes the state over: it is never promotable before the primary's
 * word.
 */

import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import type { LoadingState } from '#lib/core/state.js'
import { epochOf, historyId, millis } from '#lib/units.js'
import {
  announce,
  b,
  configOf,
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
  reign,
  roleTold,
  rule,
  rulingPresence,
  standby,
  starting,
} from './states.js'

const solo = rulingPresence({ mode: 'solo', inSync: undefined })
const dropLoad: Effect = { type: 'drop-load' }
const noAsk: Effect = { type: 'clear-timer', name: 'ask' }
const noStart: Effect = { type: 'clear-timer', name: 'start' }
const startTimer: Effect = { type: 'set-timer', name: 'start', delay: millis(1_000) }
const toldInSync: Happening = { type: 'told-in-sync', incarnation: other, epoch: reign }
const following = loading({ phase: 'catching-up', hasState: true })

rule('it asks for a load as soon as the link to its primary is up', {
  from: loading({ link: undefined }),
  event: { type: 'link-up', incarnation: other },
  as: b,
  to: loading(),
  effects: [noAsk, { type: 'ask-load' }],
})

rule('it asks nobody else', {
  from: loading({ link: undefined }),
  event: { type: 'link-up', incarnation: newborn },
  as: b,
  to: loading({ link: newborn }),
  effects: [],
})

rule('it gives the load up when the link is down', {
  from: following,
  event: { type: 'link-down', incarnation: other },
  as: b,
  to: loading({ hasState: true, link: undefined }),
  effects: [dropLoad],
})

const installed = loading({ phase: 'catching-up', hasState: true })
rule('an installed load is a state: it is blank no more, and may still fail as the last did', {
  from: loading({ failures: 3 }),
  event: { type: 'load-installed', epoch: reign, history },
  as: b,
  to: { ...installed, failures: 3 },
  effects: [announce(installed, b)],
})

const quicker = epochOf(103)
const ahead = loading({ phase: 'catching-up', hasState: true, epoch: quicker, highest: quicker })
rule('a load of a higher reign counts: the data link can be quicker than the beats', {
  from: loading(),
  event: { type: 'load-installed', epoch: quicker, history },
  as: b,
  to: ahead,
  effects: [announce(ahead, b)],
})
ignored(
  'an older word of its primary, said before that reign, changes nothing',
  ahead,
  heard(solo),
  b,
)
ignored(
  'a load of a lower reign does not count',
  loading(),
  { type: 'load-installed', epoch: epochOf(99), history },
  b,
)
ignored(
  'a load over no link does not count',
  loading({ link: undefined }),
  { type: 'load-installed', epoch: epochOf(103), history },
  b,
)
ignored(
  'a load of another history in the same reign does not count',
  loading(),
  { type: 'load-installed', epoch: reign, history: historyId('f'.repeat(32)) },
  b,
)

const inSync = standby({ peer: peer(solo) })
rule('only the word of its primary on the data stream makes it a standby (B1)', {
  from: following,
  event: toldInSync,
  as: b,
  to: inSync,
  effects: [announce(inSync, b), roleTold(following, inSync, 'paired')],
})

const doubting = standby({ peer: peer(solo), distrustsBefore: 4n })
rule('the word may be older than its own stall: it stands by and distrusts (A11)', {
  from: { ...following, distrustsBefore: 4n },
  event: toldInSync,
  as: b,
  to: doubting,
  effects: [announce(doubting, b), roleTold(following, doubting, 'paired')],
})

ignored('the word means nothing without a load in place', loading(), toldInSync, b)
ignored(
  'the word of another reign means nothing',
  following,
  { ...toldInSync, epoch: epochOf(99) },
  b,
)
ignored(
  'the word of another incarnation means nothing',
  following,
  { ...toldInSync, incarnation: newborn },
  b,
)

rule('one that stood still distrusts from its next beat on (A11)', {
  from: following,
  event: { type: 'stalled', seq: 4n },
  as: b,
  to: { ...following, distrustsBefore: 4n },
  effects: [],
})

rule('a beat of the same reign that answers this own one ends the distrust', {
  from: { ...following, distrustsBefore: 4n },
  event: heard(solo, 4n),
  as: b,
  to: { ...following, peer: peer(solo, { answered: 4n }) },
  effects: [],
})

rule('a beat that answers an older one does not', {
  from: { ...following, distrustsBefore: 4n },
  event: heard(solo, 3n),
  as: b,
  to: { ...following, distrustsBefore: 4n, peer: peer(solo, { answered: 3n }) },
  effects: [],
})

function asksLater(name: string, event: Happening, failures: number, delay: number): void {
  rule(name, {
    from: { ...following, failures },
    event,
    as: b,
    to: { ...following, phase: 'asking', failures: failures + 1 },
    effects: [dropLoad, { type: 'set-timer', name: 'ask', delay: millis(delay) }],
  })
}

asksLater('a load that failed is asked for again after 20 ms', { type: 'load-failed' }, 0, 20)
asksLater('the wait doubles', { type: 'load-failed' }, 3, 160)
asksLater('the wait ends growing at 2 s', { type: 'load-failed' }, 1_000, 2_000)
asksLater('a gap in the tail is a failed load', { type: 'out-of-step', reason: 'gap' }, 0, 20)
asksLater('a refused resumption is one too', { type: 'resume-refused', incarnation: other }, 0, 20)

rule('it asks when that time has come', {
  from: loading(),
  event: { type: 'timer', name: 'ask' },
  as: b,
  to: loading(),
  effects: [{ type: 'ask-load' }],
})
ignored(
  'not over a link that is down',
  loading({ link: undefined }),
  { type: 'timer', name: 'ask' },
  b,
)
ignored('not for a load that is in place', following, { type: 'timer', name: 'ask' }, b)
ignored('not at another time', loading(), { type: 'timer', name: 'start' }, b)
ignored('a beat that says what is known changes nothing', loading(), heard(solo), b)

const later = rulingPresence({ mode: 'solo', epoch: epochOf(103), inSync: undefined })
const again = loading({
  peer: peer(later),
  epoch: epochOf(103),
  highest: epochOf(103),
  record: heardRecord(epochOf(103)),
  hasState: true,
  renounced: reign,
})
rule('another reign of its primary is loaded anew', {
  from: { ...following, renounced: reign, failures: 2 },
  event: heard(later),
  as: b,
  to: again,
  effects: [dropLoad, noAsk, noStart, announce(again, b), { type: 'ask-load' }],
})

const lostPeer = peer(solo, { condition: 'unreachable' })
const found: Happening = { type: 'found', incarnation: other, verdict: 'unreachable' }
const blank = starting({
  draw: 9n,
  peer: lostPeer,
  link: other,
  record: heardRecord(reign),
  highest: reign,
})
rule('a blank one that loses its primary looks for another', {
  from: loading(),
  event: found,
  as: b,
  to: blank,
  effects: [
    dropLoad,
    noAsk,
    announce(blank, b),
    roleTold(loading(), blank, 'peer-lost'),
    startTimer,
  ],
})

function fencedFrom(from: LoadingState) {
  const { peer: view, link, record, highest, renounced } = from
  return fenced({ peer: view, link, record, highest, renounced })
}

const old = loading({ hasState: true, peer: lostPeer })
rule('one with an older state keeps it and acts on nothing (A10)', {
  from: loading({ hasState: true, renounced: noReign }),
  event: found,
  as: b,
  to: fencedFrom(old),
  effects: [
    dropLoad,
    noAsk,
    announce(fencedFrom(old), b),
    roleTold(loading(), fencedFrom(old), 'peer-lost'),
  ],
})

rule('policy go lets it go on after the start window', {
  from: loading({ hasState: true }),
  event: found,
  as: configOf('b', 'go'),
  to: fencedFrom(old),
  effects: [
    dropLoad,
    noAsk,
    announce(fencedFrom(old), b),
    roleTold(loading(), fencedFrom(old), 'peer-lost'),
    startTimer,
  ],
})

const stopping = presence({ role: 'stopped', epoch: reign })
const left = { ...blank, peer: peer(stopping) }
rule('a primary that says that it stops is lost', {
  from: loading(),
  event: heard(stopping),
  as: b,
  to: left,
  effects: [dropLoad, noAsk, announce(left, b), roleTold(loading(), left, 'peer-lost'), startTimer],
})
