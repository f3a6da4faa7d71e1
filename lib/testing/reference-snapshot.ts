/**
 * The snapshot serializer in plain TypeScript: what `SnapshotPort` means, said as simply as
 * possible.
 *
 * The simulator runs on it, and the addon is compared with it: chunks cut by one are taken by the
 * other. One flag per byte says what is there, so it is for images of tests only.
 */

import { ClosedError, NativeError } from '../errors.js'
import type {
  ChunkReader,
  ChunkVerdict,
  ChunkWriter,
  SnapshotPort,
} from '../runtime/ports-outbox.js'
import { crc32c } from '../wire/crc32c.js'

const headerBytes = 16
const sumAt = 12
const wordSize = 2 ** 32
// A reader takes chunks in any order, but no more than this many separate parts at once.
const mostParts = 1024

/** The serializer in plain TypeScript. */
export const referenceSnapshot: SnapshotPort = { cut, stage }

function sumOf(chunk: Uint8Array): number {
  return crc32c(chunk.subarray(headerBytes), crc32c(chunk.subarray(0, sumAt)))
}

function cut(image: Uint8Array, chunkBytes: number): ChunkWriter {
  if (!(chunkBytes >= 1)) {
    throw new RangeError(`a chunk must carry at least 1 byte, not ${chunkBytes}`)
  }
  return cutTo(image, (offset) => offset + chunkBytes)
}

/**
 * As `cut`, into `count` chunks whose lengths differ by at most one byte, or as many as there are
 * bytes: where the count must not depend on the length.
 */
export function cutEvenly(image: Uint8Array, count: number): ChunkWriter {
  const { length } = image
  return cutTo(image, (_, no) => Math.ceil(((no + 1) * length) / Math.min(count, length)))
}

/** Cuts chunk `no`, which begins at `offset`, up to where `endOf` says. */
function cutTo(image: Uint8Array, endOf: (offset: number, no: number) => number): ChunkWriter {
  let offset = 0
  let no = 0
  let isClosed = false
  return {
    next(): Uint8Array | undefined {
      if (isClosed) throw new ClosedError('the chunk writer is closed')
      const data = image.subarray(offset, endOf(offset, no))
      no += 1
      if (data.length === 0) return undefined
      const chunk = new Uint8Array(headerBytes + data.length)
      const view = new DataView(chunk.buffer)
      view.setUint32(0, offset, true)
      view.setUint32(4, offset / wordSize, true)
      view.setUint32(8, data.length, true)
      chunk.set(data, headerBytes)
      view.setUint32(sumAt, sumOf(chunk), true)
      offset += data.length
      return chunk
    },
    close(): void {
      isClosed = true
    },
  }
}

function stage(imageBytes: number): ChunkReader {
  if (!Number.isSafeInteger(imageBytes) || imageBytes < 1) {
    throw new RangeError(`an image must have at least 1 byte, not ${imageBytes}`)
  }
  return new ReferenceReader(imageBytes)
}

class ReferenceReader implements ChunkReader {
  #staging: Uint8Array | undefined
  readonly #isThere: Uint8Array
  /** Bytes that are missing. */
  #missing: number
  /** Parts that are there, each apart from the others. */
  #parts = 0

  constructor(imageBytes: number) {
    this.#missing = imageBytes
    try {
      this.#staging = new Uint8Array(imageBytes)
      this.#isThere = new Uint8Array(imageBytes)
    } catch (cause) {
      const message = `staging of ${imageBytes} bytes cannot be allocated`
      throw new NativeError('ERR_HOTPAIR_NO_MEMORY', message, { cause })
    }
  }

  put(chunk: Uint8Array): ChunkVerdict {
    const staging = this.#open()
    if (chunk.length <= headerBytes) return 'corrupt'
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    const begin = view.getUint32(0, true) + view.getUint32(4, true) * wordSize
    const data = chunk.subarray(headerBytes)
    if (view.getUint32(8, true) !== data.length) return 'corrupt'
    if (view.getUint32(sumAt, true) !== sumOf(chunk)) return 'corrupt'
    const end = begin + data.length
    if (end > staging.length) return 'outside'
    if (this.#isThere.subarray(begin, end).includes(1)) return 'overlap'

    const neighbours = (this.#isThere[begin - 1] ?? 0) + (this.#isThere[end] ?? 0)
    if (neighbours === 0 && this.#parts === mostParts) return 'outside'
    this.#parts += 1 - neighbours
    this.#missing -= data.length
    this.#isThere.fill(1, begin, end)
    staging.set(data, begin)
    return this.#missing === 0 ? 'complete' : 'ok'
  }

  take(): Uint8Array {
    const image = this.#open()
    if (this.#missing > 0) throw new RangeError('the image cannot be taken before it is complete')
    this.#staging = undefined
    return image
  }

  close(): void {
    this.#staging = undefined
  }

  #open(): Uint8Array {
    if (!this.#staging) throw new ClosedError('the chunk reader is closed')
    return this.#staging
  }
}
