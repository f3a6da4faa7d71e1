/**
 * What a test and a member process say to each other over the channel that Node gives to children.
 *
 * Both sides import it, so that a new message is a compile error wherever it is not handled. Types
 * and one function of the application, which the test runs too: its oracle.
 */

import type { Output, PairEvent } from 'hotpair'

/** From the test to a member process. */
export type Order =
  | { readonly type: 'input'; readonly source: string; readonly seq: number }
  /** The test's receiver has confirmed this attempt. */
  | { readonly type: 'confirmed'; readonly attempt: number }
  /** The event loop stands still for so long, unannounced. */
  | { readonly type: 'block'; readonly milliseconds: number }
  /** The event loop makes garbage for so long, and nothing else. */
  | { readonly type: 'litter'; readonly milliseconds: number }
  /** Every frame takes so long from now on. */
  | { readonly type: 'slow'; readonly milliseconds: number }
  | { readonly type: 'switchover' }
  /** Says to its unit what no server says. */
  | { readonly type: 'break-unit' }
  | { readonly type: 'close' }

/** From a member process to the test. */
export type Report =
  | { readonly type: 'event'; readonly event: Told }
  /** `begunAt` is when `deliver` was called, in milliseconds since the epoch. */
  | {
      readonly type: 'output'
      readonly output: Output
      readonly attempt: number
      readonly begunAt: number
    }
  | { readonly type: 'accepted'; readonly source: string; readonly seq: number }
  | {
      readonly type: 'refused'
      readonly source: string
      readonly seq: number
      readonly code: string
    }
  | { readonly type: 'closed' }

/** An event whose error, which does not travel, is its code and its message. */
export type Told =
  | Exclude<PairEvent, { type: 'fault' }>
  | { readonly type: 'fault'; readonly code: string; readonly message: string }

export interface Sum {
  seen: number
  total: number
}

/** Inputs of this source hang whoever processes them. */
export const poison = 'poison'

/** One frame of the application: every third sum goes nowhere. */
export function step(state: Sum, source: string, seq: number): string | undefined {
  state.seen += 1
  state.total = (state.total * 31 + seq) % 1_000_003
  return state.total % 3 === 0 ? undefined : `${source} ${seq}: ${state.seen} ${state.total}`
}
