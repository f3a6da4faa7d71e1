/**
 * Known bugs of whoever asks an arbiter, of the arbiter itself, and of what a member keeps; see
 * `canaries.ts`.
 */

import type { ArbiterRecord } from '#lib/core/state.js'
import type { step } from '#lib/core/step.js'
import type { ArbiterPort } from '#lib/runtime/ports-arbiter.js'
import { over } from './over.js'
import type { Wraps } from './trial.js'

type Rules = typeof step

/** The arbiter with another swap. */
function swap(change: (own: ArbiterPort) => ArbiterPort['swap']): Wraps {
  return { arbiter: (own) => over(own, { swap: change(own) }) }
}

/** What is found is what was expected, if `isAlike` says so. */
function laxly(
  isAlike: (expected: ArbiterRecord | undefined, found: ArbiterRecord) => boolean,
): Wraps {
  return swap((own) => async (expected, next, signal) => {
    const outcome = await own.swap(expected, next, signal)
    if (outcome.isSwapped || outcome.found === undefined) return outcome
    if (outcome.found.claim === next.claim || !isAlike(expected, outcome.found)) return outcome
    return own.swap(outcome.found, next, signal)
  })
}

export const arbiterCanaries: Readonly<Record<string, () => Wraps>> = {
  /** A grant ends by time: who asks again later has it. */
  'grant-that-times-out': () => laxly(() => true),

  /** A claim counts as granted when it was sent. */
  'claim-taken-for-granted': () => ({
    step:
      (own: Rules): Rules =>
      (state, event, config) => {
        const first = own(state, event, config)
        const asked = first.effects.find((effect) => effect.type === 'claim')
        if (asked?.type !== 'claim') return first
        const { now, wall, entropy } = event
        const granted = { type: 'granted', claim: asked.next.claim, now, wall, entropy } as const
        const second = own(first.state, granted, config)
        return { state: second.state, effects: [...first.effects, ...second.effects] }
      },
  }),

  /** The record is compared by its reign alone, and a blank member does not look who is in sync. */
  'compared-by-the-reign-alone': () => ({
    ...laxly((expected, found) => expected?.epoch === found.epoch),
    step:
      (own: Rules): Rules =>
      (state, event, config) => {
        const { kept } = state
        if (state.role !== 'starting' || typeof kept !== 'object') return own(state, event, config)
        return own({ ...state, kept: { ...kept, inSync: [] } }, event, config)
      },
  }),

  /** What a member would know when it starts again is not kept. */
  'record-not-kept': () => ({ store: () => ({ save: () => undefined, note: () => {} }) }),

  /** A claim that was not answered for a while is forgotten. */
  'claim-given-up': () => ({
    step:
      (own: Rules): Rules =>
      (state, event, config) =>
        event.type === 'heard'
          ? own({ ...state, claim: undefined }, event, config)
          : own(state, event, config),
  }),
}
