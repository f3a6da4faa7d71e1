/**
 * What a member does where a choice is the user's: what is safest, or what goes on. Every policy
 * has a default that loses nothing.
 */

import type { InDoubtPolicy, MemberOptions } from '../options.js'
import { oneOf, wrong } from './check.js'

export interface Policies {
  readonly onLoss: 'wait' | 'go'
  readonly onSuspect: 'retry' | 'skip' | 'halt'
  readonly onStuckDeliver: 'retry' | 'switch'
  /** By channel; a channel that is not named is sent again. */
  readonly inDoubt: Readonly<Record<string, InDoubtPolicy>>
}

/** The names of the options that are policies. */
export const policyNames = ['onLoss', 'onSuspect', 'onStuckDeliver', 'inDoubt'] as const

/** Checks the policies and fills in the defaults. Throws ConfigError. */
export function policiesOf<State>(options: MemberOptions<State>): Policies {
  const { onLoss, onSuspect, onStuckDeliver } = options
  return {
    onLoss: onLoss === undefined ? 'wait' : oneOf('onLoss', onLoss, ['wait', 'go']),
    onSuspect:
      onSuspect === undefined ? 'retry' : oneOf('onSuspect', onSuspect, ['retry', 'skip', 'halt']),
    onStuckDeliver:
      onStuckDeliver === undefined
        ? 'retry'
        : oneOf('onStuckDeliver', onStuckDeliver, ['retry', 'switch']),
    inDoubt: inDoubtOf(options),
  }
}

function inDoubtOf<State>({ inDoubt, app }: MemberOptions<State>): Policies['inDoubt'] {
  if (inDoubt === undefined) return {}
  if (typeof inDoubt !== 'object' || inDoubt === null) {
    throw wrong('inDoubt', "must be an object such as { alarm: 'ask' }", inDoubt)
  }
  for (const [channel, policy] of Object.entries(inDoubt)) {
    const key = `inDoubt[${JSON.stringify(channel)}]`
    if (oneOf(key, policy, ['resend', 'ask', 'drop']) !== 'ask') continue
    if (app?.wasReceived === undefined) {
      throw wrong(key, "is 'ask', and app.wasReceived is missing: give the hook that asks", policy)
    }
  }
  return { ...inDoubt }
}
