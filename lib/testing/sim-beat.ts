/**
 * One beat of a simulated member: what the native one says, as far as anybody reads it.
 *
 * Apart, because the thread that sends it and the network that carries it need it. Types only.
 */

import type { Incarnation } from '../units.js'

/** One beat on its way. */
export interface SimBeat {
  readonly from: Incarnation
  readonly seq: number
  /** The beat of the other side that was heard last; of no incarnation before any. */
  readonly echo: { readonly of: Incarnation | undefined; readonly seq: number }
  readonly presence: Uint8Array
  /** Of the event loop behind it; see `BeatView`. */
  readonly vouchAgeMs: number
  readonly isBusy: boolean
  readonly frameNo: number
}
