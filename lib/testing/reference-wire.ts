/**
 * What the two ends of a reference region's load say to each other, as packets of `wire/packet`.
 */

import { BodyReader } from '../wire/body.js'
import { PacketWriter } from '../wire/packet.js'

const type = { want: 1, pages: 2, end: 3, done: 4 } as const

export interface Want {
  readonly ask: number
  /** Of the pages that the receiver holds. */
  readonly digests: ReadonlyMap<number, bigint>
  /** It holds the state of this mark but for `changed`; 0: of none. */
  readonly mark: number
  readonly changed: readonly number[]
}

export type RegionMessage =
  | ({ readonly type: 'want' } & Want)
  | { readonly type: 'page'; readonly index: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly digest: bigint }
  | { readonly type: 'done'; readonly digest: bigint }

/** Longest packet: a want of some ten thousand pages. */
export const mostPacketBytes = 1_048_576

export function writeRegionMessage(message: RegionMessage): Uint8Array {
  const to = new PacketWriter(mostPacketBytes)
  switch (message.type) {
    case 'want':
      to.begin(type.want).u48(message.ask).u48(message.mark).u32(message.digests.size)
      for (const [index, digest] of message.digests) to.u32(index).u64(digest)
      to.u32(message.changed.length)
      for (const index of message.changed) to.u32(index)
      break
    case 'page':
      to.begin(type.pages).u32(message.index).raw(message.bytes)
      break
    case 'end':
      to.begin(type.end).u64(message.digest)
      break
    case 'done':
      to.begin(type.done).u64(message.digest)
      break
  }
  return to.end().take()
}

/** Undefined: it is none. */
export function readRegionMessage(body: Uint8Array): RegionMessage | undefined {
  const from = new BodyReader().of(body)
  switch (from.u8()) {
    case type.want: {
      const ask = from.u48()
      const mark = from.u48()
      const digests = new Map<number, bigint>()
      for (let left = from.u32(); left > 0 && from.isSound; left -= 1) {
        digests.set(from.u32(), from.u64())
      }
      const changed: number[] = []
      for (let left = from.u32(); left > 0 && from.isSound; left -= 1) changed.push(from.u32())
      return from.isComplete ? { type: 'want', ask, mark, digests, changed } : undefined
    }
    case type.pages:
      return { type: 'page', index: from.u32(), bytes: from.rest() }
    case type.end: {
      const digest = from.u64()
      return from.isComplete ? { type: 'end', digest } : undefined
    }
    case type.done: {
      const digest = from.u64()
      return from.isComplete ? { type: 'done', digest } : undefined
    }
    default:
      return undefined
  }
}
