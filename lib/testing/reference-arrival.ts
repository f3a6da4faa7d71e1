/**
 * A reference region on its way in: pages beside the region in use, until all is there and right.
 */

import type { PairError } from '../errors.js'
import type {
  RegionBasis,
  RegionHandlers,
  RegionProgress,
  SideStream,
} from '../runtime/ports-region.js'
import { PacketDecoder } from '../wire/packet.js'
import { broken, digestOfBytes, pageBytes, type ReferenceRegion } from './reference-region.js'
import { mostPacketBytes, readRegionMessage, writeRegionMessage } from './reference-wire.js'

export interface ArrivalParts {
  readonly ask: number
  readonly side: SideStream
  readonly basis: RegionBasis
  readonly to: RegionHandlers
}

export class ReferenceArrival {
  readonly #region: ReferenceRegion
  readonly #side: SideStream
  readonly #to: RegionHandlers
  readonly #decoder = new PacketDecoder(mostPacketBytes)
  /** Whether the region in use stands where nothing is staged. */
  readonly #isOverLive: boolean
  #isOver = false
  #bytes = 0
  arrived: bigint | undefined

  constructor(region: ReferenceRegion, { ask, side, basis, to }: ArrivalParts) {
    this.#region = region
    this.#side = side
    this.#to = to
    const changed = basis.type === 'changed' ? region.changedSince(basis.mark) : undefined
    const isChanged = basis.type === 'changed' && changed !== undefined
    this.#isOverLive = basis.type === 'changed' || (basis.type === 'digests' && basis.withLive)
    // Of another time than the mark, what is staged is of no use.
    if (basis.type === 'nothing' || isChanged) region.staged.clear()
    const mark = isChanged ? basis.mark : 0
    const digests = isChanged || basis.type === 'nothing' ? new Map() : this.#held()
    side.open({
      data: (bytes) => this.#onData(bytes),
      drained: () => {},
      ended: (reason) => this.#fail(broken(reason)),
    })
    side.write(writeRegionMessage({ type: 'want', ask, mark, digests, changed: changed ?? [] }))
  }

  install(): void {
    if (this.arrived === undefined) throw new RangeError('the load has not arrived')
    this.#side.close()
    this.#isOver = true
    this.arrived = undefined
    this.#region.install()
  }

  cancel(): void {
    this.#isOver = true
    this.arrived = undefined
    this.#side.close()
  }

  progress(): RegionProgress {
    return { rounds: 0, bytes: this.#bytes, bytesPerSecond: 0, writtenPermille: 0, holdNs: 0 }
  }

  #held(): Map<number, bigint> {
    const digests = new Map<number, bigint>()
    for (let index = 0; index < this.#region.pageCount; index += 1) {
      const bytes = this.#page(index)
      if (bytes !== undefined) digests.set(index, digestOfBytes(bytes))
    }
    return digests
  }

  #page(index: number): Uint8Array | undefined {
    return (
      this.#region.staged.get(index) ?? (this.#isOverLive ? this.#region.page(index) : undefined)
    )
  }

  #onData(bytes: Uint8Array): void {
    const fault = this.#decoder.push(Buffer.from(bytes), (body) => this.#onMessage(body))
    if (fault !== undefined) this.#fail(broken('the sender broke the protocol'))
  }

  #onMessage(body: Uint8Array): void {
    if (this.#isOver || this.arrived !== undefined) return
    const message = readRegionMessage(body)
    const isPage =
      message?.type === 'page' &&
      message.index < this.#region.pageCount &&
      message.bytes.length === pageBytes
    if (isPage) {
      this.#bytes += pageBytes
      this.#region.staged.set(message.index, message.bytes.slice())
    } else if (message?.type === 'end') this.#end(message.digest)
    else this.#fail(broken('that was not expected'))
  }

  #end(digest: bigint): void {
    const whole = new Uint8Array(this.#region.buffer.byteLength)
    for (let index = 0; index < this.#region.pageCount; index += 1) {
      const page = this.#page(index)
      if (page === undefined) return this.#fail(broken(`page ${index} has not come`))
      whole.set(page, index * pageBytes)
    }
    if (digestOfBytes(whole) !== digest) {
      this.#region.staged.clear()
      return this.#fail(broken('what came is not what was sent'))
    }
    this.arrived = digest
    this.#side.write(writeRegionMessage({ type: 'done', digest }))
    this.#region.clock.nextTurn(() => {
      if (!this.#isOver) this.#to.done(digest)
    })
  }

  #fail(error: PairError): void {
    // Once all has arrived the sender may close.
    if (this.#isOver || this.arrived !== undefined) return
    this.#isOver = true
    this.#side.close()
    this.#to.failed(error)
  }
}
