/**
 * A member that lost step, in the user's words: each time as an event, from the third time in a row
 * on as a fault too, because then the pair spends its time on loads instead of being whole.
 */

import type { Effect } from '../core/effect.js'
import { resyncsToAlarm } from '../core/resync.js'
import { PairError } from '../errors.js'
import type { ResyncReason } from '../events.js'
import type { RuntimePorts } from './ports.js'

const reasons: Readonly<Record<ResyncReason, string>> = {
  gap: 'frames were missing in the stream',
  divergence: 'an output differed between the members: look for a clock, randomness or I/O',
  overflow:
    'its outbox was full: raise limits.outboxBytes, or look why the primary sends so slowly',
  lag: 'it held more unprocessed frames than limits.lagFrames: it is too slow',
  state: 'its state could not be taken over',
  protocol: 'the protocol was broken',
  asked:
    'it acknowledged nothing within ackTimeoutMs: it is too slow, or its event loop stood still',
  dropped: 'the primary fed it no more',
  refused: 'the primary would not let it go on after the link had broken',
}

export function tellResync(
  { member, reason, inARow, wait }: Extract<Effect, { type: 'tell-resync' }>,
  tell: RuntimePorts['tell'],
): void {
  tell({ type: 'resync', member, reason, inARow, waitMs: wait })
  if (inARow < resyncsToAlarm) return
  const text = `member ${member} has lost step ${inARow} times in a row and waits ${Math.ceil(wait)} ms before it loads again; this time ${reasons[reason]}`
  const error = new PairError('ERR_HOTPAIR_RESYNC', text)
  tell({ type: 'fault', error, frameNo: undefined, channel: undefined })
}
