/**
 * One beat of a simulated member: what the native one says, as far as anybody reads it; and what a
 * thread is opened with that sends them.
 *
 * Apart, because the thread, its host and the network that carries it need it. Types only.
 */

import type { PeerMarks } from '../runtime/ports-beats.js'
import type { Incarnation } from '../units.js'
import type { SimTime } from './sim-time.js'

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
  /** The server is dead, as its unit has seen. */
  readonly isGone: boolean
  /** A packet of its own, which is no beat: what the dead server had begun and sent. */
  readonly marks: PeerMarks | undefined
}

export interface SimBeatsOptions {
  /** Of the host. */
  readonly time: SimTime
  readonly self: Incarnation
  readonly intervalMs: number
  readonly windowMs: number
  readonly hangAfterMs: number
  /** No packet that was sent before has a higher number. */
  readonly firstSeq: number
  /** The other's incarnation, if it was heard at the place before. */
  readonly known: Incarnation | undefined
  /** The thread begins so long after the words were made; until then it hears and says nothing. */
  readonly startsInMs: number
  /** The process that it runs in; 0: the server's. */
  readonly unitPid: number
  /** All of them leave at once, one behind the other. */
  readonly send: (...beats: readonly SimBeat[]) => void
  /** Rings the doorbell of the event loop. */
  readonly ring: () => void
  /** Its server has closed it in order. */
  readonly closed: () => void
  /** Its server hangs, has given its reign up, and the other member rules a later one. */
  readonly superseded: () => void
}
