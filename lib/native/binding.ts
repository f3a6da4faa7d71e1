/**
 * The contract with the addon: every export, once.
 *
 * C++ measures, stores, copies and sends beats; it decides nothing about roles. TypeScript shapes
 * and checks arguments before it calls; C++ checks again only what would corrupt memory. `abi` is
 * compiled into the addon, so that a stale binary is refused by `load.ts` with a sentence and not
 * found out later. Offsets and limits come from `facts`: TypeScript never types an offset.
 *
 * Nobody but `lib/native/` imports this file; the rest of the library sees the typed wrappers.
 */

/**
 * The number that the addon must carry in `abi`; raised with each incompatible change of this file.
 */
export const bindingAbi = 1

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
  /** 32 bytes: the SipHash key of beats from a to b, then that of beats from b to a. */
  readonly keys: Uint8Array
  /** Microseconds between two beats, 1,000 to 10,000,000. */
  readonly intervalMicros: number
  /** Microseconds of silence until the verdict `unreachable`, at least three intervals. */
  readonly windowMicros: number
  /** Whether this member opens the beat connections (`b` does, `a` listens). */
  readonly dials: boolean
  readonly links: readonly HeartbeatLink[]
}

/** One pair on the beat thread. Every method throws a TypeError on a foreign receiver. */
export interface HeartbeatHandle {
  /** The beat board, layout by `facts.board`; detached (length 0) by `close()`. */
  readonly board: ArrayBuffer
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
  /** Whether `valid until` still lies ahead on the boot-time clock at this moment. */
  isGateOpen(): boolean
  /** Ends this pair's beats, closes its sockets, detaches the board. Idempotent. */
  close(): void
}

/**
 * The frame-diff outbox of one member. Batches, never single outputs, cross the boundary. A
 * batch is taken whole or not at all; every method throws a TypeError on a foreign receiver and
 * `ERR_HOTPAIR_CLOSED` after `close()`.
 */
export interface OutboxHandle {
  /** Bytes of the blocks in use, bookkeeping included; never above the limit given at open. */
  readonly bytes: number
  /** Outputs produced here and not known as sent. */
  readonly pendingCount: number
  /**
   * Adds `count` outputs from `batch` (layout: `facts.outbox`) in order, and writes the CRC-32C
   * of each into `digests`. Each is reconciled at once with what the peer has reported sent.
   * Returns `facts.outbox.ok`; `.full`, `.malformed` or `.gap` (nothing of the batch was taken);
   * or `.diverged` (all of it was taken, and an output of it differs from what the peer has
   * sent).
   */
  produce(batch: Uint8Array, count: number, digests: Uint32Array): number
  /**
   * The peer reports `count` outputs as sent (channel, number, length, CRC-32C each), without
   * gaps per channel; those known as sent are passed over. Returns as `produce`.
   */
  peerSent(batch: Uint8Array, count: number): number
  /**
   * This member has sent all up to `number` on `channel`: forget them. Throws a RangeError when
   * they were not all produced.
   */
  sent(channel: number, number: number): void
  /** The first difference found since its channel was reset, or undefined. */
  divergence(): { channel: number; number: number } | undefined
  /**
   * Copies pending outputs of `channel` from `from` on, in order, into `into` (records as in
   * `produce`), as many as fit. Returns the bytes written; 0 when there are none, or -n when the
   * next one needs n bytes.
   */
  pending(channel: number, from: number, into: Uint8Array): number
  /**
   * Begins `channel` after a load at `produced` outputs produced and `sent` outputs sent,
   * `produced <= sent` (pending ones of the load are produced afterwards); forgets what it held,
   * a divergence too. Outputs in between are taken without comparison, because their notices
   * were not seen.
   */
  reset(channel: number, produced: number, sent: number): void
  /** Forgets everything. */
  clear(): void
  /** Gives the memory back. Idempotent. */
  close(): void
}

/** Cuts one image into chunks that carry offset, length and CRC-32C. */
export interface ChunkWriterHandle {
  /** Writes the next chunk (header and bytes) into `into`; returns its length, 0 at the end. */
  next(into: Uint8Array): number
  close(): void
}

/**
 * Takes the chunks of one image into staging; nothing is seen of it until all are there and right.
 */
