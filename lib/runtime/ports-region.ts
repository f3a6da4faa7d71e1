/**
 * The port to a region: memory that holds the state of a program which asked for it shared, and the
 * loads that move it to the other member while it is written.
 *
 * `lib/native` implements it with threads of its own, `lib/testing` in plain TypeScript for the
 * simulator and as an oracle. Its bytes travel over a side connection, never through the data link.
 * Must stay types only.
 */

import type { PairError } from '../errors.js'

/** What the owner of a side stream hears, on the event loop and never within a call of it. */
export interface SideHandlers {
  /** Bytes came. Valid during the call only. */
  data(bytes: Uint8Array): void
  /** All that was written has left; only after `write` has said false. */
  drained(): void
  /** Once, unless it was closed here: no byte follows. */
  ended(reason: string): void
}

/**
 * A connection of its own to the other member, authenticated as the data link is. The receiver of a
 * load speaks first: nothing may be written at the sender's end before something has come.
 */
export interface SideStream {
  /**
   * Of a plain TCP connection: its descriptor, from which this process reads nothing more, so that
   * a duplicate of it is the whole stream; it stays open until `close`. Undefined: the bytes pass
   * through `open` and `write` (TLS, the simulator).
   */
  readonly descriptor: number | undefined
  /** Begins to hear; once, and not where the descriptor is used. */
  open(handlers: SideHandlers): void
  /** Ownership of `bytes` passes. False above the high-water mark: write on when `drained`. */
  write(bytes: Uint8Array): boolean
  /** No `data` until `resume`, whatever comes. */
  pause(): void
  resume(): void
  /** Ends it at once; of a duplicate of the descriptor nothing is known here. Idempotent. */
  close(): void
}

/** How far a load is, for people. */
export interface RegionProgress {
  /** Passes over the region; the first takes all that is to be sent. */
  readonly rounds: number
  /** On the wire. */
  readonly bytes: number
  /** Of the last round that was long enough to tell; 0 before. */
  readonly bytesPerSecond: number
  /** Pages written during the last round for each 1,000 that it sent: at 1,000 it never ends. */
  readonly writtenPermille: number
  /** What the last `finish` took, in nanoseconds; 0 before, and at the receiver. */
  readonly holdNs: number
}

/** On the event loop, never within a call of the region. */
export interface RegionHandlers {
  /**
   * So little is left that it may be held for: call `finish` between two frames. May come again.
   */
  nearly?(): void
  /** Both ends agree that the receiver holds the region, by this digest. Once, and the last. */
  done(digest: bigint): void
  /** It ended otherwise, `cancel` apart. Once, and the last. */
  failed(error: PairError): void
}

/** A load on its way out. */
export interface RegionSending {
  /**
   * Takes what was written last; nobody writes the region meanwhile. `taken`: the load is of this
   * moment, and the region may change again. Else it goes on and says `nearly` again.
   */
  finish(): 'taken' | 'not-yet' | 'too-much'
  /** Ends it; no handler is called any more. Idempotent; after `done` it does nothing. */
  cancel(): void
  progress(): RegionProgress
}

/** A load on its way in, beside the region in use. */
export interface RegionArrival {
  /**
   * The digest of all that has come, once that is all of it. It may be there before `done` is
   * called, and is when the sender's `done` was.
   */
  readonly arrived: bigint | undefined
  /**
   * Puts what has come in place of the region in use, at once. Requires: all has `arrived`, and
   * neither this nor `cancel` was called.
   */
  install(): void
  /** Ends it; what has come whole is kept for the next one. No handler is called any more. */
  cancel(): void
  progress(): RegionProgress
}

/**
 * What the receiver of a load holds already. `nothing`: what came of loads before is forgotten;
 * `digests`: pages of a load that broke off and, `withLive`, those of the region in use; `changed`:
 * the state of a `mark`, which the sender has too, but for what either has changed since.
 */
export type RegionBasis =
  | { readonly type: 'nothing' }
  | { readonly type: 'digests'; readonly withLive: boolean }
  | { readonly type: 'changed'; readonly mark: number }

/** Methods throw `ERR_HOTPAIR_CLOSED` after `close()`. At most one load at a time, either way. */
export interface RegionPort {
  /** The region in use: the same object all the time, of whole pages, detached by `close`. */
  readonly buffer: ArrayBuffer
  /** How written pages are found. */
  readonly way: 'write-protection' | 'shadow'
  /** Why it is not write protection. */
  readonly refusal: string | undefined
  /** Of the bytes as they stand. Blocks; announces nothing. */
  digest(): bigint
  /**
   * At this moment, which both sides call `n`, both are equal: what is changed from now on is
   * noted. A later mark takes the place of an earlier one.
   */
  mark(n: number): void
  /** The newest mark; undefined: none, or what was changed since is not known. */
  readonly marked: number | undefined
  /** Sends the region as the load `ask`. Whoever asked speaks first on `side`, which is taken. */
  send(ask: number, side: SideStream, to: RegionHandlers): RegionSending
  /** Receives the load `ask`. `side` is taken. Nobody writes the region until it has ended. */
  receive(ask: number, side: SideStream, basis: RegionBasis, to: RegionHandlers): RegionArrival
  /** Cancels what is under way, gives the memory back, detaches `buffer`. Idempotent. */
  close(): void
}
