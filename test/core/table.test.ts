/**
 * `step` is total: every event in every state, with the oddest values that their types allow, is
 * decided without an exception, keeps the invariants, and leaves what it was given untouched.
 */

import fc from 'fast-check'
import t from 'tap'
import type { Event, Happening, OutOfStep, TimerName } from '#lib/core/event.js'
import { brokenInvariant } from '#lib/core/invariants.js'
import type { PeerView, Presence, State } from '#lib/core/state.js'
import { initialState, step } from '#lib/core/step.js'
import type { Role } from '#lib/events.js'
import { type Epoch, epochOf, historyId, incarnationOf, instant, millis } from '#lib/units.js'
import {
  type a,
  b,
  configOf,
  eventOf,
  fenced,
  followingPresence,
  frozen,
  heard,
  history,
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
  stopped,
} from './states.js'

const mostEpoch = epochOf(Number.MAX_SAFE_INTEGER)
const otherHistory = historyId('f'.repeat(32))

const roles: readonly Role[] = ['starting', 'loading', 'standby', 'primary', 'fenced', 'stopped']
const epochs: readonly Epoch[] = [0, 1, 100, 101, 102, 103, 2 ** 48].map(epochOf)
const incarnations = [self, other, newborn, incarnationOf(2n ** 64n - 1n)]

const presences: readonly Presence[] = [
  ...roles.flatMap((role) => [
    presence({ role }),
    presence({ role, isBlank: false, epoch: reign, history }),
    presence({ role, isBlank: false, epoch: epochOf(102), history, renounced: reign }),
    presence({ role, epoch: mostEpoch, history: otherHistory, renounced: mostEpoch }),
    presence({ role, settings: 0n, inSync: self, askRenounce: reign, epoch: reign, history }),
    presence({ role, draw: 7n, drawEcho: 7n, isBlank: false }),
  ]),
  followingPresence({ renounced: reign }),
  rulingPresence(),
]

const outOfStep: readonly OutOfStep[] = [
  'gap',
  'divergence',
  'overflow',
  'lag',
  'state',
  'protocol',
]
const timers: readonly TimerName[] = ['start', 'ask', 'reopen', 'steady', 'drain', 'handover']

const happenings: readonly Happening[] = [
  { type: 'opened' },
  { type: 'force-asked' },
  { type: 'load-failed' },
  { type: 'ack-timeout' },
  { type: 'stuck', hasDelivered: true },
  { type: 'stuck', hasDelivered: false },
  { type: 'switchover-asked', deadline: millis(0) },
  { type: 'switchover-cancelled' },
  { type: 'drained' },
  { type: 'close-asked' },
  { type: 'broken' },
  { type: 'stalled', seq: 0n },
  { type: 'stalled', seq: 2n ** 64n - 1n },
  ...timers.map((name) => ({ type: 'timer', name }) as const),
  ...outOfStep.map((reason) => ({ type: 'out-of-step', reason }) as const),
  ...epochs.map((epoch) => ({ type: 'fenced', epoch }) as const),
  ...epochs.map((epoch) => ({ type: 'load-installed', epoch, history }) as const),
  ...incarnations.flatMap((incarnation): Happening[] => [
    ...presences.map((said) => heard(said, 3n, incarnation)),
    { type: 'found', incarnation, verdict: 'process-gone' },
    { type: 'found', incarnation, verdict: 'unreachable' },
    { type: 'hung', incarnation, frameNo: 0 },
    { type: 'hung', incarnation, frameNo: 7 },
    { type: 'vouched', incarnation },
    { type: 'link-up', incarnation },
    { type: 'link-down', incarnation },
    { type: 'load-asked', incarnation },
    { type: 'resume-refused', incarnation },
    { type: 'near', incarnation },
    { type: 'covered', incarnation },
    ...epochs.flatMap((epoch): Happening[] => [
      { type: 'resume-asked', incarnation, epoch, history },
      { type: 'told-in-sync', incarnation, epoch },
      { type: 'handed-over', incarnation, former: reign, epoch, isExact: true },
      { type: 'handed-over', incarnation, former: epoch, epoch: epochOf(102), isExact: false },
    ]),
  ]),
]

