/**
 * The port to the beat thread of one pair: what it shows, and what can be asked of it. Types only.
 */

/** One consistent look at the beat board. */
export interface BeatView {
  readonly suspicion: 'unheard' | 'alive' | 'late' | 'suspect'
  /** Speaks of `peerIncarnation`. */
  readonly verdict: 'none' | 'process-gone' | 'unreachable'
  /** Monotonic milliseconds, the clock of `performance.now()`'s origin aside; 0 before any. */
  readonly verdictAtMs: number
  /** The incarnation last heard freshly; 0n before. */
  readonly peerIncarnation: bigint
  /** Newest own beat that the other has heard. */
  readonly answeredSeq: bigint
  /** Newest own beat sent. */
  readonly ownSeq: bigint
  /** Monotonic milliseconds of the newest fresh beat. */
  readonly heardAtMs: number
  /** Now, on the same clock. */
  readonly presence: Uint8Array
  /** Times that the beat thread stood still for a window or longer. */
  readonly stallCount: number
  /** Times that the gate had expired when the beat thread came to renew it. */
  readonly gateLapses: number
  /** Packets refused because their sender bears this member's own name. */
  readonly sameMember: number
  /** Packets refused for another reason. */
  readonly refused: number
  /** Smoothed round trip in milliseconds; 0 before the first. */
  readonly roundTripMs: number
  readonly linksUp: number
}

export interface BeatsPort {
  view(): BeatView
  announce(presence: Uint8Array): void
  probe(): void
  setPeerHost(link: number, host: string): void
  openGate(): void
  closeGate(): void
  isGateOpen(): boolean
  close(): void
}
