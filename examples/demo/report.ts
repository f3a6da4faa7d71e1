/**
 * How results are said: the verdict for a person, and the JSON lines for programs.
 *
 * The fields of the JSON lines are the demo's interface; everything else may change.
 */

import type { RunResult } from './judge.js'

/** The one line of one run. */
export function runJson(result: RunResult): string {
  const { frames, outputs, lost, duplicated, reordered, identical, seed } = result
  const { takeovers, standbyFaults, switchovers, unitFaults, skipped } = result
  const inDoubt = sum(takeovers.map((takeover) => takeover.inDoubt))
  const figures = {
    frames,
    outputs,
    lost,
    duplicated,
    reordered,
    inDoubt,
    identical,
    skipped,
    seed,
  }
  return JSON.stringify({ ...figures, takeovers, standbyFaults, switchovers, unitFaults })
}

/** The verdict of one run in words. */
export function runWords(result: RunResult): string {
  const { frames, outputs, lost, duplicated, reordered, identical, counts, takeovers } = result
  const { switchovers, skipped, standbyFaults } = result
  const inDoubt = sum(takeovers.map((takeover) => takeover.inDoubt))
  const oracle = identical ? 'identical to' : 'NOT identical to'
  const lines = [
    result.isPerfect ? 'Verdict: perfect.' : 'Verdict: NOT PERFECT.',
    `  ${frames} frames accepted, ${outputs} outputs handed on: ` +
      `${lost} lost, ${duplicated} duplicated, ${reordered} reordered;`,
    `  number for number and byte for byte ${oracle} what one uninterrupted process sends.`,
    `  ${takeovers.length} takeovers with ${inDoubt} outputs in doubt; ` +
      `the receiver's helper dropped ${counts.known} known ones;`,
    `  ${switchovers.length} switchovers, ${standbyFaults.length} faults of a standby, ` +
      `${skipped} records left out as suspect.`,
    ...silences([result]).map(
      ([cause, list]) => `  Silence at the sink, ${cause}: ${spread(list)}`,
    ),
    ...result.problems.map((problem) => `  Problem: ${problem}.`),
  ]
  return lines.join('\n')
}

/** One run among many, in one line. */
export function runLine(result: RunResult): string {
  const verdict = result.isPerfect ? 'perfect' : 'NOT PERFECT'
  const list = silences([result]).map(([cause, values]) => `${cause} ${Math.max(...values)} ms`)
  const figures = `${result.outputs} outputs; longest silence: ${list.join(', ')}`
  return `seed ${result.seed}: ${verdict}; ${figures}`
}

/** The one line of many runs. Percentiles are by the nearest rank; p99 means little below 200. */
export function runsJson(results: readonly RunResult[]): string {
  const perfect = results.filter(({ isPerfect }) => isPerfect)
  const takeovers = results.flatMap((result) => result.takeovers)
  const silenceMs = silences(results).map(([cause, list]) => [
    cause,
    { n: list.length, p50: rank(list, 0.5), p99: rank(list, 0.99), max: Math.max(...list) },
  ])
  return JSON.stringify({
    runs: results.length,
    perfect: perfect.length,
    imperfectSeeds: results.filter(({ isPerfect }) => !isPerfect).map(({ seed }) => seed),
    frames: sum(results.map(({ frames }) => frames)),
    outputs: sum(results.map(({ outputs }) => outputs)),
    lost: sum(results.map(({ lost }) => lost)),
    duplicated: sum(results.map(({ duplicated }) => duplicated)),
    reordered: sum(results.map(({ reordered }) => reordered)),
    takeovers: takeovers.length,
    unplannedTakeovers: takeovers.filter(({ cause }) => cause === 'none').length,
    switchovers: sum(results.map(({ switchovers }) => switchovers.length)),
    skipped: sum(results.map(({ skipped }) => skipped)),
    inDoubt: sum(takeovers.map(({ inDoubt }) => inDoubt)),
    silenceMs: Object.fromEntries(silenceMs),
  })
}

// Every silence by its cause, shortest first.
function silences(results: readonly RunResult[]): [string, number[]][] {
  const byCause = new Map<string, number[]>()
  const add = (cause: string, silenceMs: number) =>
    byCause.set(
      cause,
      [...(byCause.get(cause) ?? []), silenceMs].sort((a, b) => a - b),
    )
  for (const { takeovers, standbyFaults, switchovers, unitFaults } of results) {
    for (const { cause, silenceMs } of takeovers) add(cause, silenceMs)
    for (const { silenceMs } of switchovers) add('switchover', silenceMs)
    for (const { fault, silenceMs } of [...standbyFaults, ...unitFaults]) add(fault, silenceMs)
  }
  return [...byCause]
}

function spread(list: readonly number[]): string {
  return list.map((value) => `${value} ms`).join(', ')
}

function rank(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

function sum(list: readonly number[]): number {
  return list.reduce((total, value) => total + value, 0)
}
