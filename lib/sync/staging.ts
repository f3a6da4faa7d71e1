/**
 * A load on its way in: asked for by number, put together beside the state that is there.
 *
 * A load is taken only if it answers the newest ask. One that nobody asked for would overwrite what
 * rules here; one that answers an earlier ask comes before words of a pairing that the later ask
 * has ended. Nothing is installed here, and what is given up leaves nothing behind.
 */

import { asPairError, PairError } from '../errors.js'
import type { ChunkReader, SnapshotPort } from '../runtime/ports-outbox.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { Epoch, HistoryId } from '../units.js'
import type { BeginLoadMessage, Message } from '../wire/message.js'
import type { PagesIn } from './pages-in.js'

/** What a load is put together from. */
export interface LoadParts {
  readonly snapshot: SnapshotPort
  /** Of a shared state. */
  readonly pages?: PagesIn | undefined
}

export interface LoadHeader {
  /** The question that it answers. */
  readonly ask: number
  readonly epoch: Epoch
  readonly history: HistoryId
  readonly frameNo: number
  readonly imageBytes: number
}

/** A load that is whole. */
export interface Load {
  readonly header: LoadHeader
  readonly image: Uint8Array
}

export class Staging {
  readonly #parts: LoadParts
  readonly #mostBytes: number
  #asked = 0
  /** The ask whose load has not begun. */
  #awaited: number | undefined
  #load: { readonly reader: ChunkReader; readonly header: LoadHeader } | undefined

  constructor(parts: LoadParts, mostBytes: number) {
    this.#parts = parts
    this.#mostBytes = mostBytes
  }

  /** Pages come beside the link, and end with it. */
  detach(): void {
    this.#parts.pages?.giveUp()
  }

  /** A load is asked for: the number of the ask. What was under way is given up. */
  ask(): number {
    this.giveUp()
    this.#asked += 1
    this.#awaited = this.#asked
    return this.#asked
  }

  giveUp(): void {
    this.#parts.pages?.giveUp()
    this.#drop()
  }

  /** The number of the newest ask. */
  get newest(): number {
    return this.#asked
  }

  /**
   * Takes the next part of a load, and has the load installed when it is whole: returns its header
   * then, or what is wrong with it.
   */
  take(
    message: Extract<Message, { type: 'begin-pages' | 'begin-load' | 'chunk' }>,
    link: PeerLink | undefined,
    install: (image: Uint8Array, header: LoadHeader) => void,
  ): LoadHeader | PairError | undefined {
    if (message.type === 'begin-pages') return this.#beginPages(message.ask, link)
    try {
      const load = message.type === 'chunk' ? this.#put(message.bytes) : this.#begin(message)
      if (load !== undefined) install(load.image, load.header)
      return load?.header
    } catch (cause) {
      return asPairError(cause, 'ERR_HOTPAIR_LOAD')
    }
  }

  #beginPages(ask: number, link: PeerLink | undefined): undefined {
    if (ask !== this.#awaited || link === undefined) return
    this.#parts.pages?.begin(ask, link)
  }

  #drop(): void {
    this.#awaited = undefined
    this.#load?.reader.close()
    this.#load = undefined
  }

  /** Begins the load that was asked for, and no other. Throws when it cannot be staged. */
  #begin(message: BeginLoadMessage): undefined {
    if (message.ask !== this.#awaited) return
    this.#drop()
    const { ask, epoch, history, frameNo, imageBytes } = message
    if (imageBytes > this.#mostBytes) {
      const text = `a load of ${imageBytes} bytes is above the bound of ${this.#mostBytes}`
      throw new PairError('ERR_HOTPAIR_LOAD', text)
    }
    const header: LoadHeader = { ask, epoch, history, frameNo, imageBytes }
    this.#load = { reader: this.#parts.snapshot.stage(imageBytes), header }
  }

  /**
   * Takes a chunk; returns the load when it was the last that was missing. Throws when it is
   * corrupt. Chunks of a load that was given up are still on their way and are passed over.
   */
  #put(chunk: Uint8Array): Load | undefined {
    const load = this.#load
    const verdict = load?.reader.put(chunk)
    if (load === undefined || verdict === 'ok') return undefined
    if (verdict !== 'complete') {
      throw new PairError('ERR_HOTPAIR_LOAD', `a chunk of the load is ${verdict}`)
    }
    return { header: load.header, image: load.reader.take() }
  }
}
