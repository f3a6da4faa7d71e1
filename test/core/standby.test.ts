/**
 * The rules of a member in sync: when it may take over, and when it must not believe that it may.
 */

import type { Effect, Suspect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import type { LoadingState, PrimaryState, StandbyState } from '#lib/core/state.js'
import type { ResyncReason, RoleCause, Verdict } from '#lib/events.js'
import { epochOf, millis } from '#lib/units.js'
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
  other,
  peer,
  presence,
  reign,
  roleTold,
  rule,
  rulingPresence,
  self,
  standby,
  unasked,
} from './states.js'

const next = epochOf(104)
const asleep = { distrustsBefore: 4n } as const
const noAck: Effect = { type: 'stop-acknowledging' }
const gone: Happening = { type: 'found', incarnation: other, verdict: 'process-gone' }

/** Member b, ruling alone after it took over. */
function taken(from: StandbyState, over: Partial<PrimaryState> = {}): PrimaryState {
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
    ...over,
  }
}

function takingOver(to: PrimaryState, verdict: Verdict | 'renounced', suspect?: Suspect): Effect[] {
  const { record, epoch } = to
  if (record === undefined) throw new Error('a primary has a record')
  const told = verdict === 'renounced' ? undefined : verdict
  return [
    noAck,
    { type: 'store-record', record },
    announce(to, b),
    { type: 'read-out' },
    { type: 'open-gate' },
    { type: 'take-over', epoch, verdict, suspect },
    roleTold(standby(), to, 'takeover', told),
    { type: 'tell-mode', mode: 'solo', epoch },
  ]
}

for (const verdict of ['process-gone', 'unreachable'] as const) {
  const to = taken(standby({ peer: peer(rulingPresence(), { condition: verdict }) }))
  rule(`it takes over on the verdict ${verdict}, recorded before it is visible`, {
    from: standby(),
    event: { type: 'found', incarnation: other, verdict },
    as: b,
    to,
    effects: takingOver(to, verdict),
  })
}

ignored('a verdict on another incarnation is none', standby(), { ...gone, incarnation: newborn }, b)

const blank = presence()
const reborn = taken(standby({ peer: peer(blank, { incarnation: newborn }) }))
rule('a newer incarnation of its primary proves that one gone (A1)', {
  from: standby(),
  event: heard(blank, 0n, newborn),
  as: b,
  to: reborn,
  effects: takingOver(reborn, 'process-gone'),
})

for (const role of ['stopped', 'fenced'] as const) {
  const renouncing = presence({ role, epoch: reign, renounced: reign, isBlank: false })
  const to = taken(standby({ peer: peer(renouncing) }), { isGiven: true })
  rule(`it takes over from one that renounces the reign: ${role}`, {
    from: standby(),
    event: heard(renouncing),
    as: b,
    to,
    effects: takingOver(to, 'renounced'),
  })
}

const renounced = presence({ role: 'fenced', epoch: reign, renounced: reign, isBlank: false })
const trusting = taken(standby({ peer: peer(renounced, { answered: 4n }) }), { isGiven: true })
rule('a fresh renunciation is a right for one that stood still, too: both may have (A11)', {
  from: standby(asleep),
  event: heard(renounced, 4n),
  as: b,
  to: trusting,
  effects: takingOver(trusting, 'renounced'),
})

rule('a renunciation that may be older than its own stall waits for the next beat', {
  from: standby(asleep),
  event: heard(renounced, 3n),
  as: b,
  to: standby({ ...asleep, peer: peer(renounced, { answered: 3n }) }),
  effects: [],
})

const earlier = presence({ role: 'stopped', epoch: reign, renounced: epochOf(99) })
rule('a renunciation of another reign is no right', {
  from: standby(),
  event: heard(earlier),
  as: b,
  to: standby({ peer: peer(earlier) }),
  effects: [],
})

rule('one that stood still distrusts from its next beat on', {
  from: standby(),
  event: { type: 'stalled', seq: 4n },
  as: b,
  to: standby(asleep),
  effects: [],
})

rule('a verdict gives no right to one that stood still: it may have been left behind (A11)', {
  from: standby(asleep),
  event: gone,
  as: b,
  to: fencedBy('process-gone'),
  effects: fencing(fencedBy('process-gone'), 'peer-lost'),
})

rule('policy go lets that one go on after the start window', {
  from: standby(asleep),
  event: gone,
  as: configOf('b', 'go'),
  to: fencedBy('process-gone'),
  effects: [
    ...fencing(fencedBy('process-gone'), 'peer-lost'),
    { type: 'set-timer', name: 'start', delay: millis(1_000) },
  ],
})

