/**
 * The part of the contract with the addon that is about regions of shared memory and their loads;
 * see binding.ts.
 */

/** What a region is made of. */
export interface RegionOptions {
  /** 1 to 2^46; rounded up to whole units of 64 KiB. */
  readonly bytes: number
  /** 16 bytes: of the digests, alike on both members and unknown to outsiders. */
  readonly key: Uint8Array
  /** Compare with a shadow, though the system may have a better way. */
  readonly isShadow: boolean
}

/** How far the load under way is, or the last one was. */
export interface RegionFigures {
  readonly rounds: number
  /** On the wire. */
  readonly bytes: number
  /** Of the last round of 1 MiB or more; 0 before, and for one that is received. */
  readonly bytesPerSecond: number
  /** Pages of 4 KiB, each time that one went. */
  readonly pages: number
  /** Pages written during the last long round for each 1,000 that it sent. */
  readonly writtenPermille: number
  /** What `finish()` took last. */
  readonly holdNs: number
}

/**
 * A region, its staging, and at most one load in either direction. Every method throws a TypeError
 * on a foreign receiver; those that say so nothing else throw `ERR_HOTPAIR_CLOSED` after `close()`.
 */
export interface RegionHandle {
  /** The region, the same object until `close()` detaches it. */
  readonly buffer: ArrayBuffer
  /** Written pages are found by write protection; else by a shadow. False after `close()`. */
  readonly isWriteProtected: boolean
  /** Why they are not. */
  readonly refusal: string | undefined
  /** Of the bytes as they stand. */
  digest(): bigint
  /**
   * From now on digests are by this key of 16 bytes, alike on both members. Ends the load under
   * way.
   */
  rekey(key: Uint8Array): void
  /** The other member holds the same at this moment, which both call `number`, up to 2^53 - 1. */
  mark(number: number): void
  /** The newest mark; undefined: none, or what was written since is not known. */
  marked(): number | undefined
  /**
   * Sends the region as load `load` over a stream socket, of which a duplicate is taken: its owner
   * must neither read nor write it until the load is over. Ends the load before. Throws
   * `ERR_HOTPAIR_NATIVE` or `ERR_HOTPAIR_NO_MEMORY`.
   */
  send(load: number, descriptor: number): void
  /**
   * Receives it into the staging. `wanted`: one of `facts.region.want…`; `mark`: of
   * `wantChanged`, 0 else. As `send`.
   */
  receive(load: number, descriptor: number, wanted: number, mark: number): void
  /** One of the phases of `facts.region`; `idle` after `close()`. */
  phase(): number
  /** `facts.region.taken`, `.notYet` or `.tooMuch`; `.notYet` after `close()`. */
  finish(): number
  /**
   * Puts what was received in place. Throws a RangeError when nothing was received, and
   * `ERR_HOTPAIR_SHARED_MEMORY` when the system refuses; the region is as it was then.
   */
  install(): void
  /** What both ends agreed on, in the phase `done`. */
  loadDigest(): bigint
  /** Why the load failed, in the phase `failed`; an Error with a `code`. */
  failure(): Error | undefined
  /** Ends the load under way, if there is one. Does not wait. */
  cancel(): void
  progress(): RegionFigures
  /** Ends the load under way, detaches the buffer, gives the memory back. Idempotent. */
  close(): void
}

export interface RegionFacts {
  /** Phases: no load is under way, or it was cancelled. */
  readonly idle: number
  readonly working: number
  /** `finish()` may be called. */
  readonly nearly: number
  /** Sent and confirmed, or received and ready for `install()`. */
  readonly done: number
  readonly failed: number
  /** What `finish()` says: the load is of this moment. */
  readonly taken: number
  /** It is not `nearly`: the bell rings when it is. */
  readonly notYet: number
  /** More was written than a hold may take; as `notYet`. */
  readonly tooMuch: number
  /** What a receiver wants: everything. */
  readonly wantAll: number
  /** What the staging does not hold of a load that broke off. */
  readonly wantRest: number
  /** What differs from the region in use and the staging, by digests. */
  readonly wantDifference: number
  /**
   * What either member has changed since the mark; where it is not known here, `wantDifference`.
   */
  readonly wantChanged: number
}