const views: readonly (PeerView | undefined)[] = [
  undefined,
  ...presences.flatMap((said) => [
    peer(said),
    peer(said, { hungIn: 7 }),
    peer(said, { condition: 'unreachable', answered: 9n }),
    peer(said, { condition: 'process-gone', incarnation: newborn }),
  ]),
]

const mirrors: readonly State[] = [
  ...views.map((view) => starting({ peer: view })),
  starting({ phase: 'waiting', draw: 5n }),
  loading(),
  loading({ phase: 'catching-up', hasState: true, failures: 1_000 }),
  loading({ renounced: reign, hasState: true, distrustsBefore: 3n, link: undefined }),
  standby(),
  standby({ distrustsBefore: 3n, link: undefined }),
  standby({ handover: { former: noReign, phase: 'sent', since: instant(0) } }),
  standby({ handover: { former: reign, phase: 'asked', since: instant(9) }, link: undefined }),
  standby({ peer: peer(rulingPresence(), { hungIn: 7 }) }),
  standby({ peer: peer(rulingPresence(), { answered: 9n }), distrustsBefore: 3n }),
  fenced(),
  stopped({ renounced: reign }),
]

const rulers: readonly State[] = [
  primary(),
  primary({ mirror: other }),
  primary({ mirror: other, distrustsBefore: 3n, peer: undefined, link: undefined }),
  primary({ mode: 'pairing' }),
  primary({ mode: 'pairing', distrustsBefore: 3n }),
  primary({ mode: 'paired' }),
  primary({ mode: 'paired', switchingSince: instant(0) }),
  primary({ mode: 'paired', distrustsBefore: 3n }),
  primary({ mode: 'paired', hasAsked: true, link: undefined }),
  fenced(),
  fenced({ renounced: noReign, peer: peer(rulingPresence({ epoch: epochOf(102) })) }),
]

function decideAll(t: Tap, states: readonly State[], config: typeof a): void {
  for (const from of states) {
    for (const happening of happenings) {
      const name = `${from.role}, ${happening.type}`
      try {
        const { state } = step(frozen(from), frozen(eventOf(happening)), config)
        const broken = brokenInvariant(from, state, config)
        if (broken !== undefined) t.fail(`${name}: ${broken}`, { from, happening })
      } catch (error) {
        t.fail(`${name} threw: ${String(error)}`, { from, happening })
      }
    }
  }
  t.pass(`${states.length * happenings.length} pairs`)
  t.end()
}

type Tap = typeof t

for (const onLoss of ['wait', 'go'] as const) {
  t.test(`whoever follows decides every event (${onLoss})`, (t) =>
    decideAll(t as Tap, mirrors, configOf('b', onLoss)),
  )
  t.test(`whoever rules decides every event (${onLoss})`, (t) =>
    decideAll(t as Tap, rulers, configOf('a', onLoss)),
  )
}

t.test('any sequence of events is decided, and keeps the invariants', (t) => {
  const sequence = fc.array(fc.constantFrom(...happenings), { maxLength: 60 })
  const moment = fc.record({
    entropy: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    wall: fc.integer({ min: -1, max: 8_640_000_000_000_000 }),
  })
  fc.assert(
    fc.property(
      sequence,
      moment,
      fc.boolean(),
      fc.boolean(),
      (events, { entropy, wall }, isA, isGo) => {
        const config = configOf(isA ? 'a' : 'b', isGo ? 'go' : 'wait')
        let state: State = initialState(7n)
        for (const happening of events) {
          const event: Event = { ...happening, now: instant(0), wall, entropy }
          const next: State = step(frozen(state), event, config).state
          const broken = brokenInvariant(state, next, config)
          if (broken !== undefined) throw new Error(`${broken}: ${state.role}, ${happening.type}`)
          state = next
        }
      },
    ),
    { numRuns: 300, seed: 20_261_122 },
  )
  t.end()
})

t.test('a member that stopped decides nothing any more', (t) => {
  const from = stopped({ renounced: reign })
  for (const happening of happenings) {
    const { state, effects } = step(from, eventOf(happening), b)
    if (state !== from || effects.length > 0) t.fail(happening.type)
  }
  t.pass('every event')
  t.end()
})
