/**
 * What a takeover may take, beside its floors, and whether it did.
 */

import type { Aim } from '../support/findings.js'
import { type Summary, summarize } from '../support/statistics.js'
import type { Blow } from './strike.js'

export const withUnit = 'hotpair, unit process'
export const withBareUnits = 'bare chain, unit process'

const hangAfterMs = 500

/** What was struck. */
export interface Measured {
  readonly subject: string
  readonly case: string
}

/** Of the takeovers of `blows`. */
export function summaryOf(blows: readonly Blow[]): Summary {
  return summarize(blows.map(({ takeoverMs }) => takeoverMs))
}

/** When the victims' connections ended, where that was seen. */
export function ends(blows: readonly Blow[]): number[] {
  return blows.flatMap(({ endMs }) => (endMs === undefined || Number.isNaN(endMs) ? [] : [endMs]))
}

/** `blows`: what `figures` were made of. */
export function aimsOf<Part extends Measured>(
  figures: ReadonlyMap<Part, Summary>,
  blows: ReadonlyMap<Part, readonly Blow[]>,
): Aim[] {
  const aims: Aim[] = unitAims(figures)
  for (const [part, { p50, p99, max }] of figures) {
    if (part.subject !== 'hotpair') continue
    const closed = ends(blows.get(part) ?? [])
    if (closed.length > 0) {
      const what = `${part.case}: takeover / socket closed, p50`
      const figure = p50 / summarize(closed).p50
      aims.push({ what, figure, aim: '≤ 2', isMet: figure <= 2 })
    }
    const bound = boundOf(part.case)
    if (bound === undefined) continue
    const figure = p99 ?? max
    const what = `${part.case}: ${p99 === undefined ? 'max' : 'p99'}, ms`
    aims.push({ what, figure, aim: `≤ ${bound}`, isMet: figure <= bound })
  }
  return aims
}

// Two floors: the same chain without its work, and what waits for the end of a connection, which is
// left behind the further the more memory there is. The aim is of the first.
function unitAims(figures: ReadonlyMap<Measured, Summary>): Aim[] {
  const chains = [...figures].filter(([{ subject }]) => subject === withBareUnits)
  return [...figures].flatMap(([part, summary]) => {
    const chain = chains.find(([other]) => other.case === part.case)?.[1]
    if (part.subject !== withUnit || chain === undefined) return []
    const of = (key: 'p50' | 'max') => {
      const figure = summary[key] / chain[key]
      const what = `${part.case}, unit process: takeover / bare chain with units, ${key}`
      return { what, figure, aim: '≤ 1.5', isMet: figure <= 1.5 }
    }
    return [of('p50'), of('max')]
  })
}

// Five milliseconds past the time that has to pass before anybody may speak of a fault.
function boundOf(what: string): number | undefined {
  const window = /SIGSTOP, \d+\/(\d+) ms/.exec(what)?.[1]
  if (window !== undefined) return Number(window) + 5
  return what.startsWith('hung') ? hangAfterMs + 5 : undefined
}
