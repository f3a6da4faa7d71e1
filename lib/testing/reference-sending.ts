/**
 * A reference region on its way out: rounds over what the receiver lacks, until so little was
 * written meanwhile that the writer may be held for it.
 */

import type { PairError } from '../errors.js'
import type { RegionHandlers, RegionProgress, SideStream } from '../runtime/ports-region.js'
import { millis } from '../units.js'
import { PacketDecoder } from '../wire/packet.js'
import { broken, digestOfBytes, pageBytes, type ReferenceRegion } from './reference-region.js'
import {
  mostPacketBytes,
  readRegionMessage,
  type Want,
  writeRegionMessage,
} from './reference-wire.js'

/** Pages that may be left when it is nearly done, and that `finish` takes. */
const fewPages = 4
const mostHeldPages = 8
/** Pages that leave at once, and what they take. */
const burstPages = 4
const burstMs = millis(0.25)
/** How long it waits for `finish` until it makes another round. */
const patienceMs = millis(5)
const mostRounds = 64

export class ReferenceSending {
  readonly #region: ReferenceRegion
  readonly #ask: number
  readonly #side: SideStream
  readonly #to: RegionHandlers
  readonly #decoder = new PacketDecoder(mostPacketBytes)
  /** What the receiver holds of each page, as far as is known. */
  readonly #sent = new Map<number, Uint8Array>()
  #pending: number[] = []
  #phase: 'greeting' | 'copying' | 'nearly' | 'closing' | 'over' = 'greeting'
  #isWritable = true
  #isResting = false
  /** The digest of what was taken. */
  #digest = 0n
  #rounds = 0
  #bytes = 0
  #written = 0

  constructor(region: ReferenceRegion, ask: number, side: SideStream, to: RegionHandlers) {
    this.#region = region
    this.#ask = ask
    this.#side = side
    this.#to = to
    side.open({
      data: (bytes) => this.#onData(bytes),
      drained: () => {
        this.#isWritable = true
        this.#goOn()
      },
      ended: (reason) => this.#fail(broken(reason)),
    })
  }

  finish(): 'taken' | 'not-yet' | 'too-much' {
    if (this.#phase !== 'nearly') return 'not-yet'
    const dirty = this.#dirty()
    if (dirty.length > mostHeldPages) {
      this.#copy(dirty)
      return 'too-much'
    }
    this.#phase = 'closing'
    for (const index of dirty) this.#sendPage(index)
    this.#digest = digestOfBytes(this.#region.bytes)
    this.#write(writeRegionMessage({ type: 'end', digest: this.#digest }))
    return 'taken'
  }

  cancel(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#side.close()
  }

  progress(): RegionProgress {
    const writtenPermille = this.#written
    return {
      rounds: this.#rounds,
      bytes: this.#bytes,
      bytesPerSecond: 0,
      writtenPermille,
      holdNs: 0,
    }
  }

  #onData(bytes: Uint8Array): void {
    const fault = this.#decoder.push(Buffer.from(bytes), (body) => this.#onMessage(body))
    if (fault !== undefined) this.#fail(broken('the receiver broke the protocol'))
  }

  #onMessage(body: Uint8Array): void {
    const message = readRegionMessage(body)
    if (message?.type === 'want' && this.#phase === 'greeting') return this.#greet(message)
    const isDone = message?.type === 'done' && message.digest === this.#digest
    if (!isDone || this.#phase !== 'closing') return this.#fail(broken('that was not expected'))
    this.#phase = 'over'
    this.#side.close()
    this.#to.done(this.#digest)
  }

  #greet(want: Want): void {
    if (want.ask !== this.#ask) return this.#fail(broken('the receiver waits for another load'))
    const own = want.mark === 0 ? undefined : this.#region.changedSince(want.mark)
    const changed = new Set([...(own ?? []), ...want.changed])
    for (let index = 0; index < this.#region.pageCount; index += 1) {
      const bytes = this.#region.page(index)
      const isHeld =
        own === undefined ? want.digests.get(index) === digestOfBytes(bytes) : !changed.has(index)
      if (isHeld) this.#sent.set(index, bytes.slice())
    }
    this.#copy(this.#dirty())
  }

  #copy(pages: number[]): void {
    this.#phase = 'copying'
    this.#pending = pages
    this.#rounds += 1
    this.#goOn()
  }

  /** A few pages at a time, so that time passes while they leave. */
  #goOn(): void {
    if (this.#phase !== 'copying' || !this.#isWritable || this.#isResting) return
    for (const index of this.#pending.splice(0, burstPages)) this.#sendPage(index)
    if (this.#pending.length === 0) return this.#endRound()
    this.#isResting = true
    this.#region.clock.setTimer(burstMs, () => {
      this.#isResting = false
      this.#goOn()
    })
  }

  #endRound(): void {
    const dirty = this.#dirty()
    this.#written = Math.round((1_000 * dirty.length) / this.#region.pageCount)
    if (dirty.length > fewPages) {
      if (this.#rounds < mostRounds) return this.#copy(dirty)
      return this.#fail(broken('the program writes faster than the connection takes'))
    }
    this.#phase = 'nearly'
    this.#region.clock.nextTurn(() => {
      if (this.#phase === 'nearly') this.#to.nearly?.()
    })
    this.#region.clock.setTimer(patienceMs, () => {
      if (this.#phase === 'nearly') this.#copy(this.#dirty())
    })
  }

  #dirty(): number[] {
    const dirty: number[] = []
    for (let index = 0; index < this.#region.pageCount; index += 1) {
      const sent = this.#sent.get(index)
      if (sent === undefined || Buffer.compare(sent, this.#region.page(index)) !== 0) {
        dirty.push(index)
      }
    }
    return dirty
  }

  #sendPage(index: number): void {
    const bytes = this.#region.page(index).slice()
    this.#sent.set(index, bytes)
    this.#bytes += pageBytes
    this.#write(writeRegionMessage({ type: 'page', index, bytes }))
  }

  #write(bytes: Uint8Array): void {
    this.#isWritable = this.#side.write(bytes) && this.#isWritable
  }

  #fail(error: PairError): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#side.close()
    this.#to.failed(error)
  }
}
