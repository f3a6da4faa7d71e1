/**
 * The heartbeat's part of the contract with the addon; see binding.ts.
 */

/**
 * One address pair of one link. Hosts are numeric IPv4 or IPv6 addresses; names are resolved
 * before.
 */
export interface HeartbeatLink {
  readonly selfHost: string
  readonly selfPort: number
  readonly peerHost: string
  readonly peerPort: number
  /** The peer's data port: it is probed by a fresh connect, nothing is sent to it. */
  readonly peerDataPort: number
}

/** What one pair of one member hands to the beat thread. */
export interface HeartbeatOptions {
  /** 64-bit digest of the pair's name: beats of another pair are dropped and counted. */
  readonly pair: bigint
  /** 0 for member `a`, 1 for member `b`. */
  readonly self: 0 | 1
  /** Random, never 0: one start of a server. */
  readonly incarnation: bigint
  /** No packet that this incarnation has sent before has a higher number. */
  readonly firstSeq: bigint
  /**
   * The other's incarnation, if it was heard where these beats were sent from before: its silence
   * counts from now on. 0n or undefined: none.
   */
  readonly known?: bigint
  /**
   * 32 bytes: the SipHash key of beats from a to b, then that of beats from b to a. 64 bytes: two
   * of those; beats are sent by the first and heard by both.
   */
  readonly keys: Uint8Array
  /** Microseconds between two beats, 1,000 to 10,000,000. */
  readonly intervalMicros: number
  /** Microseconds of silence until the verdict `unreachable`, at least three intervals. */
  readonly windowMicros: number
  /**
   * Whole milliseconds for which the event loop may fail to come round, its wait for events not
   * counted, until it counts as hung, 10 to 600,000; alike on both members.
   */
  readonly hangAfterMs: number
  /** Whether this member opens the beat connections (`b` does, `a` listens). */
  readonly dials: boolean
  /** A unit kills its server when it hangs, has given its reign up, and the other one rules. */
  readonly killsHung: boolean
  readonly links: readonly HeartbeatLink[]
  /** The path of a unit's socket: that process sends the beats. */
  readonly unit?: string
}

/** One pair on the beat thread. Every method throws a TypeError on a foreign receiver. */
export interface HeartbeatHandle {
  /** The beat board, layout by `facts.board`; detached (length 0) by `close()`. */
  readonly board: ArrayBuffer
  /** Where this member writes what it has begun and sent, layout by `facts.sentMarks`. */
  readonly marks: ArrayBuffer
  /** The process that sends the beats, where it is not this one; else 0. */
  unitPid(): number
  /** The unit that sent the beats has ended, or the connection to it; false where there is none. */
  isLost(): boolean
  /** The server before this one hung, and the unit has killed it. */
  hasKilledFormer(): boolean
  /**
   * What the other member had begun and sent when its server died, as its unit has told: its
   * incarnation, the epoch, then `begun` and `sent` of each lane. Empty while nothing was told.
   */
  peerMarks(): BigUint64Array
  /**
   * Replaces what each beat says of this member (`facts.presenceBytes` bytes) and beats at once.
   * Before the first call nothing is sent: a beat without a presence would say something untrue.
   */
  announce(presence: Uint8Array): void
  /** Replaces the `facts.counterBytes` bytes that each beat carries for show. */
  setCounters(counters: Uint8Array): void
  /** Evidence from elsewhere that the peer may be gone: probe every path now. */
  probe(): void
  /** The peer's name of link `index` was resolved anew. */
  setPeerHost(index: number, host: string): void
  /**
   * Lets the gate stand open, renewed by the beat thread for as long as that thread runs on time.
   */
  openGate(): void
  /** Shuts the gate; it stays shut until `openGate()`. */
  closeGate(): void
  /**
   * A function that says whether `valid until` still lies ahead on the boot-time clock at its call;
   * false after `close()`. It is bound to this pair, and a call of it costs a third of a method's.
   */
  gateQuestion(): () => boolean
  /** The beat thread may renounce `epoch`, up to 2^53 - 1, from now on; 0n for none. */
  arm(epoch: bigint): void
  /**
   * Takes the right back; returns what was renounced since `arm`, 0n for nothing. Until then the
   * gate stays shut by it.
   */
  disarm(): bigint
  /** The event loop may stand still for `millis`, 0 to 600,000, from now on. */
  announceBlock(millis: number): void
  /** Ends this pair's beats, closes its sockets, detaches the board. Idempotent. */
  close(): void
}

