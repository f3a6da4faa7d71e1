/**
 * The system unit inside the server's process: it turns what the beat thread finds into events of
 * the rules.
 *
 * The beat thread judges, this reads: after each ring of the doorbell one look at the board, and
 * whatever is new becomes `stalled`, `fenced`, `hung`, `heard` or `found`: a member that stood
 * still must distrust before it believes what it hears. It decides nothing about roles.
 */

import type { Happening } from '../core/event.js'
import type { Presence } from '../core/state.js'
import type { Told, UnitPort } from '../runtime/ports.js'
import type { BeatsPort, BeatView, PeerMarks } from '../runtime/ports-beats.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { type Epoch, epochOf, incarnationOf, millis } from '../units.js'
import { decodePresence, encodePresence } from '../wire/presence.js'

export interface UnitOptions {
  readonly clock: ClockPort
  readonly heartbeatMs: number
  readonly post: (happening: Happening) => void
  readonly tell: (event: Told) => void
  /** The other member was heard: a data link may be had now. */
  readonly peerHeard: () => void
  /** The other's server has died, and its unit has told what it had sent: before the finding. */
  readonly lastWords?: (marks: PeerMarks) => void
}

export class Unit implements UnitPort {
  readonly #options: UnitOptions
  readonly #beats: BeatsPort
  #seen: BeatView | undefined
  /** What was posted of the other member last. */
  #posted: { readonly incarnation: bigint; readonly verdict: BeatView['verdict'] } | undefined
  /** The frame that was posted with the last `hung`. */
  #hungIn = 0
  #presence: Uint8Array | undefined
  #answered = 0n
  #watching: Timer | undefined
  #hasToldTwin = false

  constructor(beats: BeatsPort, options: UnitOptions) {
    this.#beats = beats
    this.#options = options
  }

  announce(presence: Presence): void {
    this.#beats.announce(encodePresence(presence))
  }

  openGate(): void {
    this.#beats.openGate()
  }

  closeGate(): void {
    this.#beats.closeGate()
  }

  arm(epoch: Epoch): void {
    this.#beats.arm(BigInt(epoch))
  }

