/**
 * The judge: from what the run has noted to its result.
 *
 * The stream is judged by the comparison in `verdict.ts` alone. Beyond it stand the problems:
 * sentences about what a pair must not do even where no receiver has noticed.
 */

import type { Fault } from './faults.js'
import type { Sink, SinkCounts } from './sink.js'
import type { Source } from './source.js'
import { type FaultName, kinds } from './strikes.js'
import { type Comparison, compare } from './verdict.js'

/** A takeover; `cause` is `none` where no fault called for it. */
export interface TakeoverResult {
  readonly cause: FaultName | 'none'
  readonly verdict: string
  readonly inDoubt: number
  readonly silenceMs: number
}

export interface SwitchoverResult {
  /** By the member that handed over: from the call until the other ruled. */
  readonly tookMs: number
  readonly silenceMs: number
}

export interface RunResult extends Comparison {
  readonly seed: number
  /** Records accepted, without those that were left out. */
  readonly frames: number
  /** Suspect frames that were left out, as the members have listed them. */
  readonly skipped: number
  readonly outputs: number
  readonly takeovers: readonly TakeoverResult[]
  readonly standbyFaults: readonly { readonly fault: FaultName; readonly silenceMs: number }[]
  readonly switchovers: readonly SwitchoverResult[]
  /** Deaths of a unit alone, through which no role may change. */
  readonly unitFaults: readonly { readonly fault: FaultName; readonly silenceMs: number }[]
  readonly counts: SinkCounts
  /** Why the run is not perfect, beyond the comparison; a sentence each. */
  readonly problems: readonly string[]
  readonly isPerfect: boolean
}

/** What a run has noted. */
export interface Notes {
  readonly seed: number
  readonly sink: Sink
  readonly source: Source
  readonly faults: readonly Fault[]
  /** Takeovers that no fault called for. */
  readonly unplanned: readonly {
    readonly at: number
    readonly verdict: string
    readonly inDoubt: number
  }[]
  /** The `seq` of each record that a takeover has listed as left out. */
  readonly skipped: ReadonlySet<number>
  readonly problems: readonly string[]
}

/** Compares with what the oracle sends for the records without poison. */
export function judge(notes: Notes, expected: readonly string[]): RunResult {
  const { seed, sink, source, skipped, unplanned } = notes
  const faults = faultResults(notes, expected.length)
  const { standbyFaults, switchovers, unitFaults } = faults
  const takeovers = [...faults.takeovers]
  for (const { at, verdict, inDoubt } of unplanned) {
    const silenceMs = round(sink.silence(at - 1000, at + 1000))
    takeovers.push({ cause: 'none', verdict, inDoubt, silenceMs })
  }
  const problems = [...notes.problems, ...faults.problems, ...sinkProblems(sink)]
  const innocent = [...skipped].filter((seq) => !source.inserted.includes(seq))
  const swallowed = source.inserted.filter((seq) => !skipped.has(seq))
  if (innocent.length > 0) problems.push(`innocent records were left out: ${innocent}`)
  if (swallowed.length > 0) problems.push(`poison that nobody has listed: records ${swallowed}`)
  const { counts, handedOn } = sink
  const comparison = compare(handedOn, expected)
  const { lost, duplicated, reordered, identical } = comparison
  const isPerfect = identical && lost + duplicated + reordered + problems.length === 0
  const frames = source.accepted - skipped.size
  const figures = { seed, frames, skipped: skipped.size, outputs: handedOn.length, ...comparison }
  const results = { takeovers, standbyFaults, switchovers, unitFaults }
  return { ...figures, ...results, counts, problems, isPerfect }
}

function faultResults({ sink, faults }: Notes, outputs: number) {
  const takeovers: TakeoverResult[] = []
  const standbyFaults: { fault: FaultName; silenceMs: number }[] = []
  const switchovers: SwitchoverResult[] = []
  const unitFaults: { fault: FaultName; silenceMs: number }[] = []
  const problems: string[] = []
  for (const fault of faults) {
    const { name, member, takeover, tookMs } = fault
    const silenceMs = silenceOf(sink, fault, outputs)
    if (fault.isMissed) continue
    if (name === 'unit-kill') unitFaults.push({ fault: name, silenceMs })
    else if (kinds[name].of === 'standby') standbyFaults.push({ fault: name, silenceMs })
    else if (tookMs !== undefined) switchovers.push({ tookMs: round(tookMs), silenceMs })
    else if (takeover) takeovers.push({ cause: name, ...takeover, silenceMs })
    else problems.push(`member ${member} had ${name}, and nobody took over`)
    if (fault.hasChangedRoles) problems.push(`the death of the unit of ${member} changed a role`)
    const said = zombieWords(sink, fault)
    if (said > 1) problems.push(`member ${member} sent ${said} outputs after it was woken`)
  }
  return { takeovers, standbyFaults, switchovers, unitFaults, problems }
}

/** How long nothing was heard. Where all `outputs` have come, what follows is no silence. */
export function silenceOf(sink: Sink, { at, until }: Fault, outputs: number): number {
  const { handedOn } = sink
  const end = handedOn.length >= outputs ? (handedOn.at(-1)?.at ?? at) : performance.now()
  return round(sink.silence(at, Math.min(until, Math.max(at, end))))
}

// Outputs of a lower reign than had already arrived, from one that was stopped. One alone may be
// the one whose bytes were being written when the signal came: it is in doubt, and known.
function zombieWords(sink: Sink, { wokenAt = Infinity, until }: Fault): number {
  return sink.late.filter((at) => at >= wokenAt && at <= until).length
}

function sinkProblems({ counts }: Sink): string[] {
  const problems: string[] = []
  if (counts.fork > 0) problems.push(`the receiver's helper met ${counts.fork} forks`)
  if (counts.newHistory > 0) problems.push('the pair began a new history')
  if (counts.malformed > 0) problems.push(`${counts.malformed} malformed envelopes arrived`)
  return problems
}

/** To a tenth of a millisecond. */
export function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