/** Byte offsets into the beat board. u32 and u64 fields are little-endian and naturally aligned. */
export interface BoardFacts {
  readonly bytes: number
  /** u32, seqlock of all that follows up to `end`: odd while the beat thread writes. */
  readonly sequence: number
  /** u32, see `facts.suspicion`. */
  readonly suspicion: number
  /** u32, see `facts.verdict`; speaks of `peerIncarnation`. */
  readonly verdict: number
  /** u64, CLOCK_MONOTONIC ns at which the verdict was reached. */
  readonly verdictAt: number
  /** u64, incarnation last heard freshly (it echoed ours); 0 before. */
  readonly peerIncarnation: number
  /** u64, an incarnation known to be gone because a newer one was heard; 0 if none. */
  readonly goneIncarnation: number
  /** u64, newest own beat that the peer has heard. */
  readonly answeredSeq: number
  /** u64, newest own beat sent. */
  readonly ownSeq: number
  /** u64, CLOCK_MONOTONIC ns of the newest fresh beat. */
  readonly heardAt: number
  /** `presenceBytes` bytes, as the peer announced them. */
  readonly peerPresence: number
  /** `counterBytes` bytes, as the peer set them. */
  readonly peerCounters: number
  /** u32, ms for which the peer's event loop has not come round, its wait not counted. */
  readonly peerVouchAge: number
  /** u32, 1 while the peer's event loop stands in a block that it announced. */
  readonly peerBusy: number
  /** u64, the frame that the peer processed when its newest beat left; 0 for none. */
  readonly peerInFrame: number
  /** u64, the epoch that this beat thread gave up last; 0 before. */
  readonly renouncedNatively: number
  /** u32, times that the beat thread itself stood still for a window or longer. */
  readonly stallCount: number
  /** u64, first own beat sent after the last such stall. */
  readonly stallSeq: number
  /** u64, times that the gate had expired when the beat thread woke. */
  readonly gateLapses: number
  /**
   * u64 counters of refused packets: wrong MAC, malformed, replayed or old, of another pair, own
   * name.
   */
  readonly badMac: number
  readonly malformed: number
  readonly replayed: number
  readonly otherPair: number
  readonly sameMember: number
  /** u64, connections closed because they had proved nothing when their time or place was over. */
  readonly unproved: number
  /**
   * Where the last of what is counted above came from, own name apart: u32, 4 or 6 and 0 for none;
   * u32; 16 bytes in network order, of IPv4 the first four.
   */
  readonly strangerFamily: number
  readonly strangerPort: number
  readonly strangerHost: number
  /** u64, which of the own keys the newest fresh beat bears: 1 or 2; 0 before. */
  readonly peerKey: number
  /** u64, smoothed round trip in ns over all links; 0 before the first. */
  readonly roundTrip: number
  /** u32, links whose beat connection is up. */
  readonly linksUp: number
  /** Where the part under the seqlock ends. */
  readonly end: number
  /**
   * u32 each beyond `end`, written by this member's event loop: the frame that it processes, 0 for
   * none.
   */
  readonly frameLow: number
  readonly frameHigh: number
  /** Where the statistics of the links begin, one behind the other. */
  readonly statistics: number
}

/**
 * Offsets within the statistics of one link: of its paths, then of the numbers of a path and of a
 * histogram. All numbers are u64 that only grow.
 */
export interface BeatStatisticsFacts {
  /** From `board.statistics` on: 1 while the beat thread has real-time priority. */
  readonly realtime: number
  readonly linkBytes: number
  readonly udp: number
  readonly tcp: number
  /** A histogram. */
  readonly roundTrip: number
  readonly sent: number
  readonly heard: number
  readonly lost: number
  readonly late: number
  /** A histogram. */
  readonly jitter: number
  /** ns. */
  readonly longest: number
  /** `bucketCount` counts: of whole microseconds up to `linear`, then `perDoubling` a doubling. */
  readonly buckets: number
  readonly bucketCount: number
  readonly linear: number
  readonly perDoubling: number
}

/**
 * Offsets of the marks of what was begun and sent. All are numbers of JavaScript (f64), so that one
 * store writes one.
 */
export interface SentMarksFacts {
  /** The reign of which they speak; 0 for none. */
  readonly epoch: number
  /** Lanes that mean something. */
  readonly lanes: number
  /** Where the first lane begins; they lie one behind the other, one a channel, by its index. */
  readonly lane: number
  readonly laneBytes: number
  /** Within a lane: the last output whose `deliver` was called, and up to which each is sent. */
  readonly begun: number
  readonly sent: number
  readonly mostLanes: number
}

/** The fields of a presence that the beat thread itself reads and writes. */
export interface PresenceFacts {
  /** u8 */
  readonly role: number
  /** Value of the role of a member that rules. */
  readonly primary: number
  /** u64 each. */
  readonly epoch: number
  readonly renounced: number
  readonly askRenounce: number
}
