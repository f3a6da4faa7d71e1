/**
 * What a benchmark hands over: rows of figures, what was aimed at, who was left out and why.
 *
 * Types only. A ratio is always of two subjects of the same run; a figure without its peer beside
 * it says more about the machine than about the program.
 */

import type { Summary } from './statistics.js'

export type Unit = 'ms' | 'µs' | 'ns' | '/s' | 'count'

/** One subject in one case. */
export interface Row extends Summary {
  /** `hotpair`, a peer, or a floor: the least that any program can do. */
  readonly subject: string
  /** What happened: the fault, the size, the settings. */
  readonly case: string
  readonly unit: Unit
}

/** One figure beside what it should be. */
export interface Aim {
  readonly what: string
  readonly figure: number
  /** In words, with unit and bound. */
  readonly aim: string
  readonly isMet: boolean
}

/** A peer that took no part. */
export interface Skipped {
  readonly subject: string
  readonly reason: string
}

export interface Findings {
  readonly rows: readonly Row[]
  readonly aims: readonly Aim[]
  readonly skipped: readonly Skipped[]
  /** What a reader of the figures must know; sentences. */
  readonly notes: readonly string[]
}

/** How much is measured. */
export interface Scale {
  /** Values a case, where the benchmark counts values; its default when undefined. */
  readonly n: number | undefined
  /** Length, where the benchmark lasts for a time; its default when undefined. */
  readonly seconds: number | undefined
  /** Only as much as shows that the benchmark runs. */
  readonly isQuick: boolean
}

export interface Benchmark {
  readonly name: string
  /** What is measured, for the list of names. */
  readonly what: string
  run(scale: Scale, signal: AbortSignal): Promise<Findings>
}

/** `n` of the scale: what was asked for, else the default or the quick one. */
export function countOf(scale: Scale, usual: number, quick: number): number {
  return scale.n ?? (scale.isQuick ? quick : usual)
}
