/**
 * The failures of arbiters, in the words that operators read. What each code lets the caller
 * conclude stands with `ArbiterPort`.
 */

import { ClosedError, PairError, reasonOf } from '../errors.js'

/** Surely not done. */
export function unreachable(name: string, cause: unknown): PairError {
  const message = `the arbiter (${name}) did not answer: ${reasonOf(cause)}`
  return new PairError('ERR_HOTPAIR_ARBITER_UNREACHABLE', message, { cause })
}

/** Perhaps done. */
export function unknown(name: string, cause: unknown): PairError {
  const why = reasonOf(cause)
  const message = `whether the arbiter (${name}) has changed the record is not known: ${why}`
  return new PairError('ERR_HOTPAIR_ARBITER_UNKNOWN', message, { cause })
}

/** Answered by a refusal. */
export function refused(name: string, why: string): PairError {
  const message = `the arbiter (${name}) refuses this member: ${why}`
  return new PairError('ERR_HOTPAIR_ARBITER_REFUSED', message)
}

/** What it keeps is no record of this pair. */
export function unreadable(name: string, why: string): PairError {
  const message = `the record that the arbiter (${name}) keeps cannot be read: ${why}`
  return new PairError('ERR_HOTPAIR_ARBITER_RECORD', message)
}

/** The client is closed. */
export function closed(): ClosedError {
  return new ClosedError('the arbiter is closed')
}
