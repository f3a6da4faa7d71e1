/**
 * Makes a failing scenario small: drops steps, calms settings, feeds less, brings steps together
 * and rounds their times, as long as it still breaks the same promise in the same way.
 *
 * Greedy and bounded by runs, not by time, so that it gives the same answer again.
 */

import type { Promised } from '../check/violation.js'
import type { Script, Step } from './script.js'
import { calm, differing, type Settings } from './settings.js'
import { Trial, type Wraps } from './trial.js'

/** Trials of one shrinking: some minutes at most, and far less as the scenario gets shorter. */
const mostRuns = 1_500

export interface Shrunk {
  readonly script: Script
  readonly promise: Promised
  readonly text: string
  readonly runs: number
}

/** Undefined when `script` breaks nothing. `wraps`: a new one for each trial. */
export async function shrink(script: Script, wraps: () => Wraps): Promise<Shrunk | undefined> {
  const shrinker = new Shrinker(wraps)
  return shrinker.run(script)
}

class Shrinker {
  readonly #wraps: () => Wraps
  #runs = 0
  #best: Script = { story: [], settings: {}, steps: [] }
  #promise: Promised | undefined
  #text = ''

  constructor(wraps: () => Wraps) {
    this.#wraps = wraps
  }

  async run(script: Script): Promise<Shrunk | undefined> {
    if (!(await this.#isBetter(script))) return undefined
    const { lastsMs: _, ...short } = this.#best
    await this.#isBetter(short)
    for (let round = 0; round < 4; round += 1) {
      const before = JSON.stringify(this.#best)
      await this.#dropSteps()
      await this.#calmSettings()
      await this.#feedLess()
      await this.#bringTogether()
      await this.#roundTimes()
      if (JSON.stringify(this.#best) === before) break
    }
    const promise = this.#promise
    if (promise === undefined) return undefined
    return { script: this.#best, promise, text: this.#text, runs: this.#runs }
  }

  /** Whether `script` still breaks the promise; then it is the best so far. */
  async #isBetter(script: Script): Promise<boolean> {
    if (this.#runs >= mostRuns) return false
    this.#runs += 1
    const { violations } = await new Trial(script, this.#wraps()).run()
    const found = violations.find(({ promise, text }) => this.#isSame(promise, text))
    if (found === undefined) return false
    this.#promise = found.promise
    this.#text = found.text
    this.#best = script
    return true
  }

  /** The same promise, broken in the same words: numbers and statuses aside. */
  #isSame(promise: Promised, text: string): boolean {
    if (this.#promise === undefined) return true
    return promise === this.#promise && wordsOf(text) === wordsOf(this.#text)
  }

  async #dropSteps(): Promise<void> {
    let size = Math.ceil(this.#best.steps.length / 2)
    while (size >= 1) {
      for (let at = 0; at < this.#best.steps.length; ) {
        const { steps } = this.#best
        const fewer = [...steps.slice(0, at), ...steps.slice(at + size)]
        if (!(await this.#isBetter({ ...this.#best, steps: fewer }))) at += size
      }
      size = size === 1 ? 0 : Math.ceil(size / 2)
    }
  }

  async #calmSettings(): Promise<void> {
    const { seed: _, ...rest } = differing({ ...calm, ...this.#best.settings })
    for (const key of Object.keys(rest) as (keyof Settings)[]) {
      const settings = { ...this.#best.settings }
      delete settings[key]
      await this.#isBetter({ ...this.#best, settings })
    }
  }

  async #feedLess(): Promise<void> {
    for (let at = 0; at < this.#best.steps.length; at += 1) {
      for (;;) {
        const step = this.#best.steps[at]
        if (step?.do !== 'feed' || step.count <= 1) break
        const count = Math.floor(step.count / 2)
        if (!(await this.#tryStep(at, { ...step, count }))) break
      }
    }
  }

  /** Takes time out between two steps: all that come later come earlier. */
  async #bringTogether(): Promise<void> {
    for (let at = 0; at < this.#best.steps.length; at += 1) {
      for (const share of [0, 0.25, 0.5]) {
        const { steps } = this.#best
        const before = steps[at - 1]?.ms ?? 0
        const gap = (steps[at]?.ms ?? 0) - before
        if (steps[at]?.when !== 'at' || gap < 2) break
        const less = gap - Math.round(gap * share)
        const moved = steps.map((step, index) =>
          index >= at && step.when === 'at' ? { ...step, ms: step.ms - less } : step,
        )
        if (await this.#isBetter({ ...this.#best, steps: moved })) break
      }
    }
  }

  async #roundTimes(): Promise<void> {
    for (const unit of [100, 10, 1, 0.1]) {
      for (let at = 0; at < this.#best.steps.length; at += 1) {
        const step = this.#best.steps[at]
        if (step === undefined) continue
        const round = (ms: number) => Math.round(ms / unit) * unit
        if (round(step.ms) !== step.ms) await this.#tryStep(at, { ...step, ms: round(step.ms) })
        const now = this.#best.steps[at]
        if (now && 'forMs' in now && now.forMs !== undefined && round(now.forMs) !== now.forMs) {
          await this.#tryStep(at, { ...now, forMs: round(now.forMs) })
        }
      }
    }
  }

  #tryStep(at: number, step: Step): Promise<boolean> {
    const steps = this.#best.steps.map((one, index) => (index === at ? step : one))
    return this.#isBetter({ ...this.#best, steps })
  }
}

function wordsOf(text: string): string {
  return text.replace(/\{.*/s, '').replace(/[\d.]+/g, '#')
}
