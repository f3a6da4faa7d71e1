/**
 * A region in plain TypeScript: what `RegionPort` means, said as simply as possible.
 *
 * The simulator runs on it. Written pages are found by comparison with what was sent, so it is
 * exact whoever wrote; memory and time are as wasteful as that sounds. Rounds are made by timers
 * of the clock that it is given, and the bytes on the wire are its own: both ends must be of this
 * kind.
 */

import { ClosedError, PairError } from '../errors.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type {
  RegionArrival,
  RegionBasis,
  RegionHandlers,
  RegionPort,
  RegionSending,
  SideStream,
} from '../runtime/ports-region.js'
import { Hash64 } from '../server/hash64.js'
import { ReferenceArrival } from './reference-arrival.js'
import { ReferenceSending } from './reference-sending.js'

/** Bytes of a page. */
export const pageBytes = 4_096

/** Marks that are kept, the newest first: a standby that is one behind still finds its own. */
const mostMarks = 2

export function openReferenceRegion(bytes: number, clock: ClockPort): ReferenceRegion {
  return new ReferenceRegion(Math.ceil(bytes / pageBytes) * pageBytes, clock)
}

/** A page, or all of them. */
export function digestOfBytes(bytes: Uint8Array): bigint {
  const hash = new Hash64()
  hash.bytes(bytes)
  return hash.digest()
}

export class ReferenceRegion implements RegionPort {
  readonly buffer: ArrayBuffer
  readonly way = 'shadow'
  readonly refusal = 'the region is simulated'
  readonly clock: ClockPort
  /** What has come of loads, page by page. */
  readonly staged: Map<number, Uint8Array> = new Map()
  #marks: { readonly number: number; readonly bytes: Uint8Array }[] = []
  #load: { cancel(): void } | undefined
  #isClosed = false

  constructor(bytes: number, clock: ClockPort) {
    this.buffer = new ArrayBuffer(bytes)
    this.clock = clock
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.buffer)
  }

  get pageCount(): number {
    return this.buffer.byteLength / pageBytes
  }

  page(index: number): Uint8Array {
    return new Uint8Array(this.buffer, index * pageBytes, pageBytes)
  }

  digest(): bigint {
    this.#mustBeOpen()
    return digestOfBytes(this.bytes)
  }

  mark(number: number): void {
    this.#mustBeOpen()
    const others = this.#marks.filter((mark) => mark.number !== number)
    this.#marks = [{ number, bytes: this.bytes.slice() }, ...others].slice(0, mostMarks)
  }

  get marked(): number | undefined {
    return this.#marks[0]?.number
  }

  /** The pages that were changed since `mark`; undefined: that is not known. */
  changedSince(mark: number): readonly number[] | undefined {
    const marked = this.#marks.find(({ number }) => number === mark)?.bytes
    if (marked === undefined) return undefined
    const pages = Array.from({ length: this.pageCount }, (_, index) => index)
    return pages.filter((index) => {
      const before = marked.subarray(index * pageBytes, (index + 1) * pageBytes)
      return Buffer.compare(before, this.page(index)) !== 0
    })
  }

  send(ask: number, side: SideStream, to: RegionHandlers): RegionSending {
    this.#begin()
    const sending = new ReferenceSending(this, ask, side, to)
    this.#load = sending
    return sending
  }

  receive(ask: number, side: SideStream, basis: RegionBasis, to: RegionHandlers): RegionArrival {
    this.#begin()
    const arrival = new ReferenceArrival(this, { ask, side, basis, to })
    this.#load = arrival
    return arrival
  }

  /** Puts what is staged in place. */
  install(): void {
    for (const [index, bytes] of this.staged) this.page(index).set(bytes)
    this.staged.clear()
    this.#marks = []
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#load?.cancel()
    structuredClone(this.buffer, { transfer: [this.buffer] })
  }

  #begin(): void {
    this.#mustBeOpen()
    this.#load?.cancel()
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw new ClosedError('the region is closed')
  }
}

/** A load that broke off. */
export function broken(why: string): PairError {
  return new PairError('ERR_HOTPAIR_LOAD', `the load of the shared state broke off: ${why}`)
}
