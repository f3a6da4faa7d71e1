/**
 * Every state that two members can reach in a small world, walked breadth first with the real `step`.
 *
 * What the world is stands in `world.ts`; here are its sizes. At every state both members' invariants hold,
 * no two members may send unacknowledged, the ruling one holds all that was accepted or released, and
 * so does a standby that may take over. A path to a broken promise is printed as the shortest one. `REACH` in
 * the environment replaces the sizes: `REACH='{"big":{"deaths":2}}' node build-dev/test/core/reach.test.js`.
 */

import { env } from 'node:process'
import t from 'tap'
import {
  type Bounds,
  Broken,
  copyOf,
  firstWorld,
  isBeyond,
  keyOf,
  Laws,
  type World,
} from './world.js'

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

function walk(bounds: Bounds): Walk {
  const laws = new Laws(bounds)
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
