/**
 * What becomes the next frame of a primary: timers of the program that are due, and inputs in the
 * order of their arrival.
 *
 * Timers come first, but take at most half of a turn, so that a program which sets one after the
 * other does not lock its inputs out. Between turns the clock wakes the primary when the next timer
 * is due. Numbered is not processed: what a timer's frame finds is decided by the table of timers
 * at its place in the order.
 */

import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import type { LoggedFrame } from '../sync/frame-log.js'
import { type Instant, instant, millis } from '../units.js'
import { gap } from './held.js'
import type { Input, Intake } from './intake.js'
import type { Replica } from './replica.js'

/** Least pause before a timer that is nearly due: none at all would be a loop without a turn. */
const leastPauseMs = 1

export class Numbering<State> {
  readonly #replica: Replica<State>
  readonly #intake: Intake
  readonly #clock: ClockPort
  #timersLeft = 0
  /** When the turn began, by both clocks: one moment for all of its frames. */
  #now: Instant = instant(0)
  #wall = 0
  #isHeld = false
  #alarm: { readonly due: number; readonly timer: Timer } | undefined

  constructor(replica: Replica<State>, intake: Intake, clock: ClockPort) {
    this.#replica = replica
    this.#intake = intake
    this.#clock = clock
  }

  /** Whether a timer is due or an input waits. */
  get hasWork(): boolean {
    return this.#intake.waitingCount > 0 || this.#isTimerDue
  }

  /** No timer becomes a frame while this is so: a member that ends leaves them to the other. */
  holdTimers(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#silence()
  }

  /** A turn of at most `most` frames begins at `now`. */
  begin(most: number, now: Instant): void {
    this.#timersLeft = Math.ceil(most / 2)
    this.#now = now
    this.#wall = this.#clock.wall()
  }

  /** The next frame of the turn, which bears `frameNo`; undefined when there is none. */
  next(frameNo: number): LoggedFrame | undefined {
    return this.#nextTimer(frameNo) ?? this.#nextInput(frameNo)
  }

  /** Has `wake` called when the next timer is due that is not due already. */
  arm(wake: () => void): void {
    const due = this.#isHeld ? undefined : this.#replica.timers.earliest
    if (due === this.#alarm?.due) return
    this.#silence()
    if (due === undefined) return
    const left = due - this.#replica.clock.stamp(this.#clock.now(), this.#clock.wall())
    if (left <= 0) return
    const pause = Math.max(leastPauseMs, left)
    const timer = this.#clock.setTimer(millis(pause), () => {
      this.#alarm = undefined
      wake()
    })
    this.#alarm = { due, timer }
  }

  /** This member rules no more. */
  end(): void {
    this.#silence()
  }

  get #isTimerDue(): boolean {
    if (this.#isHeld || this.#replica.timers.size === 0) return false
    const { earliest } = this.#replica.timers
    return earliest !== undefined && earliest <= this.#replica.clock.last
  }

  #silence(): void {
    this.#alarm?.timer.clear()
    this.#alarm = undefined
  }

  #stamp(): number {
    return this.#replica.clock.stamp(this.#now, this.#wall)
  }

  #nextTimer(frameNo: number): LoggedFrame | undefined {
    const { timers } = this.#replica
    if (timers.size === 0 || this.#isHeld || this.#timersLeft === 0) return undefined
    const stamp = this.#stamp()
    const entry = timers.takeDue(stamp)
    if (entry === undefined) return undefined
    this.#timersLeft -= 1
    const { name, setting, data } = entry
    return { frameNo, stamp, kind: 'timer', source: name, seq: setting, data }
  }

  #nextInput(frameNo: number): LoggedFrame | undefined {
    for (let input = this.#intake.shift(); input; input = this.#intake.shift()) {
      const { source, seq, data } = input
      if (source !== undefined && !this.#isNext(input, source)) continue
      const stamp = this.#stamp()
      if (source !== undefined) this.#replica.sources.take(source, seq, frameNo)
      this.#intake.await(input, frameNo)
      return { frameNo, stamp, kind: 'input', source: source ?? '', seq, data }
    }
    return undefined
  }

  #isNext(input: Input, source: string): boolean {
    const verdict = this.#replica.sources.classify(source, input.seq)
    switch (verdict.type) {
      case 'next':
        return true
      case 'gap':
        input.answer.reject(gap(source, input.seq, verdict.expected))
        return false
      case 'known':
        this.#intake.awaitDuplicate(input, verdict.frameNo, verdict.isNewest)
        return false
    }
  }
}
