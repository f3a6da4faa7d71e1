/**
 * One connection between two simulated members, as a kernel behaves: bytes in order, late, and
 * back-pressure.
 *
 * What was written before its writer died still arrives, or dies with it (a reset); what is in
 * flight when the network between them breaks is lost or delivered up to a point. Each end learns
 * by itself, at its own time, that the connection is gone. Never tells an end anything while its
 * process stands still: that waits in the socket.
 */

import type { PeerHello, PeerLink, SideWish } from '../runtime/ports-peer.js'
import { type MemberId, type Millis, millis } from '../units.js'
import { SimSides } from './sim-side.js'
import type { VirtualClock } from './virtual-clock.js'

/** What an end of a connection calls. */
export interface SimEndOwner {
  readonly hello: PeerHello
  /** Runs `run` when this process runs; never after its death. */
  act(run: () => void): void
  linkUp(link: PeerLink): void
  /** False: the bytes break the protocol, and the connection is to be closed. */
  arrive(link: PeerLink, bytes: Uint8Array): boolean
  drained(link: PeerLink): void
  linkDown(link: PeerLink, reason: string): void
}

export interface SimLinkOptions {
  readonly clock: VirtualClock
  readonly random: () => number
  /** One way, drawn for each piece; order is kept all the same. */
  readonly delay: () => Millis
  /**
   * What each piece takes to leave, whatever its length: images of equal states differ in length
   * (`v8.serialize` writes a number as it happens to be kept), and a run must not depend on that.
   */
  readonly pieceMs: number
  /** Pieces written and not yet read at the other end: above, `write` says false. */
  readonly highWaterPieces: number
}

export class SimLink {
  readonly #options: SimLinkOptions
  readonly #ends: readonly [End, End]
  #isCut = false
  readonly sides: SimSides
  /** What waits behind a cut of the network, by direction; undefined: nothing stands between. */
  readonly #behindCut: [(() => void)[] | undefined, (() => void)[] | undefined] = [
    undefined,
    undefined,
  ]
  /** Bytes of either direction that arrive later than this are lost. */
  readonly #lostAfter: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]

  constructor(one: SimEndOwner, other: SimEndOwner, options: SimLinkOptions) {
    this.#options = options
    const connect = (near: SimEndOwner, far: SimEndOwner) => new SimLink(near, far, options)
    this.sides = new SimSides({ ...options, connect })
    const first = new End(this, 0, one, other.hello)
    const second = new End(this, 1, other, one.hello)
    this.#ends = [first, second]
    // The side that accepts is up first, and nothing of it arrives before the other is up.
    const secondAfter = options.delay()
    this.#later(() => one.act(() => first.open()))
    this.#later(() => other.act(() => second.open()), secondAfter)
    first.lastArrival = options.clock.now() + secondAfter
  }

  get isOver(): boolean {
    return this.#ends.every(({ isOver }) => isOver)
  }

  /** Nothing from `from` gets through until `letThrough`; its kernel tries again. */
  holdBack(from: MemberId): void {
    this.sides.holdBack(from)
    const end = this.#endFrom(from)
    if (end) this.#behindCut[end.index] ??= []
  }

  letThrough(from: MemberId): void {
    this.sides.letThrough(from)
    const end = this.#endFrom(from)
    if (end === undefined) return
    const waiting = this.#behindCut[end.index] ?? []
    this.#behindCut[end.index] = undefined
    for (const run of waiting) run()
  }

  /** The network between the two breaks. Each end notices for itself. */
  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.sides.cut()
    const { clock, random, delay } = this.#options
    for (const end of this.#ends) {
      const noticedAfter = random() * 3 * delay()
      // All in flight is lost, or arrives until the end has noticed.
      const isLost = random() < 0.5
      this.#lostAfter[1 - end.index] = clock.now() + (isLost ? 0 : noticedAfter)
      this.#later(() => end.fall('the connection was reset'), noticedAfter)
    }
  }

  /** The process of `owner` has ended: its last bytes arrive, or are reset away; then the end. */
  endOf(owner: SimEndOwner): void {
    this.sides.endOf(owner)
    const end = this.#ends.find((one) => one.owner === owner)
    if (end === undefined) return
    const { clock, random } = this.#options
    const isReset = random() < 0.3
    end.die()
    const lastArrival = isReset ? clock.now() + random() : end.kernelHas
    this.#lostAfter[end.index] = Math.min(this.#lostAfter[end.index], lastArrival)
    const after = isReset ? random() : Math.max(0, end.lastArrival - clock.now())
    const other = this.otherOf(end)
    this.#later(() => this.#cross(end, () => other.fall('the other end is gone')), after + random())
  }

  otherOf(end: End): End {
    return this.#ends[end.index === 0 ? 1 : 0]
  }

  /** `bytes` of `end` leave; `arrived` is called when the other end has read them. */
  carry(end: End, bytes: Uint8Array, arrived: () => void): void {
    const { clock, delay, pieceMs } = this.#options
    const now = clock.now()
    end.leftAt = Math.max(now, end.leftAt) + pieceMs
    const arrival = Math.max(end.lastArrival, end.leftAt + delay())
    end.lastArrival = arrival
    if (now >= (this.#lostAfter[end.index] ?? 0)) return
    const other = this.otherOf(end)
    clock.setTimer(millis(arrival - now), () => {
      if (arrival > (this.#lostAfter[end.index] ?? 0)) return
      this.#cross(end, () =>
        other.owner.act(() => {
          other.read(bytes)
          arrived()
        }),
      )
    })
  }

  /** `end` has closed: what it wrote is flushed, then the other one sees the end. */
  closedBy(end: End): void {
    const after = Math.max(0, end.lastArrival - this.#options.clock.now())
    const other = this.otherOf(end)
    this.#later(
      () => this.#cross(end, () => other.fall('the other end has closed')),
      after + this.#options.delay(),
    )
  }

  nextTurn(run: () => void): void {
    this.#options.clock.nextTurn(run)
  }

  get highWaterPieces(): number {
    return this.#options.highWaterPieces
  }

  #endFrom(from: MemberId): End | undefined {
    return this.#ends.find(({ owner }) => owner.hello.member === from)
  }

  /** What comes from `end` crosses the network, now or when that is whole again. */
  #cross(end: End, run: () => void): void {
    const waiting = this.#behindCut[end.index]
    if (waiting) waiting.push(run)
    else run()
  }

  #later(run: () => void, after = 0): void {
    this.#options.clock.setTimer(millis(after), run)
  }
}

