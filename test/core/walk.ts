/**
 * Walks every state that two members can reach in a small world, breadth first, and looks at the
 * graph afterwards: from where can the pair be whole again when nothing more goes wrong?
 *
 * A state is kept as the text of its world and as a number; the steps between states as pairs of
 * numbers, which is what makes some hundred thousand of them fit. What may happen stands in
 * `laws.ts`.
 */

import { step } from '#lib/core/step.js'
import { Laws } from './laws.js'
import { type Bounds, Broken, copyOf, firstWorld, isBeyond, keyOf, type World } from './world.js'
import { isHeld, isWhole } from './world-rules.js'

export interface Walk {
  readonly states: number
  /** Steps that led to more than this world looks at. */
  readonly cutShort: number
  readonly broken: string | undefined
  /** States in which the pair is whole. */
  readonly whole: number
  /** States from which it cannot be whole again without a new misfortune, or an operator. */
  readonly stuck: number
  /** The way to one of them in which a member still holds all: there must be none. */
  readonly deadEnd: string | undefined
}

/** Where a state was reached from, and by what. */
interface Way {
  readonly from: Way | undefined
  readonly name: string
}

interface Found {
  readonly world: World
  readonly number: number
  readonly way: Way | undefined
}

/** A world that grows past this is wrong, or too large for a test. */
const mostStates = 4_000_000

export function walk(bounds: Bounds, decide: typeof step = step): Walk {
  const walker = new Walker(new Laws(bounds, decide))
  return walker.walk()
}

class Walker {
  readonly #laws: Laws
  readonly #numbers = new Map<string, number>()
  /** Steps that are no misfortune: from, to, from, to ... */
  readonly #steps: number[] = []
  readonly #whole: number[] = []
  /** States with a step beyond the bounds, where nothing is known: that counts as a way on. */
  readonly #beyond: number[] = []
  readonly #held = new Map<number, Way | undefined>()
  #cutShort = 0
  #edge: Found[] = []

  constructor(laws: Laws) {
    this.#laws = laws
  }

  walk(): Walk {
    this.#add(firstWorld(), undefined)
    while (this.#edge.length > 0 && this.#numbers.size < mostStates) {
      const edge = this.#edge
      this.#edge = []
      for (const found of edge) {
        const broken = this.#expand(found)
        if (broken !== undefined) return this.#result(broken)
      }
    }
    return this.#result(this.#edge.length > 0 ? `more than ${mostStates} states` : undefined)
  }

  /** Everything that may happen in a state; a sentence with the way to it when a promise breaks. */
  #expand({ world, number, way: from }: Found): string | undefined {
    for (const { name, run, isFault } of this.#laws.actions(world)) {
      const next = copyOf(world)
      const broken = outcome(() => run(next)) ?? this.#laws.brokenPromise(next)
      const way = { from, name }
      if (broken !== undefined) return story(broken, way)
      if (isBeyond(next)) {
        this.#cutShort += 1
        if (!isFault) this.#beyond.push(number)
        continue
      }
      const to = this.#add(next, way)
      if (!isFault) this.#steps.push(number, to)
    }
    return undefined
  }

  #add(world: World, way: Way | undefined): number {
    const key = keyOf(world)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(key, number)
    if (isWhole(world)) this.#whole.push(number)
    if (isHeld(world)) this.#held.set(number, way)
    this.#edge.push({ world, number, way })
    return number
  }

  #result(broken: string | undefined): Walk {
    const states = this.#numbers.size
    const whole = this.#whole.length
    const base = { states, cutShort: this.#cutShort, broken, whole }
    if (broken !== undefined) return { ...base, stuck: 0, deadEnd: undefined }
    const live = reachableBackwards(states, this.#steps, [...this.#whole, ...this.#beyond])
    let stuck = 0
    let deadEnd: string | undefined
    for (let number = 0; number < states; number += 1) {
      if (live[number] === 1) continue
      stuck += 1
      const way = this.#held.get(number)
      if (way !== undefined) deadEnd ??= story('the pair cannot be whole again', way)
    }
    return { ...base, stuck, deadEnd }
  }
}

/** 1 for every state from which one of `goals` can be reached by `steps`. */
function reachableBackwards(
  states: number,
  steps: readonly number[],
  goals: readonly number[],
): Uint8Array {
  // For each state, the last step that leads to it, and for each step the one before: a list each.
  const last = new Int32Array(states).fill(-1)
  const before = new Int32Array(steps.length / 2)
  for (let index = 0; index < before.length; index += 1) {
    const to = steps[2 * index + 1] ?? 0
    before[index] = last[to] ?? -1
    last[to] = index
  }
  const seen = new Uint8Array(states)
  const queue = [...new Set(goals)]
  for (const goal of queue) seen[goal] = 1
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (let index = last[next] ?? -1; index >= 0; index = before[index] ?? -1) {
      const from = steps[2 * index] ?? 0
      if (seen[from] === 1) continue
      seen[from] = 1
      queue.push(from)
    }
  }
  return seen
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

function story(broken: string, last: Way): string {
  const names: string[] = []
  for (let way: Way | undefined = last; way; way = way.from) names.unshift(way.name)
  return [broken, ...names].join('\n  ')
}
