/**
 * What a takeover sends: everything that the former primary did not report as sent, in order by
 * channel, and which of it that one may have begun.
 */

import type { InDoubtPolicy } from '../options.js'
import type { Delivery } from './delivery.js'
import { waitingItem } from './lane.js'
import type { Ledger } from './ledger.js'

/** One output that may have been sent before, and what is done with it. */
export interface InDoubt {
  readonly channel: string
  readonly number: number
  readonly policy: InDoubtPolicy
}

export interface InDoubtOptions {
  readonly inFlight: number
  /** The last frame that this member had acknowledged. */
  readonly acked: number
  /** By channel; `resend` for one that is not named. */
  readonly policies: Readonly<Record<string, InDoubtPolicy>>
}

/**
 * Lines up what is pending. In doubt are the first `inFlight` of a channel past the last notice
 * (nothing later was begun), if this member had acknowledged their frames (nothing else was
 * released). What the policy drops counts as sent from here on.
 */
export function queuePending(
  ledger: Ledger,
  delivery: Delivery,
  { inFlight, acked, policies }: InDoubtOptions,
): readonly InDoubt[] {
  const inDoubt: InDoubt[] = []
  for (const channel of ledger.channels) {
    const { name } = channel
    const policy = Object.hasOwn(policies, name) ? (policies[name] ?? 'resend') : 'resend'
    const lastInDoubt = channel.sent + inFlight
    let doubtful = 0
    for (const item of [...ledger.pending(channel)]) {
      const isInDoubt = item.number <= lastInDoubt && item.frameNo <= acked
      if (isInDoubt) {
        inDoubt.push({ channel: name, number: item.number, policy })
        doubtful += 1
      }
      if (isInDoubt && policy === 'drop') ledger.sent(channel, item.number)
      else delivery.enqueue(waitingItem(channel, item, isInDoubt))
    }
    if (policy === 'ask' && doubtful > 0) delivery.askFor(channel, doubtful)
  }
  return inDoubt
}
