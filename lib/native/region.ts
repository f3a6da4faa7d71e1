/**
 * The region of the addon behind `RegionPort`: memory that JavaScript writes in place, and loads
 * that native threads carry over a side connection.
 *
 * Of a plain TCP connection the thread gets a duplicate of the descriptor and no byte comes through
 * here. Of any other it gets one end of a socket pair, and `side-pipe.ts` passes the bytes on. The
 * addon rings one bell a region; what it means stands in the phase of the load, so that a bell of a
 * load that was cancelled since means nothing. Nothing is decided here.
 */

import { PairError, reasonOf } from '../errors.js'
import type {
  RegionArrival,
  RegionBasis,
  RegionHandlers,
  RegionPort,
  RegionProgress,
  RegionSending,
  SideStream,
} from '../runtime/ports-region.js'
import type { Binding } from './binding.js'
import type { RegionHandle } from './binding-region.js'
import { native } from './failure.js'
import { loadBinding } from './load.js'
import { SidePipe } from './side-pipe.js'

/** What a region is made of. */
export interface RegionSettings {
  /** 1 to 2^46, rounded up to whole units of 64 KiB. */
  readonly bytes: number
  /** 16 bytes that both members have and no outsider knows: the key of the digests. */
  readonly key: Uint8Array
  /** Find written pages by comparison, although the system may have a better way. */
  readonly isShadow?: boolean
}

/**
 * Opens a region of zeros, with the memory of its loads: twice `bytes`, three times by shadow, all
 * of it touched, which takes about 0.5 s for 1 GiB.
 *
 * @throws NativeError `ERR_HOTPAIR_SHARED_MEMORY` with the sum of what is needed when it cannot be
 * had, `ERR_HOTPAIR_NATIVE` when the addon or the operating system refuses otherwise.
 */
export function openRegion({ bytes, key, isShadow = false }: RegionSettings): KeyedRegion {
  const binding = loadBinding()
  return new NativeRegion(binding, key, (ring) =>
    native(
      () => binding.openRegion({ bytes, key, isShadow }, ring),
      () => `the shared state of ${bytes} bytes cannot be kept`,
    ),
  )
}

// One load, in either direction.
interface Load {
  readonly type: 'sending' | 'receiving'
  readonly side: SideStream
  readonly to: RegionHandlers
  /** Undefined where the thread has the connection itself. */
  pipe: SidePipe | undefined
  /** Its last handler was called, or it was cancelled: nothing more comes of it. */
  isOver: boolean
  /** What it had reached when it was over. */
  progress: RegionProgress | undefined
}

/** A region whose digests may be by another key from some moment on. */
export interface KeyedRegion extends RegionPort {
  /** 16 bytes, as `RegionSettings.key`. Ends the load under way; does nothing if it is the same. */
  rekey(key: Uint8Array): void
}

class NativeRegion implements KeyedRegion {
  readonly #binding: Binding
  readonly #facts: Binding['facts']['region']
  readonly #handle: RegionHandle
  #load: Load | undefined
  #key: Uint8Array

  constructor(binding: Binding, key: Uint8Array, open: (ring: () => void) => RegionHandle) {
    this.#binding = binding
    this.#key = key
    this.#facts = binding.facts.region
    this.#handle = open(() => this.#onRing())
  }

  get buffer(): ArrayBuffer {
    return this.#handle.buffer
  }

  get way(): 'write-protection' | 'shadow' {
    return this.#handle.isWriteProtected ? 'write-protection' : 'shadow'
  }

  get refusal(): string | undefined {
    return this.#handle.refusal
  }

  get marked(): number | undefined {
    return this.#handle.marked()
  }

