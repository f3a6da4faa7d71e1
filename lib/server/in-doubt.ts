/**
 * What a takeover sends: everything that the former primary did not report as sent, in order by
 * channel, and which of it that one may have begun.
 */

import type { Delivery } from './delivery.js'
import type { Ledger } from './ledger.js'

/** One output that may have been sent before. */
export interface InDoubt {
  readonly channel: string
  readonly number: number
}

/**
 * Lines up what is pending. In doubt are the first `inFlight` of a channel past the last notice
 * (nothing later was begun), if this member had acknowledged their frames (nothing else was
 * released).
 */
export function queuePending(
  ledger: Ledger,
  delivery: Delivery,
  { inFlight, acked }: { readonly inFlight: number; readonly acked: number },
): readonly InDoubt[] {
  const inDoubt: InDoubt[] = []
  for (const channel of ledger.channels) {
    const lastInDoubt = channel.sent + inFlight
    for (const item of ledger.pending(channel)) {
      const isInDoubt = item.number <= lastInDoubt && item.frameNo <= acked
      if (isInDoubt) inDoubt.push({ channel: channel.name, number: item.number })
      delivery.enqueue(channel, item, isInDoubt)
    }
  }
  return inDoubt
}
