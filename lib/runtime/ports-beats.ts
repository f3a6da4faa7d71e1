/**
 * The port to the beat thread of one pair: what it shows, and what can be asked of it. Types only.
 */

/** One consistent look at the beat board. */
export interface BeatView {
  readonly suspicion: 'unheard' | 'alive' | 'late' | 'suspect'
  /**
   * Speaks of `peerIncarnation`. `hung`: its newest beat says that its event loop has not come
   * round for `hangAfterMs`; a later beat that says less takes it back.
   */
  readonly verdict: 'none' | 'process-gone' | 'unreachable' | 'hung'
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
  /**
   * Whole milliseconds for which the other's event loop has not come round, its wait for events
   * not counted, as its newest beat says; 0 when it runs, and before any beat.
   */
  readonly peerVouchAgeMs: number
  /** The newest beat says that its loop stands in a block that it has announced. */
  readonly isPeerBusy: boolean
  /** The frame in which its `process` stood when the newest beat left; 0 for none. */
  readonly peerInFrame: number
  /** The epoch that this member's beat thread gave up last; 0n before. Taken by `disarm`. */
  readonly renouncedNatively: bigint
}

/** What the other member's unit has told of what it had sent when its server died. */
export interface PeerMarks {
  readonly incarnation: bigint
  readonly epoch: number
  /** By the index of the channel. Of those beyond the list nothing was begun in that reign. */
  readonly lanes: readonly { readonly begun: number; readonly sent: number }[]
}

/**
 * Where a primary writes down what it begins and has sent, for a unit that outlives it. Cheap: a
 * store or two each.
 */
export interface MarksPort {
  /** A reign begins, with these numbers sent by channel, or goes on under another epoch. */
  reign(epoch: number, sent: readonly number[]): void
  /** The output `number` of the channel with this index is about to be delivered. */
  begun(channel: number, number: number): void
  /** All of it up to `number` is sent. */
  sent(channel: number, number: number): void
  /** This member rules no more. */
  end(): void
}

export interface BeatsPort {
  view(): BeatView
  /** Undefined while nothing was told. */
  peerMarks(): PeerMarks | undefined
  announce(presence: Uint8Array): void
  probe(): void
  setPeerHost(link: number, host: string): void
  openGate(): void
  closeGate(): void
  isGateOpen(): boolean
  /**
   * From now on the beat thread may give up `epoch` when the other asks for it: as a standby at
   * once, as a primary when its own event loop is found hung. 0n for none.
   */
  arm(epoch: bigint): void
  /**
   * Takes that right back. Returns the epoch that the beat thread has given up since `arm`, 0n for
   * none; until that was taken here the gate stays shut, whatever is asked of it.
   */
  disarm(): bigint
  /**
   * The event loop is about to stand still for at most `ms`, 0 to 600,000: until then beats say
   * busy, and the age of the vouch counts from the end of it. 0 ends it now. The last call counts.
   */
  announceBlock(ms: number): void
  /** The frame that is being processed from now on; 0 when it is done. */
  markFrame(frameNo: number): void
  close(): void
}

/** Spans of time, counted: how many there were and how they lie. */
export interface Histogram {
  readonly count: number
  /**
   * Half of them, 99 and 99.9 of a hundred are at most this many milliseconds, to an eighth above;
   * 0 without any.
   */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** The longest; of a difference of two looks, the bound of the last bucket that has any. */
  readonly maxMs: number
  /**
   * Buckets that have any, from below: so many were under `belowMs` and not under the one before.
   */
  readonly buckets: readonly { readonly belowMs: number; readonly count: number }[]
}

/** The beats of one path of a link. */
export interface PathStatistics {
  /** Handed to the operating system. */
  readonly sent: number
  readonly heard: number
  /** Missing in the numbers of those that were heard. */
  readonly lost: number
  /** Heard more than half of `heartbeatMs` after they were due. */
  readonly late: number
  /** How far the time between two regular beats in a row was from `heartbeatMs`. */
  readonly jitter: Histogram
}

export interface LinkStatistics {
  readonly udp: PathStatistics
  readonly tcp: PathStatistics
  /** Of beats, probes and answers whose echo came by this link. */
  readonly roundTrip: Histogram
}

/** How the beats of each link fared, in the order of the addresses. */
export interface BeatStatistics {
  /**
   * The beat thread runs before all ordinary threads of its machine, because the system lets it and
   * it needs little.
   */
  readonly isRealtime: boolean
  readonly links: readonly LinkStatistics[]
}
