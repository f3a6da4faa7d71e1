/**
 * The part of a simulated beat thread that watches its own event loop and gives a reign up for it.
 *
 * The age of the vouch is how long the loop has stood still, not counting a block that was
 * announced. When the other member asks for the reign for which this one is armed, a standby gives
 * it up at once and a primary when its loop is found hung (docs/PROTOCOL.md#8). Times are those of
 * the host.
 */

/** Where the blob of `lib/wire/presence.ts` has what a beat thread reads and writes. */
const roleAt = 1
const epochAt = 8
const renouncedAt = 56
const askRenounceAt = 64
const standbyRole = 2
const primaryRole = 3

export class SimVouch {
  readonly hangAfterMs: number
  readonly #now: () => number
  #standsSince: number | undefined
  #blockUntil = 0
  #armed = 0n
  /** Given up since `arm`, and not yet taken by `disarm`. */
  #untaken = 0n
  renounced = 0n
  #mark = 0
  /** The frame in whose `process` the loop stands. */
  #stoodIn = 0

  constructor(hangAfterMs: number, now: () => number) {
    this.hangAfterMs = hangAfterMs
    this.#now = now
  }

  /** The frame that is being processed, as a beat says it. */
  get frameNo(): number {
    return this.#standsSince === undefined ? this.#mark : this.#stoodIn
  }

  set frameNo(frameNo: number) {
    this.#mark = frameNo
  }

  /** Whole milliseconds, as a beat says it. */
  get ageMs(): number {
    const since = this.#standsSince
    return since === undefined
      ? 0
      : Math.max(0, Math.floor(this.#now() - Math.max(since, this.#blockUntil)))
  }

  get isBusy(): boolean {
    return this.#now() < this.#blockUntil
  }

  get isHung(): boolean {
    return this.ageMs >= this.hangAfterMs
  }

  /** The gate stays shut until the event loop has taken note. */
  get isFenced(): boolean {
    return this.#untaken !== 0n
  }

  /** When the loop, should it still stand by then, counts as hung; undefined while it runs. */
  get hungAt(): number | undefined {
    const since = this.#standsSince
    return since === undefined ? undefined : Math.max(since, this.#blockUntil) + this.hangAfterMs
  }

  /** The event loop stands still from now on, and counts as standing `unseenMs` later. */
  loopStands(unseenMs = 0): void {
    if (this.#standsSince !== undefined) return
    this.#standsSince = this.#now() + unseenMs
    // The rest of a simulated turn runs on; this thread sees where the loop stands. That a process
    // is stopped as a whole says nothing of its frame.
    this.#stoodIn = unseenMs > 0 ? 0 : this.#mark
  }

  loopRuns(): void {
    this.#standsSince = undefined
  }

  /** The thread itself stood still for `ms`, which does not count. */
  slept(ms: number): void {
    if (this.#standsSince !== undefined) this.#standsSince += ms
  }

  announceBlock(ms: number): void {
    this.#blockUntil = ms === 0 ? 0 : this.#now() + ms
  }

  arm(epoch: bigint): void {
    this.#armed = epoch
  }

  disarm(): bigint {
    const taken = this.#untaken
    this.#armed = 0n
    this.#untaken = 0n
    return taken
  }

  /** The other asks, as `peer` says; true when this thread has given its reign up for it. */
  mayRenounce(own: Uint8Array | undefined, peer: Uint8Array): boolean {
    if (this.#armed === 0n || own === undefined) return false
    if (read64(peer, askRenounceAt) !== this.#armed) return false
    // One that has given up itself cannot go on from here.
    if (read64(peer, renouncedAt) === this.#armed) return false
    const isDue = own[roleAt] === standbyRole || (own[roleAt] === primaryRole && this.isHung)
    if (!isDue) return false
    this.renounced = this.#armed
    this.#untaken = this.#armed
    this.#armed = 0n
    return true
  }

  /**
   * The loop hangs, its reign is given up, its gate is shut, and the other member, which does not
   * hang, says now that it rules a later one (`native/heartbeat/beat_vouch.cpp`).
   */
  isSuperseded(
    own: Uint8Array,
    other: { readonly verdict: string; readonly presence: Uint8Array },
    gate: { readonly isOpen: boolean },
  ): boolean {
    const epoch = read64(own, epochAt)
    if (!this.isHung || epoch === 0n || this.renounced !== epoch || gate.isOpen) return false
    const { verdict, presence } = other
    const reign = read64(presence, epochAt)
    const rules = presence[roleAt] === primaryRole && read64(presence, renouncedAt) < reign
    return verdict === 'none' && rules && reign > epoch
  }

  /** The server is dead, which acts in no reign: the one it had announced is given up. */
  diedIn(presence: Uint8Array): void {
    this.#untaken = read64(presence, epochAt)
    this.renounced = this.#untaken
    this.#armed = 0n
    this.#standsSince = undefined
  }

  /** `presence` with what this thread has given up. */
  overlay(presence: Uint8Array): Uint8Array {
    if (this.#untaken === 0n) return presence
    const said = presence.slice()
    new DataView(said.buffer).setBigUint64(renouncedAt, this.#untaken, true)
    return said
  }
}

function read64(bytes: Uint8Array, at: number): bigint {
  if (bytes.length < at + 8) return 0n
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at, true)
}
