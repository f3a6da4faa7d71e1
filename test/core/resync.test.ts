/**
 * A standby that loses step again and again: it loads at once twice, then later and later, with an
 * alarm; and what makes it forget.
 */

import t from 'tap'
import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import { loseStep } from '#lib/core/resync.js'
import type { LoadingState, LostStep, StandbyState } from '#lib/core/state.js'
import { epochOf, instant, millis } from '#lib/units.js'
import {
  a,
  announce,
  b,
  decide,
  entropy,
  followingPresence,
  heard,
  heardRecord,
  ignored,
  loading,
  newborn,
  other,
  peer,
  primary,
  reign,
  roleTold,
  rule,
  rulingPresence,
  standby,
} from './states.js'

const dropLoad: Effect = { type: 'drop-load' }
const gap: Happening = { type: 'out-of-step', reason: 'gap' }
const window = b.window
/** The wait that these tests' randomness makes of a bound in milliseconds. */
const share = Number(BigInt.asUintN(32, entropy)) / 2 ** 32
const waitOf = (bound: number) => millis(Math.ceil(bound * (0.5 + share / 2)))

function losing(resyncs: number, lost: LostStep): void {
  const from = standby({ resyncs })
  const isHeldOff = lost.wait > 0
  const to = loading({
    hasState: true,
    renounced: reign,
    peer: from.peer,
    lost,
    isHeldOff,
  })
  const then: Effect = isHeldOff
    ? { type: 'set-timer', name: 'ask', delay: lost.wait }
    : { type: 'ask-load' }
  rule(`lost ${lost.inARow} times in a row, it waits ${lost.wait} ms`, {
    from,
    event: gap,
    as: b,
    to,
    effects: [
      { type: 'stop-acknowledging' },
      announce(to, b),
      dropLoad,
      roleTold(from, to, 'resync'),
      { type: 'tell-resync', member: 'b', ...lost },
      then,
    ],
  })
}

const bounds: readonly [number, number][] = [
  [0, 0],
  [1, 0],
  [2, window],
  [3, 2 * window],
  [4, 4 * window],
  [7, 32 * window],
  [8, 60 * window],
  [99, 60 * window],
]
for (const [before, bound] of bounds) {
  losing(before, { reason: 'gap', inARow: before + 1, wait: waitOf(bound) })
}
losing(100, { reason: 'gap', inARow: 100, wait: waitOf(60 * window) })

t.test('the wait is drawn anew each time, between a half and the whole of its bound', (t) => {
  const waits = new Set<number>()
  for (let draw = 0n; draw < 64n; draw += 1n) {
    const moment = { now: instant(0), wall: 0, entropy: draw << 26n }
    const { wait } = loseStep('gap', 4, moment, b)
    t.ok(wait >= 2 * window && wait <= 4 * window, `${wait} ms`)
    waits.add(wait)
  }
  t.equal(waits.size, 64)
  t.end()
})

// ---- while it waits ----

const lost: LostStep = { reason: 'divergence', inARow: 4, wait: millis(700) }
const waiting = loading({ hasState: true, renounced: reign, lost, isHeldOff: true })
const ask: Happening = { type: 'timer', name: 'ask' }

ignored('held off, a new link makes it ask no sooner', waiting, linkUp(), b)
ignored('the end of the feed that it gave up, no later', waiting, { type: 'load-failed' }, b)
rule('it asks when its time has come', {
  from: waiting,
  event: ask,
  as: b,
  to: { ...waiting, isHeldOff: false },
  effects: [{ type: 'ask-load' }],
})
rule('with no link at that time it asks over the next one', {
  from: { ...waiting, link: undefined },
  event: ask,
  as: b,
  to: { ...waiting, link: undefined, isHeldOff: false },
  effects: [],
})

const later = epochOf(103)
const alone = rulingPresence({ mode: 'solo', epoch: later, inSync: undefined })
const inLaterReign = { epoch: later, highest: later, record: heardRecord(later) }
const stillWaiting: LoadingState = { ...waiting, ...inLaterReign, peer: peer(alone) }
rule('the next reign of the primary that it gave up changes nothing in that', {
  from: waiting,
  event: heard(alone),
  as: b,
  to: stillWaiting,
  effects: [dropLoad, { type: 'clear-timer', name: 'start' }, announce(stillWaiting, b)],
})

t.test('another primary is another matter: it is asked at once', (t) => {
  const { state, effects } = decide(waiting, heard(alone, 0n, newborn), b)
  t.match(state, { role: 'loading', primary: newborn, lost: undefined, isHeldOff: false })
  const isCleared = effects.some((one) => one.type === 'clear-timer' && one.name === 'ask')
  t.ok(isCleared, 'the wait for the former one has ended')
  t.end()
})

ignored('a loader may lag: it is not in sync yet', loading(), outOfStep('lag'), b)

// ---- how it is forgotten ----

const pairing = loading({ phase: 'catching-up', hasState: true, lost })
const whole: StandbyState = standby({ peer: pairing.peer, resyncs: 4 })
rule('in sync again, it counts on until the pair was whole for ten windows', {
  from: pairing,
  event: { type: 'told-in-sync', incarnation: other, epoch: reign },
  as: b,
  to: whole,
  effects: [
    announce(whole, b),
    roleTold(pairing, whole, 'paired'),
    { type: 'set-timer', name: 'steady', delay: millis(10 * window) },
  ],
})
rule('then it begins anew', {
  from: whole,
  event: { type: 'timer', name: 'steady' },
  as: b,
  to: { ...whole, resyncs: 0 },
  effects: [],
})
ignored('another timer forgets nothing', whole, ask, b)
ignored('nor does that of an earlier time, while it loads', waiting, steady(), b)

// ---- what the primary tells ----

const says = followingPresence({
  role: 'loading',
  epoch: epochOf(99),
  renounced: epochOf(99),
  lost,
})
rule('the primary tells what the beats of the other say of it', {
  from: primary(),
  event: heard(says),
  as: a,
  to: primary({ peer: peer(says) }),
  effects: [{ type: 'tell-resync', member: 'b', ...lost }],
})
ignored('and says it once', primary({ peer: peer(says) }), heard(says), a)
const saysAgain = { ...says, lost: { ...lost, inARow: 5 } }
rule('the next time is told again', {
  from: primary({ peer: peer(says) }),
  event: heard(saysAgain),
  as: a,
  to: primary({ peer: peer(saysAgain) }),
  effects: [{ type: 'tell-resync', member: 'b', ...saysAgain.lost }],
})

function linkUp(): Happening {
  return { type: 'link-up', incarnation: other }
}

function outOfStep(reason: 'lag'): Happening {
  return { type: 'out-of-step', reason }
}

function steady(): Happening {
  return { type: 'timer', name: 'steady' }
}