  digest(): bigint {
    return native(() => this.#handle.digest())
  }

  rekey(key: Uint8Array): void {
    if (Buffer.compare(this.#key, key) === 0) return
    if (this.#load) this.#cancel(this.#load)
    native(() => this.#handle.rekey(key))
    this.#key = key
  }

  mark(n: number): void {
    native(() => this.#handle.mark(n))
  }

  send(ask: number, side: SideStream, to: RegionHandlers): RegionSending {
    const load = this.#begin('sending', side, to, (descriptor) => {
      this.#handle.send(ask, descriptor)
    })
    return {
      finish: () => this.#finish(load),
      cancel: () => this.#cancel(load),
      progress: () => this.#progressOf(load),
    }
  }

  receive(ask: number, side: SideStream, basis: RegionBasis, to: RegionHandlers): RegionArrival {
    const mark = basis.type === 'changed' ? basis.mark : 0
    const load = this.#begin('receiving', side, to, (descriptor) => {
      this.#handle.receive(ask, descriptor, this.#wantedBy(basis), mark)
    })
    const arrived = () => this.#arrived(load)
    return {
      get arrived() {
        return arrived()
      },
      install: () => {
        if (this.#load !== load) throw new RangeError('the load was cancelled')
        native(() => this.#handle.install())
        this.#cancel(load)
      },
      cancel: () => this.#cancel(load),
      progress: () => this.#progressOf(load),
    }
  }

  close(): void {
    if (this.#load) this.#cancel(this.#load)
    this.#handle.close()
  }

  #wantedBy(basis: RegionBasis): number {
    switch (basis.type) {
      case 'nothing':
        return this.#facts.wantAll
      case 'digests':
        return basis.withLive ? this.#facts.wantDifference : this.#facts.wantRest
      case 'changed':
        return this.#facts.wantChanged
    }
  }

  #begin(
    type: Load['type'],
    side: SideStream,
    to: RegionHandlers,
    start: (descriptor: number) => void,
  ): Load {
    if (this.#load) this.#cancel(this.#load)
    const load: Load = { type, side, to, pipe: undefined, isOver: false, progress: undefined }
    this.#load = load
    try {
      if (side.descriptor !== undefined) start(side.descriptor)
      else load.pipe = new SidePipe(this.#binding, side, start)
    } catch (cause) {
      if (!(cause instanceof Error) || !('code' in cause) || cause.code === 'ERR_HOTPAIR_CLOSED') {
        this.#cancel(load)
        native(() => {
          throw cause
        })
      }
      // As any other failure: never within the call.
      queueMicrotask(() => this.#fail(load, cause))
    }
    return load
  }

  // The bell says only that there is something to see.
  #onRing(): void {
    const phase = this.#handle.phase()
    const load = this.#load
    if (load === undefined || load.isOver) return
    if (phase === this.#facts.nearly) load.to.nearly?.()
    if (phase === this.#facts.failed) this.#fail(load, this.#handle.failure())
    if (phase === this.#facts.done) this.#done(load)
  }

  #done(load: Load): void {
    const digest = this.#handle.loadDigest()
    const tell = (): void => {
      if (load.isOver) return
      this.#end(load)
      load.to.done(digest)
    }
    // What the receiver said last must have left; then the sender closes.
    if (load.type === 'receiving' && load.pipe) return load.pipe.flushed(tell)
    if (load.type === 'sending') this.#closeSide(load)
    tell()
  }

  #arrived(load: Load): bigint | undefined {
    if (this.#load !== load || this.#handle.phase() !== this.#facts.done) return undefined
    return this.#handle.loadDigest()
  }

  #fail(load: Load, cause: unknown): void {
    if (load.isOver) return
    this.#end(load)
    this.#closeSide(load)
    const message = `the load of the shared state broke off: ${reasonOf(cause)}`
    load.to.failed(new PairError('ERR_HOTPAIR_LOAD', message, { cause }))
  }

  #finish(load: Load): 'taken' | 'not-yet' | 'too-much' {
    if (this.#load !== load || load.isOver) return 'not-yet'
    const status = this.#handle.finish()
    if (status === this.#facts.taken) return 'taken'
    return status === this.#facts.tooMuch ? 'too-much' : 'not-yet'
  }

  #cancel(load: Load): void {
    this.#end(load)
    this.#closeSide(load)
    if (this.#load !== load) return
    this.#load = undefined
    this.#handle.cancel()
  }

  #end(load: Load): void {
    load.progress ??= this.#progressOf(load)
    load.isOver = true
  }

  #closeSide(load: Load): void {
    load.pipe?.close()
    load.side.close()
  }

  #progressOf(load: Load): RegionProgress {
    if (load.progress) return load.progress
    const { rounds, bytes, bytesPerSecond, writtenPermille, holdNs } = this.#handle.progress()
    return { rounds, bytes, bytesPerSecond, writtenPermille, holdNs }
  }
}
