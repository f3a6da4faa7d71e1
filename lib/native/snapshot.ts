/**
 * The snapshot serializer of the addon behind `SnapshotPort`.
 *
 * C++ cuts an image into chunks with check sums on one side, and checks and stages them on the
 * other; here are only the buffer that a chunk is written into and the names of the verdicts.
 */

import { NativeError } from '../errors.js'
import type {
  ChunkReader,
  ChunkVerdict,
  ChunkWriter,
  SnapshotPort,
} from '../runtime/ports-outbox.js'
import { native } from './failure.js'
import { loadBinding } from './load.js'

/** The serializer of the addon. */
export const nativeSnapshot: SnapshotPort = { cut, stage }

function cut(image: Uint8Array, chunkBytes: number): ChunkWriter {
  const binding = loadBinding()
  const handle = native(() => binding.openChunkWriter(image, chunkBytes))
  const mostBytes = Math.min(chunkBytes, image.length) + binding.facts.snapshot.chunkHeaderBytes
  const buffer = new Uint8Array(mostBytes)
  return {
    next(): Uint8Array | undefined {
      const written = native(() => handle.next(buffer))
      return written === 0 ? undefined : buffer.subarray(0, written)
    },
    close: () => handle.close(),
  }
}

function stage(imageBytes: number): ChunkReader {
  const binding = loadBinding()
  const facts = binding.facts.snapshot
  const verdicts = new Map<number, ChunkVerdict>([
    [facts.ok, 'ok'],
    [facts.complete, 'complete'],
    [facts.corrupt, 'corrupt'],
    [facts.overlap, 'overlap'],
    [facts.outside, 'outside'],
  ])
  const handle = native(() => binding.openChunkReader(imageBytes))
  return {
    put(chunk: Uint8Array): ChunkVerdict {
      const verdict = verdicts.get(native(() => handle.put(chunk)))
      if (verdict !== undefined) return verdict
      throw new NativeError('ERR_HOTPAIR_NATIVE', 'the addon gave a verdict that it does not list')
    },
    take: () => native(() => handle.take()),
    close: () => handle.close(),
  }
}