class End implements PeerLink {
  readonly address = 'simulated'
  readonly hello: PeerHello
  readonly owner: SimEndOwner
  readonly index: 0 | 1
  readonly #link: SimLink
  /** When the last byte written so far has left, and when it arrives. */
  leftAt = 0
  lastArrival = 0
  #bufferedBytes = 0
  #pieces = 0
  #isFull = false
  #state: 'opening' | 'up' | 'silent' | 'over' = 'opening'

  constructor(link: SimLink, index: 0 | 1, owner: SimEndOwner, hello: PeerHello) {
    this.#link = link
    this.index = index
    this.owner = owner
    this.hello = hello
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** What the kernel had taken of a process that died has arrived by then. */
  get kernelHas(): number {
    return this.lastArrival
  }

  open(): void {
    if (this.#state !== 'opening') return
    this.#state = 'up'
    this.owner.linkUp(this)
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'up') return true
    this.#pieces += 1
    this.#bufferedBytes += bytes.length
    this.#link.carry(this, bytes, () => this.owner.act(() => this.#release(bytes.length)))
    if (this.#pieces > this.#link.highWaterPieces) this.#isFull = true
    return !this.#isFull
  }

  readOut(): Promise<void> {
    if (this.#state === 'up') this.#state = 'silent'
    return new Promise((resolve) => {
      this.#link.nextTurn(() =>
        this.owner.act(() => {
          this.#close('read out')
          resolve()
        }),
      )
    })
  }

  openSide(wish: SideWish): () => void {
    return this.#link.sides.wish(this.index, this.owner, wish)
  }

  close(reason: string): void {
    this.#close(reason)
  }

  /** The other end is gone: its last bytes have been read. */
  fall(reason: string): void {
    this.owner.act(() => this.#end(reason))
  }

  /** This end's process is gone; nobody is told. */
  die(): void {
    this.#state = 'over'
  }

  read(bytes: Uint8Array): void {
    if (this.#state !== 'up' && this.#state !== 'silent') return
    if (!this.owner.arrive(this, bytes)) this.#close('the other side broke the protocol')
  }

  #close(reason: string): void {
    if (this.isOver) return
    this.#link.closedBy(this)
    this.#end(reason)
  }

  #end(reason: string): void {
    const wasUp = this.#state === 'up' || this.#state === 'silent'
    this.#state = 'over'
    if (wasUp) this.owner.linkDown(this, reason)
  }

  #release(bytes: number): void {
    this.#pieces -= 1
    this.#bufferedBytes -= bytes
    if (!this.#isFull || this.#pieces > 0 || this.#state !== 'up') return
    this.#isFull = false
    this.owner.drained(this)
  }
}