function fencedBy(condition: 'process-gone' | 'unreachable') {
  return fenced({
    peer: peer(rulingPresence(), { condition }),
    link: other,
    record: heardRecord(reign),
  })
}

function fencing(to: ReturnType<typeof fenced>, cause: RoleCause): readonly Effect[] {
  return [noAck, announce(to, b), roleTold(standby(), to, cause)]
}

rule('a fresh word "in sync" ends its distrust', {
  from: standby(asleep),
  event: heard(rulingPresence(), 4n),
  as: b,
  to: standby({ peer: peer(rulingPresence(), { answered: 4n }) }),
  effects: [],
})

rule('a word that was in the buffer while it stood still does not', {
  from: standby(asleep),
  event: heard(rulingPresence(), 3n),
  as: b,
  to: standby({ ...asleep, peer: peer(rulingPresence(), { answered: 3n }) }),
  effects: [],
})

const notUs = rulingPresence({ inSync: newborn })
rule('nor does a word about another incarnation', {
  from: standby(asleep),
  event: heard(notUs, 4n),
  as: b,
  to: standby({ ...asleep, peer: peer(notUs, { answered: 4n }) }),
  effects: [],
})

const alone = rulingPresence({ mode: 'solo', epoch: epochOf(103), inSync: undefined })
const behind = loading({
  peer: peer(alone),
  epoch: epochOf(103),
  highest: epochOf(103),
  record: heardRecord(epochOf(103)),
  hasState: true,
  renounced: reign,
})
rule('it was left behind when its primary rules in a higher reign: it loads', {
  from: standby(),
  event: heard(alone),
  as: b,
  to: behind,
  effects: [
    noAck,
    { type: 'clear-timer', name: 'start' },
    announce(behind, b),
    roleTold(standby(), behind, 'higher-epoch'),
    { type: 'ask-load' },
  ],
})

const ended = presence({ role: 'stopped', epoch: epochOf(103), renounced: epochOf(103) })
const outdated = fenced({
  peer: peer(ended),
  link: other,
  record: heardRecord(reign),
  highest: epochOf(103),
})
rule('it was left behind, too, by one that ruled higher and ended since (A11)', {
  from: standby(),
  event: heard(ended),
  as: b,
  to: outdated,
  effects: fencing(outdated, 'higher-epoch'),
})

function renounces(
  name: string,
  event: Happening,
  reason: ResyncReason,
  over: Partial<StandbyState> = {},
): void {
  const cause: RoleCause = reason === 'asked' ? 'renounced' : 'resync'
  const lost = { reason, inARow: 1, wait: millis(0) } as const
  const from = standby(over)
  const to: LoadingState = {
    ...loading({ hasState: true, renounced: reign, lost }),
    peer: event.type === 'heard' ? peer(event.presence) : from.peer,
    link: from.link,
  }
  rule(name, {
    from,
    event,
    as: b,
    to,
    effects: [
      noAck,
      announce(to, b),
      { type: 'drop-load' },
      roleTold(from, to, cause),
      { type: 'tell-resync', member: 'b', ...lost },
      ...(from.link === undefined ? [] : [{ type: 'ask-load' } as const]),
    ],
  })
}

renounces(
  'asked to renounce, it does, says so and loads (B2)',
  heard(rulingPresence({ askRenounce: reign })),
  'asked',
)
renounces('a gap ends its being in sync', { type: 'out-of-step', reason: 'gap' }, 'gap')
renounces(
  'so does a divergence, without a link too (B7)',
  { type: 'out-of-step', reason: 'divergence' },
  'divergence',
  { link: undefined },
)
renounces('so does a refused resumption', { type: 'resume-refused', incarnation: other }, 'refused')
renounces(
  "so does the primary's refusal of a load that it never gave up asking for",
  { type: 'load-failed' },
  'dropped',
)

rule('it goes on over a new link', {
  from: standby({ link: undefined }),
  event: { type: 'link-up', incarnation: other },
  as: b,
  to: standby(),
  effects: [{ type: 'ask-resume' }],
})

rule('it asks nobody but its primary', {
  from: standby({ link: undefined }),
  event: { type: 'link-up', incarnation: newborn },
  as: b,
  to: standby({ link: newborn }),
  effects: [],
})

rule('without a link it stays in sync: only a verdict or a word ends that', {
  from: standby(),
  event: { type: 'link-down', incarnation: other },
  as: b,
  to: standby({ link: undefined }),
  effects: [],
})

ignored('a beat that says what is known changes nothing', standby(), heard(rulingPresence()), b)
