/**
 * What must not compile: a union with a forgotten case, a field where it means nothing, a change of
 * what was handed out to read.
 *
 * Compiling this file is the test: `@ts-expect-error` is itself an error where the line below it is
 * accepted. Nothing here is run.
 */
import type { State } from '#lib/core/state.js'
import { assertNever } from '#lib/core/transition.js'
import { type ErrorCode, errorCodes, InputError, PairError } from '#lib/errors.js'
import type { PairEvent, PairEvents } from '#lib/events.js'
import type { MemberOptions, Output } from '#lib/options.js'
import { nextEpoch } from '#lib/units.js'

/** All roles named: nothing is left over. */
export function mayRule(state: State): boolean {
  switch (state.role) {
    case 'primary':
    case 'standby':
      return true
    case 'starting':
    case 'loading':
    case 'fenced':
    case 'stopped':
      return false
    default:
      return assertNever(state)
  }
}

/** A role forgotten: it is left over, and named by the compiler. */
export function mayRuleForgotten(state: State): boolean {
  switch (state.role) {
    case 'primary':
    case 'standby':
      return true
    case 'starting':
    case 'loading':
    case 'fenced':
      return false
    default:
      // @ts-expect-error: 'stopped' was forgotten.
      return assertNever(state)
  }
}

export function followedHistory(state: State): unknown {
  // @ts-expect-error: a starting member follows no history.
  if (state.role === 'starting') return state.history
  if (state.role === 'standby') return state.history
  // @ts-expect-error: only some roles have a history; ask for the role first.
  return state.history
}

export function advance(state: State & { readonly role: 'primary' }): void {
  // @ts-expect-error: a state is not changed; a transition makes the next one.
  state.epoch = nextEpoch(state.epoch, 'a')
}

// @ts-expect-error: no such code.
export const unknownCode: ErrorCode = 'ERR_HOTPAIR_SOMETHING'
// @ts-expect-error: the table of codes is read only.
errorCodes.ERR_HOTPAIR_CLOSED = 'open'
// @ts-expect-error: an error has a code and a message.
export const silent: PairError = new PairError('ERR_HOTPAIR_CLOSED')
// @ts-expect-error: a code is not changed once thrown.
new InputError('ERR_HOTPAIR_INPUT_GAP', 'expected 4', 4).code = 'ERR_HOTPAIR_INPUT'

export function verdictOf(event: PairEvent): unknown {
  // @ts-expect-error: only some events carry a verdict; ask for the type first.
  if (event.type !== 'verdict') return event.verdict
  return event.verdict
}

// @ts-expect-error: no such event.
export type Unknown = PairEvents['promoted']

export function alter(output: Output): void {
  // @ts-expect-error: the number of an output is its identity.
  output.number = 1
}

// @ts-expect-error: the arbiter has to be written out, 'none' too.
export const withoutArbiter: MemberOptions<object> = {
  pair: 'line-4',
  member: 'a',
  members: { a: '127.0.0.1:7400', b: '127.0.0.1:7410' },
  app: { init: () => ({}), process() {}, deliver() {} },
}
