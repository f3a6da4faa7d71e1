/**
 * Where the beats of a member may be sent from, and what goes along from one place to the next.
 *
 * A place begins without having heard anything. Were the other member unknown to it as well, its
 * death in that moment would never be missed; so it is told whom to listen for, and until it has
 * heard somebody the rules are shown what was known before.
 */

import type { Heartbeat, HeartbeatView } from '../native/heartbeat.js'

/** What the beats at a place begin with. */
export interface BeatsStart {
  /** No packet that was sent before has a higher number. */
  readonly firstSeq: bigint
  /** The other's incarnation, if it was heard at the former place and not found lost; else 0n. */
  readonly known: bigint
}

/** Opens the beats. */
export interface BeatsPlaces {
  here(start: BeatsStart): Heartbeat
  atUnit(start: BeatsStart): Heartbeat
  /** Starts a unit, which listens a little later. */
  startUnit(): void
}

/** What goes along from one place to the next. */
export interface Carried {
  readonly start: BeatsStart
  /** The gate was open to the last. */
  readonly isOpen: boolean
  readonly marks: Float64Array
}

/** More packets than may have left since their number was read. */
const seqMargin = 1n << 32n

/** How the place goes on that comes after one which has shown `view` last. */
export function startAfter({ ownSeq, peerIncarnation, verdict }: HeartbeatView): BeatsStart {
  const isLost = verdict === 'process-gone' || verdict === 'unreachable'
  return { firstSeq: ownSeq + seqMargin, known: isLost ? 0n : peerIncarnation }
}

/**
 * What a place shows, with what the place before had shown `last` of the other member as long as
 * nothing was heard here; what is found here counts at once.
 */
export function stillKnown(view: HeartbeatView, last: HeartbeatView): HeartbeatView {
  if (view.heardAtMs > 0 || last.heardAtMs === 0) return view
  const found = view.verdict === 'none' ? last : view
  return {
    ...view,
    suspicion: last.suspicion,
    verdict: found.verdict,
    verdictAtMs: found.verdictAtMs,
    peerIncarnation: last.peerIncarnation,
    answeredSeq: last.answeredSeq,
    heardAtMs: last.heardAtMs,
    presence: last.presence,
    peerCounters: last.peerCounters,
    peerVouchAgeMs: last.peerVouchAgeMs,
    isPeerBusy: last.isPeerBusy,
    peerInFrame: last.peerInFrame,
  }
}
