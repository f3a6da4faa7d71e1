/**
 * The notices of one feed: what the mirror is to be told was sent, and what it was told and does
 * not hold yet.
 *
 * They travel in numbered progress packets, a bounded count in each, and are held when the packet
 * of that number is acknowledged. A link that breaks costs a repetition: the mirror passes over
 * what it knows.
 */

import type { SentNotice } from '../wire/message.js'
import { Deque } from './deque.js'

/** Notices in one packet: 64 KiB of them, well below the longest packet. */
const noticesAPacket = 4_096
/** What one counts for while the mirror does not hold it, kept and on the wire. */
const noticeBytes = 32

const nothing = new Map<number, number>()

interface Told {
  readonly progressNo: number
  readonly sent: readonly SentNotice[]
}

export class Notices {
  #untold: SentNotice[] = []
  readonly #unheld = new Deque<Told>()
  #unheldCount = 0

  /** Whether some are still to be told. */
  get areUntold(): boolean {
    return this.#untold.length > 0
  }

  /** Whether the mirror holds every one. */
  get areHeld(): boolean {
    return !this.areUntold && this.#unheld.length === 0
  }

  /** Bytes of what the mirror does not hold. */
  get bytes(): number {
    return noticeBytes * (this.#untold.length + this.#unheldCount)
  }

  /** Packets that it takes to tell what is still to be told. */
  get packetCount(): number {
    return Math.ceil(this.#untold.length / noticesAPacket)
  }

  /** `sent` is the list's own from here on. */
  add(sent: SentNotice[]): void {
    if (this.#untold.length === 0) this.#untold = sent
    else for (const notice of sent) this.#untold.push(notice)
  }

  /** The next to be told, in progress packet `progressNo`. */
  tell(progressNo: number): readonly SentNotice[] {
    const isLast = this.#untold.length <= noticesAPacket
    const sent = isLast ? this.#untold : this.#untold.splice(0, noticesAPacket)
    if (isLast) this.#untold = []
    if (sent.length > 0) this.#unheld.push({ progressNo, sent })
    this.#unheldCount += sent.length
    return sent
  }

  /**
   * The mirror holds all progress up to `progressNo`: the last number of each channel that it
   * learnt by that.
   */
  hold(progressNo: number): ReadonlyMap<number, number> {
    let learnt = nothing
    for (;;) {
      const { first } = this.#unheld
      if (first === undefined || first.progressNo > progressNo) return learnt
      this.#unheld.shift()
      this.#unheldCount -= first.sent.length
      if (learnt === nothing) learnt = new Map()
      learn(first.sent, learnt)
    }
  }

  /** What was said on a former link may be lost: it is to be told again. */
  tellAgain(): void {
    const again = [...this.#unheld].flatMap(({ sent }) => sent)
    this.#untold = [...again, ...this.#untold]
    this.#unheld.clear()
    this.#unheldCount = 0
  }
}

// Mostly there are many of one channel behind each other, and the last one counts.
function learn(sent: readonly SentNotice[], into: Map<number, number>): void {
  let last: SentNotice | undefined
  for (const notice of sent) {
    if (last !== undefined && last.channel !== notice.channel) into.set(last.channel, last.number)
    last = notice
  }
  if (last !== undefined) into.set(last.channel, last.number)
}
