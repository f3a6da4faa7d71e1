/**
 * The plain serializer with chunks of the size of a scenario, some of them damaged, and images that
 * cannot be read.
 */

import type { SnapshotPort } from '#lib/runtime/ports-outbox.js'
import { cutEvenly, referenceSnapshot } from '#lib/testing/reference-snapshot.js'
import { chunkBytes } from '#lib/wire/limits.js'
import type { Settings } from './settings.js'

export function snapshotOf(settings: Settings, random: () => number): SnapshotPort {
  const { chunks, corruptChunks, failedRestores } = settings
  return {
    // The same count however the engine writes a number: an image differs in length by some bytes
    // from run to run, and a run must be a function of its seed alone.
    cut: (image) => cutEvenly(image, Math.max(chunks, Math.ceil(image.length / chunkBytes))),
    stage: (imageBytes) => {
      const reader = referenceSnapshot.stage(imageBytes)
      return {
        put: (chunk) => {
          if (random() >= corruptChunks) return reader.put(chunk)
          const damaged = chunk.slice()
          const at = Math.floor(random() * damaged.length)
          damaged[at] = (damaged[at] ?? 0) ^ 1
          return reader.put(damaged)
        },
        take: () => {
          const image = reader.take()
          return random() < failedRestores ? image.subarray(image.length >> 1) : image
        },
        close: () => reader.close(),
      }
    },
  }
}
