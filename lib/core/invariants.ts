/**
 * What must hold in every state and across every transition, checked in tests and in production.
 *
 * Each is a sentence; the first that does not hold is returned, and the runtime then fences the
 * member: a pair that stops speaking can be repaired, one that speaks with two voices cannot.
 */

import type { CoreConfig, PrimaryState, State } from './state.js'

/** The first rule that `to`, or the way from `from` to it, breaks; undefined when all hold. */
export function brokenInvariant(from: State, to: State, config: CoreConfig): string | undefined {
  return brokenState(to, config) ?? brokenWay(from, to)
}

function brokenState(state: State, config: CoreConfig): string | undefined {
  if ('epoch' in state && state.epoch > state.highest && state.role !== 'stopped') {
    return 'a reign is above the highest that was ever seen'
  }
  if (state.role !== 'primary') return undefined
  return brokenPrimary(state, config)
}

function brokenPrimary(state: PrimaryState, config: CoreConfig): string | undefined {
  const { record } = state
  if ((state.epoch % 2 === 1) !== (config.self === 'a'))
    return "a primary's reign has the other member's parity"
  if (record === undefined) return 'a primary rules without a record'
  if (
    record.epoch !== state.epoch ||
    record.history !== state.history ||
    record.primary !== config.self
  ) {
    return "a primary's record speaks of another reign"
  }
  if (!record.inSync.some((holder) => holder.incarnation === config.incarnation)) {
    return 'a primary is not in sync by its own record'
  }
  const isPaired = state.mode === 'paired'
  if (isPaired !== record.inSync.length > 1) return 'paired and recorded in sync do not agree'
  if (state.mode !== 'solo' && state.mirror === undefined) return 'pairing or paired with nobody'
  if (!isPaired && state.switchingSince !== undefined) return 'a switchover without a standby'
  return undefined
}

function brokenWay(from: State, to: State): string | undefined {
  if (to.highest < from.highest) return 'the highest reign went back'
  if (from.role === 'stopped' && to.role !== 'stopped') return 'a stopped member came back'
  if (from.role === 'loading' && to.role === 'primary') return 'a member that was loading rules'
  if (to.role !== 'primary') return undefined
  if (from.role === 'primary') {
    if (to.epoch < from.epoch) return 'a reign went back'
    if (from.mode === 'paired' && to.mode === 'solo' && to.epoch === from.epoch) {
      return 'a paired primary went solo without a new reign'
    }
    return undefined
  }
  // A reign that was handed over is heard of in the beats before it is taken.
  const isTaken = from.role === 'standby' && to.mode === 'paired' && to.epoch > from.epoch
  // One that was claimed counts as seen since then.
  const isKnown = isTaken || from.claim?.record.epoch === to.epoch
  const isAbove = isKnown ? to.epoch >= from.highest : to.epoch > from.highest
  return isAbove ? undefined : 'a new reign is not above all that were seen'
}
