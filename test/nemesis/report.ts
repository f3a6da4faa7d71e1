/**
 * How a run of the nemesis is told: for a person by kind of fault, for programs as one line.
 *
 * The fields of the line are the nemesis's interface; everything else may change.
 */

import type { Blow, NemesisFault, Outcome } from './run.js'

/** Told one by one; of more only the number. */
const mostTold = 50

export function outcomeJson(minutes: number, outcome: Outcome): string {
  const { blows, takeovers, outputs, lost, duplicated, twoOpenGates, longestSilenceMs } = outcome
  const { splits, unjudged, violations } = outcome
  const counts = { minutes, faults: blows.length, takeovers, outputs, lost, duplicated }
  const rest = {
    twoOpenGates,
    longestSilenceMs,
    splits,
    unjudged,
    violations: violations.slice(0, mostTold),
  }
  return JSON.stringify({ ...counts, ...rest })
}

export function outcomeWords(outcome: Outcome): string {
  const { blows, outputs, violations, splits, unjudged, longestSilenceMs } = outcome
  const names = [...new Set(blows.map(({ name }) => name))].sort()
  const ruled = splits.filter(({ bothRuled }) => bothRuled).length
  return [
    `${blows.length} faults, ${outputs} outputs; longest silence ${longestSilenceMs} ms;`,
    `${splits.length} times one could not hear the other, in ${ruled} of them both ruled;`,
    `${unjudged} storms found the machine full: by them only the stream was judged.`,
    'fault              n   silence ms p50, max   whole again after ms p50, max',
    ...names.map((name) => row(name, blows)),
    violations.length === 0 ? 'No violation.' : `${violations.length} VIOLATIONS:`,
    ...violations.slice(0, mostTold).map((violation) => `  ${violation}`),
  ].join('\n')
}

function row(name: NemesisFault, blows: readonly Blow[]): string {
  const own = blows.filter((blow) => blow.name === name)
  const silences = own.map(({ silenceMs }) => silenceMs).sort((a, b) => a - b)
  const times = own.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  const figures = [middle(silences), silences.at(-1), middle(times), times.at(-1)]
  const columns = figures.map((figure) => `${figure}`.padStart(10))
  return `${name.padEnd(18)}${`${own.length}`.padStart(2)} ${columns.join('')}`
}

function middle(sorted: readonly number[]): number | undefined {
  return sorted[Math.ceil(sorted.length / 2) - 1]
}
