/**
 * The ports to the frame-diff outbox and to the snapshot serializer.
 *
 * `lib/native` implements them in C++, `lib/testing` in plain TypeScript for the simulator and as an
 * oracle. Batches, never single outputs, go through. Must stay types only.
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
 * full: nothing of the batch was taken. diverged: taken, and one differs from what the other member has
 * under its number (`divergence`). gap: a number was left out; nothing was taken.
 */
export type OutboxStatus = 'ok' | 'full' | 'gap' | 'diverged'

export interface OutboxPort {
  /** Bytes held, bookkeeping included; never above the limit given at open. */
  readonly bytes: number
  /** Adds outputs, in order by channel; `digests[i]` is the CRC-32C of the i-th. */
  produce(records: readonly OutboxRecord[]): {
    readonly status: OutboxStatus
    readonly digests: Uint32Array
  }
  /** The other member has sent these. */
  peerSent(records: readonly OutboxSent[]): { readonly status: OutboxStatus }
  /** This member has sent all of `channel` up to `number`. */
  sent(channel: number, number: number): void
  /** The first difference. */
  divergence(): { readonly channel: number; readonly number: number } | undefined
  /** Pending outputs of `channel` from number `from` on, in order, at least one if there is any, about `mostBytes` at once; data is copied. */
  pending(channel: number, from: number, mostBytes: number): readonly OutboxRecord[]
  /** Begins `channel` anew at these counts, empty. */
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
