/**
 * A scenario: what a pair is like, what is done to it and when, and what must hold, as one readable
 * record that a seed is generated into, a shrinker shortens, and a test replays for ever.
 *
 * One line a step, in the order in which they happen. docs/TESTING.md has the grammar.
 */

import type { Settings } from './settings.js'

/**
 * A member by name, by what it is when the step comes, or as the one that last stood still
 * (`victim`) and the other one.
 */
export type Who = 'a' | 'b' | 'primary' | 'standby' | 'victim' | 'other'

/** `solo` and `paired` are modes of a primary; the others are roles. */
export type What = 'solo' | 'paired' | 'starting' | 'loading' | 'standby' | 'fenced' | 'stopped'

/** What may be waited for, and asserted. */
export type Condition = 'paired' | 'whole' | 'nobody rules' | `${Who} rules` | `${Who} is ${What}`

export interface When {
  /** Milliseconds from the start, or after the step before. */
  readonly when: 'at' | 'after'
  readonly ms: number
}

export type Deed =
  /** So many more inputs, over all sources. */
  | { readonly do: 'feed'; readonly count: number }
  | { readonly do: 'start'; readonly who: Who }
  /**
   * The server, or it and its unit. `forMs` undefined: it stays down. `ifSpare`: only if the other
   * one holds all.
   */
  | {
      readonly do: 'kill' | 'close' | 'both-kill'
      readonly who: Who
      readonly forMs: number | undefined
      readonly ifSpare: boolean
    }
  /** It is asked to hand its rule over; how that ends stands in the trace. */
  | {
      readonly do: 'switchover'
      readonly who: Who
      readonly withinMs: number
    }
  /** Both die at once and are back after a while, blank: their history ends here. */
  | { readonly do: 'powercut'; readonly forMs: number }
  /** The unit alone, or the connection to it, where it is a process of its own. */
  | { readonly do: 'unit-kill' | 'unit-cut'; readonly who: Who; readonly ifSpare: boolean }
  /** SIGSTOP and SIGCONT, of the unit alone too; a loop that stands still while beats go on. */
  | {
      readonly do: 'stop' | 'block' | 'unit-stop'
      readonly who: Who
      readonly forMs: number
      readonly ifSpare: boolean
    }
  | { readonly do: 'slow'; readonly who: Who; readonly eachMs: number; readonly forMs: number }
  /** Every step of a disk fails. */
  | { readonly do: 'disk-down'; readonly from: Who | 'both'; readonly forMs: number }
  | { readonly do: 'break' }
  | { readonly do: 'cut'; readonly from: Who | 'both'; readonly forMs: number }
  | { readonly do: 'deaf'; readonly who: Who; readonly forMs: number }
  /** The arbiter does not hear members, or does what they ask for as much later. */
  | {
      readonly do: 'arbiter-gone' | 'arbiter-late'
      readonly from: Who | 'both'
      readonly forMs: number
    }
  | {
      readonly do: 'receiver'
      readonly channel: number
      readonly how: 'down' | 'stuck'
      readonly forMs: number
    }
  | { readonly do: 'wall'; readonly who: 'a' | 'b'; readonly byMs: number }
  /**
   * Runs until it holds, at most `withinMs`. That it does not is a violation (`await`), or is not
   * (`seek`).
   */
  | { readonly do: 'await' | 'seek'; readonly until: Condition; readonly withinMs: number }
  | { readonly do: 'expect'; readonly that: Condition; readonly isMeant: boolean }
  /**
   * All faults end; within a stated time the pair is whole, and everything is checked: see
   * docs/TESTING.md.
   */
  | { readonly do: 'heal' }
  /** Nothing but time. */
  | { readonly do: 'rest' }

export type Step = When & Deed

export interface Script {
  /** What it tells, in sentences. */
  readonly story: readonly string[]
  /** What differs from `calm`. */
  readonly settings: Partial<Settings>
  /**
   * Values that the letter T takes in `steps`, one run each: first, last, how many. Undefined: one
   * run.
   */
  readonly sweep?: readonly [number, number, number]
  /** Least virtual time, in milliseconds. */
  readonly lastsMs?: number
  readonly steps: readonly Step[]
}
