/**
 * Steps of a scenario as lines of text, and back: `at 1200 kill primary for 300 if spare`.
 *
 * Pure. A line that is not understood is an error with the line in it; there are no defaults that a
 * reader would have to know.
 */

import type { Condition, Deed, Step, What, Who } from './script.js'

const members: readonly Who[] = ['a', 'b', 'primary', 'standby', 'victim', 'other']
const roles: readonly What[] = [
  'solo',
  'paired',
  'starting',
  'loading',
  'standby',
  'fenced',
  'stopped',
]
const conditions: readonly Condition[] = [
  'paired',
  'whole',
  'nobody rules',
  ...members.map((who): Condition => `${who} rules`),
  ...members.flatMap((who) => roles.map((what): Condition => `${who} is ${what}`)),
]
const ways: readonly (Who | 'both')[] = ['both', ...members]
const hows = ['down', 'stuck'] as const

export function printStep(step: Step): string {
  return `${step.when} ${round(step.ms)} ${printDeed(step)}`
}

function printDeed(deed: Deed): string {
  switch (deed.do) {
    case 'feed':
      return `feed ${deed.count}`
    case 'start':
      return `start ${deed.who}`
    case 'unit-kill':
    case 'unit-cut':
      return `${deed.do} ${deed.who}${deed.ifSpare ? ' if spare' : ''}`
    case 'kill':
    case 'both-kill':
    case 'close': {
      const down = deed.forMs === undefined ? '' : ` for ${round(deed.forMs)}`
      return `${deed.do} ${deed.who}${down}${deed.ifSpare ? ' if spare' : ''}`
    }
    case 'stop':
    case 'block':
    case 'unit-stop':
      return `${deed.do} ${deed.who} for ${round(deed.forMs)}${deed.ifSpare ? ' if spare' : ''}`
    case 'slow':
      return `slow ${deed.who} ${round(deed.eachMs)} for ${round(deed.forMs)}`
    case 'break':
    case 'heal':
    case 'rest':
      return deed.do
    case 'cut':
    case 'disk-down':
    case 'arbiter-gone':
    case 'arbiter-late':
      return `${deed.do} ${deed.from} for ${round(deed.forMs)}`
    case 'deaf':
      return `deaf ${deed.who} for ${round(deed.forMs)}`
    case 'receiver':
      return `receiver ${deed.channel} ${deed.how} for ${round(deed.forMs)}`
    case 'switchover':
      return `switchover ${deed.who} within ${round(deed.withinMs)}`
    case 'powercut':
      return `powercut for ${round(deed.forMs)}`
    case 'wall':
      return `wall ${deed.who} ${round(deed.byMs)}`
    case 'await':
    case 'seek':
      return `${deed.do} ${deed.until} within ${round(deed.withinMs)}`
    case 'expect':
      return `expect ${deed.isMeant ? '' : 'not '}${deed.that}`
  }
}

/** Three digits behind the point: what a step needs to happen at the same moment again. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

/** `sweep`: what the letter T stands for. */
export function parseStep(line: string, sweep = 0): Step {
  const words = new Words(line, sweep)
  const when = words.oneOf(['at', 'after'] as const)
  const ms = words.number()
  const deed = parseDeed(words)
  words.end()
  return { when, ms, ...deed }
}

function parseDeed(words: Words): Deed {
  const verb = words.next()
  switch (verb) {
    case 'feed':
      return { do: verb, count: words.number() }
    case 'start':
      return { do: verb, who: words.oneOf(members) }
    case 'unit-kill':
    case 'unit-cut':
      return { do: verb, who: words.oneOf(members), ifSpare: words.optional('if', 'spare') }
    case 'kill':
    case 'both-kill':
    case 'close':
      return {
        do: verb,
        who: words.oneOf(members),
        forMs: words.optional('for') ? words.number() : undefined,
        ifSpare: words.optional('if', 'spare'),
      }
    case 'stop':
    case 'block':
    case 'unit-stop': {
      const who = words.oneOf(members)
      return { do: verb, who, forMs: words.forMs(), ifSpare: words.optional('if', 'spare') }
    }
    case 'slow': {
      const who = words.oneOf(members)
      return { do: verb, who, eachMs: words.number(), forMs: words.forMs() }
    }
    case 'break':
    case 'heal':
    case 'rest':
      return { do: verb }
    case 'cut':
    case 'disk-down':
    case 'arbiter-gone':
    case 'arbiter-late':
      return { do: verb, from: words.oneOf(ways), forMs: words.forMs() }
    case 'deaf':
      return { do: verb, who: words.oneOf(members), forMs: words.forMs() }
    case 'receiver': {
      const channel = words.number()
      return { do: verb, channel, how: words.oneOf(hows), forMs: words.forMs() }
    }
    case 'switchover': {
      const who = words.oneOf(members)
      words.expect('within')
      return { do: verb, who, withinMs: words.number() }
    }
    case 'powercut':
      return { do: verb, forMs: words.forMs() }
    case 'wall':
      return { do: verb, who: words.oneOf(['a', 'b'] as const), byMs: words.number() }
    case 'await':
    case 'seek': {
      const until = words.condition('within')
      words.expect('within')
      return { do: verb, until, withinMs: words.number() }
    }
    case 'expect': {
      const isMeant = !words.optional('not')
      return { do: verb, that: words.condition(), isMeant }
    }
    default:
      throw words.fault(`no such deed: ${verb}`)
  }
}

/** The words of one line, taken one after the other. */
class Words {
  readonly #line: string
  readonly #words: string[]
  readonly #sweep: number

  constructor(line: string, sweep: number) {
    this.#line = line
    this.#sweep = sweep
    this.#words = line.trim().split(/\s+/)
  }

  next(): string {
    const word = this.#words.shift()
    if (word === undefined) throw this.fault('it ends too early')
    return word
  }

  number(): number {
    const word = this.next()
    // T, or a sum of it: T+5.
    const [base, plus] = word.startsWith('T') ? [this.#sweep, word.slice(1)] : [0, word]
    const value = base + Number(plus)
    if (Number.isNaN(value)) throw this.fault(`${word} is no number`)
    return value
  }

  oneOf<Of extends string>(values: readonly Of[]): Of {
    const word = this.next()
    const found = values.find((value) => value === word)
    if (found === undefined) throw this.fault(`${word} is none of ${values.join(', ')}`)
    return found
  }

  optional(...wanted: readonly string[]): boolean {
    if (!wanted.every((word, index) => this.#words[index] === word)) return false
    this.#words.splice(0, wanted.length)
    return true
  }

  expect(word: string): void {
    if (!this.optional(word)) throw this.fault(`${word} is missing`)
  }

  forMs(): number {
    this.expect('for')
    return this.number()
  }

  /** All words up to `stop`, or to the end. */
  condition(stop?: string): Condition {
    const end = stop === undefined ? -1 : this.#words.indexOf(stop)
    const text = this.#words.splice(0, end < 0 ? this.#words.length : end).join(' ')
    const found = conditions.find((condition) => condition === text)
    if (found === undefined) throw this.fault(`${text} is no condition`)
    return found
  }

  end(): void {
    if (this.#words.length > 0) throw this.fault(`nobody reads ${this.#words.join(' ')}`)
  }

  fault(why: string): Error {
    return new Error(`${why}, in the step ${JSON.stringify(this.#line)}`)
  }
}