  disarm(): Epoch {
    return epochOf(Number(this.#beats.disarm()))
  }

  isGateOpen(): boolean {
    return this.#beats.isGateOpen()
  }

  /** The data link ended, or something else says that the other may be gone: look now. */
  probe(): void {
    this.#beats.probe()
  }

  /** The other member's name of link `link` was resolved anew. */
  setPeerHost(link: number, host: string): void {
    this.#beats.setPeerHost(link, host)
  }

  watch(isAwaitingAnswer: boolean): void {
    if (isAwaitingAnswer === (this.#watching !== undefined)) return
    this.#watching?.clear()
    this.#watching = undefined
    if (isAwaitingAnswer) this.#watchOnce()
  }

  /** The doorbell rang. */
  look(): void {
    const view = this.#beats.view()
    const before = this.#seen
    this.#seen = view
    const stalls = view.stallCount + view.gateLapses
    if (before !== undefined && stalls > before.stallCount + before.gateLapses) {
      // The next own beat is the first that is certainly younger than the stall.
      this.#options.post({ type: 'stalled', seq: view.ownSeq + 1n })
    }
    const { renouncedNatively } = view
    if (renouncedNatively !== (before?.renouncedNatively ?? 0n)) {
      this.#options.post({ type: 'fenced', epoch: epochOf(Number(renouncedNatively)) })
    }
    if (view.sameMember > (before?.sameMember ?? 0)) this.#tellTwin()
    if (view.peerIncarnation !== 0n) this.#lookAtPeer(view)
  }

  close(): void {
    this.watch(false)
    this.#beats.close()
  }

  #watchOnce(): void {
    const { clock, heartbeatMs } = this.#options
    this.#watching = clock.setTimer(millis(heartbeatMs / 4), () => {
      this.#watchOnce()
      this.look()
    })
  }

  #lookAtPeer(view: BeatView): void {
    const { post, tell, peerHeard } = this.#options
    const incarnation = incarnationOf(view.peerIncarnation)
    const isAnother = this.#posted?.incarnation !== view.peerIncarnation
    const wasLost = isLost(this.#posted?.verdict)
    const isBack = wasLost && !isLost(view.verdict)
    const isAnswered = this.#watching !== undefined && view.answeredSeq > this.#answered
    if (isAnother) this.#hasToldTwin = false
    const isGone = view.verdict === 'process-gone' && this.#posted?.verdict !== 'process-gone'
    // Heard before this look, a newborn is what tells of the end of the one that was known.
    if (isAnother) this.#tellLastWords(this.#posted?.incarnation)
    if (isGone) this.#tellLastWords(view.peerIncarnation)
    // How a loop hung that is heard to have renounced is known before that is heard.
    if (!isAnother && !wasLost) this.#lookAtLoop(view)
    if (isAnother || isBack || isAnswered || !isSame(view.presence, this.#presence)) {
      const presence = decodePresence(view.presence)
      this.#presence = view.presence
      this.#answered = view.answeredSeq
      const isHung = !isAnother && this.#posted?.verdict === 'hung'
      this.#posted = { incarnation: view.peerIncarnation, verdict: isHung ? 'hung' : 'none' }
      if (isBack && !isAnother) tell({ type: 'verdict', verdict: 'alive', silenceMs: 0 })
      if (presence) post({ type: 'heard', incarnation, presence, answered: view.answeredSeq })
      peerHeard()
    }
    if (!isLost(view.verdict)) return this.#lookAtLoop(view)
    if (this.#posted?.verdict === view.verdict) return
    this.#posted = { incarnation: view.peerIncarnation, verdict: view.verdict }
    const silenceMs = Math.max(0, view.verdictAtMs - view.heardAtMs)
    tell({ type: 'verdict', verdict: view.verdict, silenceMs })
    post({ type: 'found', incarnation, verdict: view.verdict })
  }

  /** Of the incarnation that has ended. */
  #tellLastWords(ended: bigint | undefined): void {
    const marks = this.#beats.peerMarks()
    if (marks !== undefined && marks.incarnation === ended) this.#options.lastWords?.(marks)
  }

  /** How the event loop of a member does that is heard. */
  #lookAtLoop(view: BeatView): void {
    const { post, tell } = this.#options
    const incarnation = incarnationOf(view.peerIncarnation)
    const wasHung = this.#posted?.verdict === 'hung'
    const frameNo = view.peerInFrame
    if (view.verdict === 'hung') {
      if (wasHung && frameNo === this.#hungIn) return
      this.#posted = { incarnation: view.peerIncarnation, verdict: 'hung' }
      this.#hungIn = frameNo
      if (!wasHung) tell({ type: 'verdict', verdict: 'hung', silenceMs: view.peerVouchAgeMs })
      return post({ type: 'hung', incarnation, frameNo })
    }
    if (view.verdict !== 'none' || !wasHung) return
    this.#posted = { incarnation: view.peerIncarnation, verdict: 'none' }
    tell({ type: 'verdict', verdict: 'alive', silenceMs: 0 })
    post({ type: 'vouched', incarnation })
  }

  /** Once until another incarnation of the peer is heard: a twin beats on and on. */
  #tellTwin(): void {
    if (this.#hasToldTwin) return
    this.#hasToldTwin = true
    this.#options.tell({
      type: 'refused',
      code: 'ERR_HOTPAIR_PEER_MEMBER',
      message:
        'two processes beat under the same member name; give each side its own, a and b, and start each once',
      address: 'heartbeat',
    })
  }
}

/** Nothing is heard of the other member any more. */
function isLost(
  verdict: BeatView['verdict'] | undefined,
): verdict is 'process-gone' | 'unreachable' {
  return verdict === 'process-gone' || verdict === 'unreachable'
}

function isSame(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return other !== undefined && Buffer.compare(one, other) === 0
}
