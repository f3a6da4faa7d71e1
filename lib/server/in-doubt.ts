/**
 * What a takeover sends: everything that the former primary did not report as sent, in order by
 * channel, and which of it that one may have begun.
 */

import type { InDoubtPolicy } from '../options.js'
import type { PeerMarks } from '../runtime/ports-beats.js'
import type { Epoch } from '../units.js'
import type { Delivery } from './delivery.js'
import { waitingItem } from './lane.js'
import type { Ledger } from './ledger.js'

/** Channels of which a unit keeps marks (native/heartbeat/sent_marks.hpp). */
export const mostLanes = 256

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
  /**
   * By the index of the channel, the last output that the former primary had begun, where that is
   * known.
   */
  readonly begun?: (channel: number) => number | undefined
}

/** What the unit of a primary that died has told of what that one had begun and sent. */
export class LastWords {
  #marks: PeerMarks | undefined

  tell(marks: PeerMarks): void {
    this.#marks = marks
  }

  /**
   * Takes for sent what was told as sent, as if it had been noticed. Returns what is known as
   * begun. Words of another reign than `former`, the one that this member followed, say nothing.
   */
  take(ledger: Ledger, former: Epoch | undefined): (channel: number) => number | undefined {
    const marks = this.#marks
    if (marks === undefined || marks.epoch !== former) return () => undefined
    for (const channel of ledger.channels) {
      const sent = marks.lanes[channel.index]?.sent ?? 0
      // Nothing is sent that this member does not hold: what says so is not believed.
      if (sent > channel.sent && sent <= channel.produced) ledger.sent(channel, sent)
    }
    // The list ends where nothing was begun in that reign, or at its bound.
    return (index) => (index < mostLanes ? (marks.lanes[index]?.begun ?? 0) : undefined)
  }
}

/**
 * Lines up what is pending. In doubt are the first `inFlight` of a channel past the last notice
 * (nothing later was begun), if this member had acknowledged their frames (nothing else was
 * released). What the policy drops counts as sent from here on.
 */
export function queuePending(
  ledger: Ledger,
  delivery: Delivery,
  { inFlight, acked, policies, begun }: InDoubtOptions,
): readonly InDoubt[] {
  const inDoubt: InDoubt[] = []
  for (const channel of ledger.channels) {
    const { name } = channel
    const policy = Object.hasOwn(policies, name) ? (policies[name] ?? 'resend') : 'resend'
    const lastBegun = begun?.(channel.index) ?? Number.POSITIVE_INFINITY
    const lastInDoubt = Math.min(channel.sent + inFlight, lastBegun)
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
