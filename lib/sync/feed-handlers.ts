/**
 * What a feed tells its owner, and where it begins. Types only: what follows from it is decided by
 * the owner, and by the rules behind it.
 */

import type { Epoch } from '../units.js'

/** What the feed tells its owner. */
export interface FeedHandlers {
  /** All up to `frameNo` is acknowledged. */
  acknowledged(frameNo: number): void
  /** The mirror holds the notices of `channel` up to `number`. */
  noticed(channel: number, number: number): void
  near(): void
  covered(): void
}

/** Where a feed begins. */
export interface LoadBasis {
  /** The question of the mirror that the load answers. */
  readonly ask: number
  readonly epoch: Epoch
  /** The image is as of this frame. */
  readonly frameNo: number
}
