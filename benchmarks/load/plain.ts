/**
 * What a load of plain JavaScript state costs: a structured clone, written and read on the event
 * loop, which stands still for all of it.
 */

import { deserialize, serialize } from 'node:v8'

const entries = 200_000

/** One serialize and one deserialize of the same values. */
export interface Cloned {
  readonly ms: number
  readonly bytes: number
}

/** A map of small objects, as programs keep them. */
export function plainState(): unknown {
  const map = new Map<number, object>()
  for (let id = 0; id < entries; id++) {
    map.set(id, { id, name: `position ${id}`, value: id * 1.5, isOpen: id % 3 === 0 })
  }
  return map
}

export function clone(state: unknown): Cloned {
  const began = performance.now()
  const image = serialize(state)
  deserialize(image)
  return { ms: performance.now() - began, bytes: image.length }
}
