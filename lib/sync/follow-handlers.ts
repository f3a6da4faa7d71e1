/**
 * What a mirror of the primary's stream needs from its owner: whom it tells, and its bounds.
 * Types only.
 */

import type { OutOfStep } from '../core/event.js'
import type { PairError } from '../errors.js'
import type { Epoch } from '../units.js'
import type { SentNotice } from '../wire/message.js'
import type { LoggedFrame } from './frame-log.js'
import type { LoadHeader } from './staging.js'

export interface FollowHandlers {
  /** A frame is held: its twin, if one is held back here, is answered. */
  announced(frame: LoggedFrame, epoch: Epoch): void
  /** `digest`: that of the primary's state after the frame, where it was told. */
  process(frame: LoggedFrame, digest: bigint | undefined): OutOfStep | undefined
  /**
   * Frames were processed: outputs may be reconciled. False: they diverge, or the outbox is full.
   */
  flush(): OutOfStep | undefined
  sent(notices: readonly SentNotice[]): OutOfStep | undefined
  /** The image is whole. Throws when it cannot be used. */
  install(image: Uint8Array, begun: LoadHeader): void
  installed(begun: LoadHeader): void
  loadFailed(error: PairError): void
  outOfStep(reason: OutOfStep): void
  /** The present turn has processed for long enough: the rest waits for the next one. */
  isTurnOver(): boolean
  /**
   * Call `turn()` when the present run of code is done (`later`: in the next turn of the event
   * loop).
   */
  schedule(later: boolean): void
}

export interface FollowLimits {
  readonly stateBytes: number
  readonly unacknowledgedBytes: number
  /** Frames held and not processed: from half of it on acknowledgements wait for processing. */
  readonly lagFrames: number
  readonly packetBytes: number
}
