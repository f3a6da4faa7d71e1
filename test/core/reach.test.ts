/**
 * Every state that two members can reach in a small world, walked breadth first with the real
 * `step`.
 *
 * What the world is stands in `world.ts` and `laws.ts`: one input, at most four packets each way,
 * two asks for a load a link, true verdicts, any order of everything. At every state both members'
 * invariants hold, no two members may send unacknowledged, the ruling one holds all that was
 * accepted or released, so does a standby that may take over, and no history begins while one holds
 * it. From every state in which a member may still act on the history, the pair can be whole again
 * without another misfortune.
 *
 * Sizes: nothing goes wrong (two inputs) 3,049 states; a death with restart 72,071; a stop 142,783;
 * a close with restart 122,865; a cut link 26,812; a renunciation 30,294; a loop that hangs
 * 16,983; a switchover 70,346: some 30 s of one processor. Also walked: two hangs 73,158; a hang
 * and a cut 247,449; two switchovers 136,481; a switchover and a renunciation 677,495; a death and
 * a stop for 4 million states, not to the end. `REACH` in the environment replaces the sizes:
 * `REACH='{"more":{"deaths":1,"stalls":1}}' node build-dev/test/core/reach.test.js`.
 */

import { env } from 'node:process'
import t from 'tap'
import { step } from '#lib/core/step.js'
import { walk } from './walk.js'
import type { Bounds } from './world.js'

// A guard: the walk takes longer than a test usually may.
t.setTimeout(300_000)

const nothing: Bounds = {
  frames: 1,
  deaths: 0,
  stalls: 0,
  cuts: 0,
  closes: 0,
  switchovers: 0,
  hangs: 0,
  renouncements: 0,
  onLoss: 'wait',
}

const worlds: Readonly<Record<string, Partial<Bounds>>> = {
  'nothing goes wrong': { frames: 2 },
  'one member dies': { deaths: 1 },
  'one member stands still': { stalls: 1 },
  'one member is closed': { closes: 1 },
  'the link is cut': { cuts: 1 },
  'a standby renounces': { renouncements: 1 },
  'an event loop hangs': { hangs: 1 },
  'the rule is handed over': { switchovers: 1 },
}

for (const [name, bounds] of Object.entries<Partial<Bounds>>(
  JSON.parse(env['REACH'] ?? 'null') ?? worlds,
)) {
  t.test(`no promise breaks where ${name}`, (t) => {
    const { states, cutShort, broken, whole, stuck, deadEnd } = walk({ ...nothing, ...bounds })
    t.comment(`${states} states, ${whole} whole, ${stuck} stuck, ${cutShort} beyond the bounds`)
    t.equal(broken, undefined, broken ?? 'every promise holds')
    t.equal(deadEnd, undefined, deadEnd ?? 'whoever holds all comes to a whole pair again')
    t.end()
  })
}

/** Rules with one word wrong: a walk that does not find them out proves nothing. */
const wrong: Readonly<Record<string, { bounds: Partial<Bounds>; decide: typeof step }>> = {
  'a loader that slept believes an old "in sync"': {
    bounds: { stalls: 1 },
    decide: (state, event, config) =>
      state.role === 'loading' && event.type === 'stalled'
        ? { state, effects: [] }
        : step(state, event, config),
  },
  'a primary goes on without a standby that is late': {
    bounds: { renouncements: 1 },
    decide: (state, event, config) => {
      if (event.type !== 'ack-timeout' || state.peer === undefined)
        return step(state, event, config)
      const { incarnation } = state.peer
      return step(state, { ...event, type: 'found', incarnation, verdict: 'unreachable' }, config)
    },
  },
  'a standby rules when it is asked to, and forgets that its beat thread gave up': {
    bounds: { renouncements: 1, hangs: 1 },
    decide: (state, event, config) =>
      event.type === 'fenced' ? { state, effects: [] } : step(state, event, config),
  },
  'a loader stands by before it is told': {
    bounds: { deaths: 1 },
    decide: (state, event, config) => {
      const next = step(state, event, config)
      if (event.type !== 'load-installed' || next.state.role !== 'loading') return next
      const { incarnation } = next.state.peer ?? { incarnation: config.incarnation }
      return step(next.state, { ...event, type: 'told-in-sync', incarnation }, config)
    },
  },
}

for (const [name, { bounds, decide }] of Object.entries(wrong)) {
  t.test(`the walk finds out where ${name}`, (t) => {
    const { broken } = walk({ ...nothing, ...bounds }, decide)
    t.match(
      broken,
      /lacks what was accepted|is missing in the ruling|may send unacknowledged|under one frame/,
    )
    t.comment(broken ?? 'not found out')
    t.end()
  })
}

t.test('the walk finds out where two blank members do not say what they have heard', (t) => {
  const { deadEnd } = walk({ ...nothing, frames: 0, deaths: 1 }, (state, event, config) => {
    const { state: next, effects } = step(state, event, config)
    const isMute = next.role === 'starting' && event.type === 'heard'
    return {
      state: next,
      effects: isMute ? effects.filter((one) => one.type !== 'announce') : effects,
    }
  })
  t.match(deadEnd, /cannot be whole again/)
  t.comment(deadEnd ?? 'not found out')
  t.end()
})
