/**
 * Every state that two members can reach in a small world, walked breadth first with the real
 * `step`.
 *
 * What the world is stands in `world.ts` and `laws.ts`: one input, at most four packets each way,
 * two asks for a load a link, true verdicts, any order of everything. At every state both members'
 * invariants hold, no two members may send unacknowledged, the ruling one holds all that was
 * accepted or released, so does a standby that may take over, and no history begins while one holds
 * it.
 *
 * Sizes: nothing goes wrong (two inputs) 3,048 states; a death with restart 75,826; a stop 142,782;
 * a close with restart 122,726; a cut link 26,811; a renunciation 26,922: some 20 s of one
 * processor. A death and a stop together were walked for 4 million states, not to the end. `REACH`
 * in the environment replaces the sizes: `REACH='{"more":{"deaths":1,"stalls":1}}' node
 * build-dev/test/core/reach.test.js`.
 */

import { env } from 'node:process'
import t from 'tap'
import { step } from '#lib/core/step.js'
import { Broken, Laws } from './laws.js'
import { type Bounds, copyOf, firstWorld, isBeyond, keyOf, type World } from './world.js'

interface Walk {
  readonly states: number
  /** Steps that led to more than this world looks at. */
  readonly cutShort: number
  readonly broken: string | undefined
}

/** Where a state was reached from, and by what. */
interface Step {
  readonly from: Step | undefined
  readonly name: string
}

/** A world that grows past this is wrong, or too large for a test. */
const mostStates = 4_000_000

function walk(bounds: Bounds, decide: typeof step = step): Walk {
  const laws = new Laws(bounds, decide)
  const seen = new Set<string>()
  let cutShort = 0
  let edge: { readonly world: World; readonly step: Step | undefined }[] = [
    { world: firstWorld(), step: undefined },
  ]
  while (edge.length > 0 && seen.size < mostStates) {
    const later: typeof edge = []
    for (const { world, step } of edge) {
      for (const { name, run } of laws.actions(world)) {
        const next = copyOf(world)
        const broken = outcome(() => run(next)) ?? laws.brokenPromise(next)
        const way = { from: step, name }
        if (broken !== undefined) return { states: seen.size, cutShort, broken: story(broken, way) }
        const key = keyOf(next)
        if (isBeyond(next)) cutShort += 1
        else if (!seen.has(key)) {
          seen.add(key)
          later.push({ world: next, step: way })
        }
      }
    }
    edge = later
  }
  const broken = edge.length > 0 ? `more than ${mostStates} states` : undefined
  return { states: seen.size, cutShort, broken }
}

function outcome(run: () => void): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof Broken) return error.message
    throw error
  }
}

function story(broken: string, last: Step): string {
  const names: string[] = []
  for (let step: Step | undefined = last; step; step = step.from) names.unshift(step.name)
  return [broken, ...names].join('\n  ')
}

// A guard: the walk takes longer than a test usually may.
t.setTimeout(120_000)

const nothing: Bounds = {
  frames: 1,
  deaths: 0,
  stalls: 0,
  cuts: 0,
  closes: 0,
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
}

for (const [name, bounds] of Object.entries<Partial<Bounds>>(
  JSON.parse(env['REACH'] ?? 'null') ?? worlds,
)) {
  t.test(`no promise breaks where ${name}`, (t) => {
    const { states, cutShort, broken } = walk({ ...nothing, ...bounds })
    t.comment(`${states} states, ${cutShort} steps beyond the bounds`)
    t.equal(broken, undefined, broken ?? 'every promise holds')
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
    t.match(broken, /lacks what was accepted or released|is missing in the ruling member/)
    t.comment(broken ?? 'not found out')
    t.end()
  })
}
