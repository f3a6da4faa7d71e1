/**
 * Scenarios as files: JSON whose steps are lines of text. docs/TESTING.md has the grammar.
 *
 * A scenario may have a sweep: the letter T in its steps then takes so many values, one run each.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Script, Step } from './script.js'
import type { Settings } from './settings.js'
import { parseStep, printStep } from './step-line.js'

interface Written {
  readonly story: readonly string[]
  readonly settings: Partial<Settings>
  /** First and last value of T, and how many. */
  readonly sweep?: readonly [number, number, number]
  readonly lastsMs?: number
  readonly steps: readonly string[]
}

/** Where the scenarios stand, from the root of the project. */
export const scenarioFolder = 'test/scenarios'

export function scenarioNames(folder = scenarioFolder): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort()
}

/** One script for each value of T, or one. */
export function readScenario(path: string): readonly Script[] {
  const written = JSON.parse(readFileSync(path, 'utf8')) as Written
  const { sweep } = written
  if (sweep === undefined) return [scriptOf(written, 0, 0)]
  const [first, last, count] = sweep
  return Array.from({ length: count }, (_, index) =>
    scriptOf(written, first + ((last - first) * index) / Math.max(1, count - 1), index),
  )
}

function scriptOf(written: Written, sweep: number, index: number): Script {
  const { story, settings, lastsMs, steps } = written
  return {
    story,
    // Each run of a sweep has a seed of its own: the same moment, other delays.
    settings: { ...settings, seed: (settings.seed ?? 1) + index },
    ...(lastsMs === undefined ? {} : { lastsMs }),
    steps: steps.filter((line) => !line.startsWith('#')).map((line) => parseStep(line, sweep)),
  }
}

export function writeScenario(name: string, script: Script, folder = scenarioFolder): string {
  const path = join(folder, `${name}.json`)
  writeFileSync(path, `${printScenario(script)}\n`)
  return path
}

export function printScenario({ story, settings, lastsMs, steps }: Script): string {
  const written: Written = {
    story,
    settings,
    ...(lastsMs === undefined ? {} : { lastsMs }),
    steps: steps.map((step: Step) => printStep(step)),
  }
  return JSON.stringify(written, undefined, 2)
}
