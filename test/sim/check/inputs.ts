/**
 * What went in: S2 for accepted inputs, and that no question stays without an answer.
 *
 * Knows what `receive()` resolved with, for whom, and the log of the member that rules at the end.
 */

import { type Inputs, idOf, isTimer, type Order, seqOf, told } from '../swarm/order.js'
import type { Findings } from './violation.js'

/** One history as the ruling member has it: all that was processed, and the frame of each. */
export interface Line {
  readonly history: string
  readonly log: Uint32Array
  readonly frames: Uint32Array
}

export class InputCheck {
  readonly #findings: Findings
  /** What was accepted in each history, and the frame of it, where that was told. */
  readonly #histories = new Map<string, Map<number, number | undefined>>()
  readonly accepted = new Set<number>()
  /** A history may begin in the middle of a source, because the one before has been lost. */
  #mayBeginLate = false
  /** Questions without an answer, by the name of the incarnation that was asked. */
  readonly #open = new Map<string, number>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  historyEnds(): void {
    this.#mayBeginLate = true
  }

  asked(of: string): void {
    this.#open.set(of, (this.#open.get(of) ?? 0) + 1)
  }

  answered(by: string): void {
    this.#open.set(by, (this.#open.get(by) ?? 0) - 1)
  }

  /** `receive` has resolved. */
  took(order: Order, frameNo: number | undefined, by: string, history: string): void {
    const id = idOf(order)
    this.accepted.add(id)
    const frames = this.#histories.get(history) ?? new Map<number, number | undefined>()
    this.#histories.set(history, frames)
    const before = frames.get(id)
    if (before !== undefined && frameNo !== undefined && before !== frameNo) {
      const text = `${told(id)} was accepted as frame ${before}, then by ${by} as ${frameNo}`
      this.#findings.report('S2', text)
    }
    frames.set(id, frameNo ?? before)
  }

  /** All that was accepted so far in the history of `line` stands in it, where it was told. */
  areHeldBy({ history, log, frames }: Line, by: string): void {
    const accepted = this.#histories.get(history) ?? new Map<number, undefined>()
    const frameOf = new Map<number, number>()
    for (const [index, id] of log.entries()) {
      if (frameOf.has(id)) this.#findings.report('order', `${told(id)} was processed twice`)
      frameOf.set(id, frames[index] ?? 0)
    }
    for (const [id, frameNo] of accepted) {
      const found = frameOf.get(id)
      // What comes before the first number that a late history took counts as known there.
      if (this.#mayBeginLate && frameNo === undefined) continue
      if (found !== undefined && (frameNo === undefined || frameNo === found)) continue
      const what = found === undefined ? 'is lost' : `is frame ${found}`
      const text = `${told(id)} was accepted as frame ${frameNo} and ${what} (${by})`
      return this.#findings.report('S2', text)
    }
  }

  /**
   * What was accepted in the history that rules stands in it; `living`: whose answers are due.
   */
  atEnd(line: Line, inputs: Inputs, living: readonly string[]): void {
    this.#checkOrder(line.log, inputs)
    this.areHeldBy(line, 'the end')
    for (const name of living) {
      const open = this.#open.get(name) ?? 0
      if (open > 0) this.#findings.report('S6', `${name} has left ${open} inputs without answer`)
    }
  }

  #checkOrder(log: Uint32Array, inputs: Inputs): void {
    const next = new Map<number, number>()
    for (const id of log) {
      if (isTimer(id)) continue
      const { source, seq } = seqOf(id)
      // A history that begins in a split knows no source: it takes the first number as it comes.
      const isLate = this.#mayBeginLate || this.#findings.isVoid('S2')
      const expected = next.get(source) ?? (isLate ? seq : 1)
      if (seq !== expected || source >= inputs.sources) {
        this.#findings.report('order', `${told(id)} stands where ${expected} is next`)
        return
      }
      next.set(source, seq + 1)
    }
  }
}
