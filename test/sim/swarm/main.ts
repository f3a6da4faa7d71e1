/**
 * `npm run sim`: many seeds, one seed with all that happens in it, a scenario, or the canaries.
 *
 * The last line with `--json` is `{"seeds":n,"violations":[],"events":n,"seconds":x}`. The exit
 * code is 1 when a promise was broken, a canary lived, or a seed was shorter than it must be.
 */

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { canaries } from './canaries.js'
import { scriptOf } from './generate.js'
import { type Report, runSeeds } from './pool.js'
import { readScenario, writeScenario } from './scenario-file.js'
import type { Script } from './script.js'
import { shrink } from './shrink.js'
import { printStep } from './step-line.js'
import { Trial, type Wraps } from './trial.js'

const usage = `npm run sim -- [options]
  --seeds N        seeds to run (1,000)
  --seed S         the first of them (1)
  --seconds X      begin no seed after so long
  --workers W      threads (as many as there are processors, at most 4)
  --json           the result as the last line
  --trace          with one seed: what is done and what comes of it
  --canary NAME    put a known bug in; the run ends when it is found
  --canaries       every canary in turn, each in at most --seeds
  --replay FILE    a scenario of test/scenarios/ instead of seeds
  --shrink NAME    make the seed small and write it to test/scenarios/NAME.json`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    workers: { type: 'string', default: String(Math.min(availableParallelism(), 4)) },
    json: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    canary: { type: 'string' },
    canaries: { type: 'boolean', default: false },
    replay: { type: 'string' },
    shrink: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

interface Told {
  readonly seed: number
  readonly promise: string
  readonly text: string
  readonly replay: string
}

const whole = (text: string, name: string) => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} ${text} is no number`)
  return value
}
const count = whole(values.seeds, 'seeds')
const first = whole(values.seed, 'seed')
const threads = Math.max(1, Math.min(whole(values.workers, 'workers'), count))
const { canary } = values
const wraps = (): Wraps => (canary ? (canaries[canary]?.() ?? {}) : {})
const print = (text: string) => process.stdout.write(`${text}\n`)
const replayOf = (seed: number) =>
  `npm run sim -- --seed ${seed} --seeds 1 --trace${canary ? ` --canary ${canary}` : ''}`

async function main(): Promise<number> {
  if (canary !== undefined && canaries[canary] === undefined) {
    print(`no canary ${canary}; there are ${Object.keys(canaries).join(', ')}`)
    return 1
  }
  if (values.help) return say(usage)
  if (values.shrink !== undefined) return shrinkSeed(values.shrink)
  if (values.canaries) return runCanaries()
  if (values.replay !== undefined) return runScripts(readScenario(values.replay))
  if (count === 1 && values.trace) return runScripts([scriptOf(first)])
  return runMany()
}

function say(text: string): number {
  print(text)
  return 0
}

/** Seeds on all threads. */
async function runMany(): Promise<number> {
  const began = performance.now()
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds)
  const isFirstEnough = canary !== undefined
  const report = await runSeeds({ first, count, threads, seconds, canary, isFirstEnough })
  const took = (performance.now() - began) / 1_000
  const told = violationsOf(report)
  printSums(report, took)
  for (const { seed, promise, text, replay } of told) {
    print(`seed ${seed} breaks ${promise} ${text}\n  replay it by: ${replay}`)
  }
  const { seeds, events } = report.sums
  if (values.json) {
    const rounded = Math.round(took * 1_000) / 1_000
    print(JSON.stringify({ seeds, violations: told, events, seconds: rounded }))
  }
  return told.length > 0 ? 1 : 0
}

function violationsOf({ failures }: Report): readonly Told[] {
  return failures.flatMap(({ seed, violations }) =>
    violations.slice(0, 1).map(({ promise, text }) => ({
      seed,
      promise,
      text,
      replay: replayOf(seed),
    })),
  )
}

function printSums({ sums, least }: Report, took: number): void {
  const line = (name: string, value: string, beside = '') =>
    print(`${name.padEnd(14)}${value.padStart(14)}  ${beside}`.trimEnd())
  const total = (value: number) => Math.round(value).toLocaleString('en')
  line('seeds', total(sums.seeds), `${total((sums.seeds / took) * 60)} a minute`)
  line('virtual time', `${total(sums.virtualMs / 3_600_000)} h`, `least ${least.virtualMs} ms`)
  line('frames', total(sums.frames), `least ${least.frames} a seed`)
  line('faults', total(sums.faults), `least ${least.faults} a seed`)
  line('takeovers', total(sums.takeovers))
  line('outputs', total(sums.outputs), `${total(sums.repeats)} begun again`)
  line('looks', total(sums.looks))
  line('events', total(sums.events))
  line('seconds', took.toFixed(1), `${threads} threads`)
}

/** A few scripts on this thread, with all that happens in them if that is wanted. */
async function runScripts(scripts: readonly Script[]): Promise<number> {
  const began = performance.now()
  let events = 0
  const told: Told[] = []
  for (const script of scripts) {
    const outcome = await new Trial(script, wraps(), values.trace).run()
    const seed = script.settings.seed ?? 1
    events += outcome.counts.events
    if (values.trace) for (const line of script.story) print(line)
    for (const line of outcome.trail) print(line)
    for (const { promise, atMs, text } of outcome.violations) {
      print(`seed ${seed} breaks ${promise} at ${atMs.toFixed(1)} ms: ${text}`)
      told.push({ seed, promise, text, replay: `npm run sim -- --replay ${values.replay}` })
    }
  }
  const seconds = Math.round(performance.now() - began) / 1_000
  print(`${scripts.length} runs, ${told.length} violations`)
  if (values.json) {
    print(JSON.stringify({ seeds: scripts.length, violations: told, events, seconds }))
  }
  return told.length > 0 ? 1 : 0
}

async function runCanaries(): Promise<number> {
  let missed = 0
  for (const name of Object.keys(canaries)) {
    const began = performance.now()
    const work = { first, count, threads, seconds: undefined, isFirstEnough: true }
    const { sums, failures } = await runSeeds({ ...work, canary: name })
    const took = ((performance.now() - began) / 1_000).toFixed(1)
    const [found] = failures
    if (found === undefined) missed += 1
    const promise = found?.violations[0]?.promise
    const what = found ? `found by seed ${found.seed} (${promise})` : `NOT FOUND`
    print(`${name.padEnd(34)} ${what}, ${sums.seeds} seeds, ${took} s`)
  }
  print(`${Object.keys(canaries).length - missed} passed, ${missed} failed, 0 skipped`)
  return missed > 0 ? 1 : 0
}

async function shrinkSeed(name: string): Promise<number> {
  const script = values.replay === undefined ? scriptOf(first) : readScenario(values.replay)[0]
  const shrunk = script && (await shrink(script, wraps))
  if (shrunk === undefined) return say(`seed ${first} breaks nothing`)
  const story = [`Breaks ${shrunk.promise}: ${shrunk.text}`, `Found by seed ${first}.`]
  const path = writeScenario(name, { ...shrunk.script, story })
  for (const step of shrunk.script.steps) print(printStep(step))
  return say(`${shrunk.promise}: ${shrunk.text}\n${path}, after ${shrunk.runs} runs`)
}

Error.stackTraceLimit = values.trace ? 10 : 0
process.exitCode = await main()
