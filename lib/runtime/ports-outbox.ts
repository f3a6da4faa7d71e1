/**
 * The ports to the frame-diff outbox and to the snapshot serializer.
 *
 * `lib/native` implements them in C++, `lib/testing` in plain TypeScript for the simulator and
 * as an oracle. Batches, never single outputs, go through. Must stay types only.
 */

/** One output by channel index and number. */
export interface OutboxRecord {
  readonly channel: number
  readonly number: number
  readonly data: Uint8Array
}

/** One output that the peer reports as sent. */
export interface OutboxSent {
  readonly channel: number
  readonly number: number
  readonly bytes: number
  /** CRC-32C. */
  readonly digest: number
}

/**
 * What became of a batch. `full`: the bound would be passed; `gap`: a number does not follow the
 * one before it in its channel; of both nothing was taken. `diverged`: all of it was taken, and one
 * output differs from what the other member has under its number (`divergence`).
 */
export type OutboxStatus = 'ok' | 'full' | 'gap' | 'diverged'

/** Methods throw `ERR_HOTPAIR_CLOSED` after `close()`, and a RangeError on a wrong argument. */
export interface OutboxPort {
  /** Bytes held, bookkeeping included; never above the limit given at open. */
  readonly bytes: number
  /**
   * Adds outputs, in order by channel; `digests[i]` is the CRC-32C of the i-th, until the next call
   * of `produce`. The data is copied.
   * A batch whose records alone are larger than the limit is `full`, whatever it would free.
   */
  produce(records: readonly OutboxRecord[]): {
    readonly status: OutboxStatus
    readonly digests: Uint32Array
  }
  /** The other member has sent these. Numbers that are known as sent are passed over. */
  peerSent(records: readonly OutboxSent[]): { readonly status: OutboxStatus }
  /** This member has sent all of `channel` up to `number`, which was produced. */
  sent(channel: number, number: number): void
  /** The first difference since its channel was reset. */
  divergence(): { readonly channel: number; readonly number: number } | undefined
  /**
   * Pending outputs of `channel` from number `from` on, in order, about `mostBytes` at once and at
   * least one if there is any; the data is copied.
   */
  pending(channel: number, from: number, mostBytes: number): readonly OutboxRecord[]
  /**
   * Begins `channel` anew, empty, at these counts; `produced` must not be above `sent`, for what
   * is pending has to be produced again. What lies between is taken without comparison.
   */
  reset(channel: number, produced: number, sent: number): void
  /** Forgets everything. */
  clear(): void
  /** Gives its memory back. Idempotent. */
  close(): void
}

/** What became of a chunk: `complete` when it was the last that was missing. */
export type ChunkVerdict = 'ok' | 'complete' | 'corrupt' | 'overlap' | 'outside'

export interface ChunkWriter {
  /** The next chunk, or undefined at the end. Valid until the next call. */
  next(): Uint8Array | undefined
  close(): void
}

export interface ChunkReader {
  put(chunk: Uint8Array): ChunkVerdict
  /** The whole image, once, after `complete`. */
  take(): Uint8Array
  close(): void
}

export interface SnapshotPort {
  /** `image` must not change until the writer is closed. */
  cut(image: Uint8Array, chunkBytes: number): ChunkWriter
  /** Throws ERR_HOTPAIR_NO_MEMORY. */
  stage(imageBytes: number): ChunkReader
}
