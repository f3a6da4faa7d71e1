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

import type {
  BeatStatisticsFacts,
  BoardFacts,
  HeartbeatHandle,
  HeartbeatOptions,
  PresenceFacts,
  SentMarksFacts,
} from './binding-heartbeat.js'
import type { RegionFacts, RegionHandle, RegionOptions } from './binding-region.js'
import type { ServiceManager, UnitHandle } from './binding-unit.js'

/**
 * The number that the addon must carry in `abi`; raised with each incompatible change of this file.
 */
export const bindingAbi = 8

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

export interface Facts {
  readonly presenceBytes: number
  readonly counterBytes: number
  readonly beatBytes: number
  /** Links that one pair may have. */
  readonly mostLinks: number
  readonly board: BoardFacts
  readonly beatStatistics: BeatStatisticsFacts
  readonly presence: PresenceFacts
  readonly sentMarks: SentMarksFacts
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
    readonly hung: number
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
  readonly region: RegionFacts
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
   *
   * With `options.unit` the pair is added to the beat thread of that process; it is waited for up
   * to a second. Throws besides `ERR_HOTPAIR_SHARED_MEMORY` and `ERR_HOTPAIR_UNIT`.
   */
  openHeartbeat(options: HeartbeatOptions, ring: () => void): HeartbeatHandle
  /**
   * Makes this process the unit that listens at `path`, absolute and at most 107 bytes long, for
   * one server at a time, and tells `manager` how it fares. `ring` is called after its report has
   * changed. Throws an Error with `code` `ERR_HOTPAIR_ADDRESS_IN_USE`, `ERR_HOTPAIR_ADDRESS` or
   * `ERR_HOTPAIR_NATIVE`.
   */
  openUnit(path: string, manager: ServiceManager, ring: () => void): UnitHandle
  /**
   * Allocates and touches a region and all that its loads need. `ring` is called some time after
   * the phase of its load has changed; what it throws is an uncaught exception. The handle does
   * not keep the process alive, and must be closed. Throws `ERR_HOTPAIR_SHARED_MEMORY` with the
   * sum of what is needed, or `ERR_HOTPAIR_NATIVE`.
   */
  openRegion(options: RegionOptions, ring: () => void): RegionHandle
  /**
   * The descriptors of two stream sockets that are connected with each other; both are the
   * caller's. Throws `ERR_HOTPAIR_NATIVE`.
   */
  socketPair(): number[]
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