export interface ChunkReaderHandle {
  /**
   * Checks and stages one chunk. Returns `facts.snapshot.ok`, `.complete`, `.corrupt`, `.overlap`
   * or `.outside`.
   */
  put(chunk: Uint8Array): number
  /** The whole image, once, after `.complete`; the staging is handed over and not copied. */
  take(): Uint8Array
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
  /** u32, ms since the peer's event loop vouched for itself, as it said; `noVouch` before. */
  readonly peerVouchAge: number
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
  /** u64, smoothed round trip in ns over all links; 0 before the first. */
  readonly roundTrip: number
  /** u32, links whose beat connection is up. */
  readonly linksUp: number
  /** Where the part under the seqlock ends. */
  readonly end: number
  /** u32 beyond `end`, raised by this member's event loop: each beat says how long ago. */
  readonly vouch: number
}

export interface Facts {
  readonly presenceBytes: number
  readonly counterBytes: number
  readonly beatBytes: number
  /** Links that one pair may have. */
  readonly mostLinks: number
  /** `board.peerVouchAge` of a peer whose event loop has not vouched yet. */
  readonly noVouch: number
  readonly board: BoardFacts
  readonly suspicion: {
    readonly unheard: number
    readonly alive: number
    readonly late: number
    readonly suspect: number
  }
  readonly verdict: {
    readonly none: number
    readonly processGone: number
    readonly unreachable: number
  }
  /**
   * Outbox record: u16 channel, u16 zero, u32 length, u64 number, bytes, padded to 8. Sent record:
   * u16 channel, u16 zero, u32 length, u64 number, u32 CRC-32C, u32 zero.
   */
  readonly outbox: {
    /** The unit in which memory is taken; the least limit that `openOutbox` accepts. */
    readonly blockBytes: number
    readonly recordHeaderBytes: number
    /** Offsets of the fields of both records; the digest only of a sent one. */
    readonly channelAt: number
    readonly lengthAt: number
    readonly numberAt: number
    readonly digestAt: number
    readonly sentRecordBytes: number
    readonly ok: number
    readonly full: number
    readonly malformed: number
    readonly gap: number
    readonly diverged: number
  }
  readonly snapshot: {
    /** u64 offset, u32 length, u32 CRC-32C (over offset, length and bytes). */
    readonly chunkHeaderBytes: number
    readonly ok: number
    readonly complete: number
    readonly corrupt: number
    readonly overlap: number
    readonly outside: number
  }
  /** Error codes that the addon can put on an error, each also in `lib/errors.ts`. */
  readonly errorCodes: readonly string[]
}

export interface Binding {
  readonly abi: number
  readonly facts: Facts
  crc32c(data: Uint8Array): number
  /** SipHash-2-4 of `data` under a 16-byte `key`. */
  siphash(key: Uint8Array, data: Uint8Array): bigint
  /** Now on CLOCK_MONOTONIC in ns: the clock of `heardAt` and `verdictAt`. */
  monotonicNanos(): bigint
  /**
   * Adds a pair to the environment's beat thread, starting it with the first. `ring` is called
   * on the JavaScript thread, without arguments, some time after anything on the board but
   * counters and times has changed; `gateLapses` and the first `sameMember` ring too. What it
   * throws is an uncaught exception. The handle does not keep the process alive, and must be
   * closed. Throws an Error with `code` `ERR_HOTPAIR_ADDRESS_IN_USE`, `ERR_HOTPAIR_ADDRESS` or
   * `ERR_HOTPAIR_NATIVE`.
   */
  openHeartbeat(options: HeartbeatOptions, ring: () => void): HeartbeatHandle
  /**
   * Reserves `limitBytes`, from `facts.outbox.blockBytes` to 2^43. Throws
   * `ERR_HOTPAIR_NO_MEMORY`.
   */
  openOutbox(limitBytes: number): OutboxHandle
  /**
   * `image` must not change until the writer is closed. Chunks carry at most `chunkBytes` of it.
   */
  openChunkWriter(image: Uint8Array, chunkBytes: number): ChunkWriterHandle
  /** Allocates staging for `imageBytes`. Throws `ERR_HOTPAIR_NO_MEMORY`. */
  openChunkReader(imageBytes: number): ChunkReaderHandle
}
