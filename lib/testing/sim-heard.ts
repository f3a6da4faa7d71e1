/**
 * What a simulated beat thread has heard of the other member, and what it concludes: freshness by
 * incarnation and number, silence, the verdict, and the last words of a unit whose server is dead.
 *
 * The part of the native thread that lies in freshness.cpp, suspicion.cpp and beat_receive.cpp. It
 * sends nothing. Times are those of the host.
 */

import type { HeartbeatView } from '../native/heartbeat.js'
import type { BeatView, PeerMarks } from '../runtime/ports-beats.js'
import type { Incarnation } from '../units.js'
import type { SimBeat } from './sim-beat.js'

export interface SimHeardOptions {
  readonly now: () => number
  readonly self: Incarnation
  /** Listened for from the beginning, as if it had just been heard. */
  readonly known: Incarnation | undefined
  readonly windowMs: number
  readonly hangAfterMs: number
  /** Somebody speaks for the first time: it is to learn at once that it was heard. */
  readonly answer: () => void
}

/** What a view of the beats says of the other member. */
type HeardView = Omit<HeartbeatView, 'ownSeq' | 'stallCount' | 'gateLapses' | 'renouncedNatively'>

const nothing = new Uint8Array(0)
/** What a simulated thread does not see, or nobody asks it for. */
const unseen = {
  ...{ goneIncarnation: 0n, stallSeq: 0n, peerCounters: nothing, sameMember: 0, refused: 0 },
  ...{ badMac: 0, malformed: 0, replayed: 0, otherPair: 0, unproved: 0 },
  ...{ strangerFrom: undefined, peerKey: 1, roundTripMs: 0, linksUp: 1 },
}

export class SimHeard {
  readonly #options: SimHeardOptions
  /** The incarnation that has echoed one of our beats. */
  known: Incarnation | undefined
  presence: Uint8Array = nothing
  echo: SimBeat['echo'] = { of: undefined, seq: 0 }
  marks: PeerMarks | undefined
  verdict: BeatView['verdict'] = 'none'
  /** Whose place was taken: a late beat of it proves nothing (freshness.cpp). */
  #former: Incarnation | undefined
  #highestSeq = 0
  #answeredSeq = 0
  #vouchAgeMs = 0
  #isBusy = false
  #inFrame = 0
  #heardAt = 0
  #silentSince = 0
  #verdictAt = 0

  constructor(options: SimHeardOptions) {
    this.#options = options
    this.known = options.known
    this.echo = { of: options.known, seq: 0 }
    this.#silentSince = options.now()
  }

  view(): HeardView {
    return {
      ...unseen,
      suspicion: this.known === undefined ? 'unheard' : 'alive',
      verdict: this.verdict,
      verdictAtMs: this.#verdictAt,
      peerIncarnation: this.known ?? 0n,
      answeredSeq: BigInt(this.#answeredSeq),
      heardAtMs: this.#heardAt,
      presence: this.presence,
      peerVouchAgeMs: this.#vouchAgeMs,
      isPeerBusy: this.#isBusy,
      peerInFrame: this.#inFrame,
    }
  }

  /** The listener itself stood still for `ms`, which is no silence of the other. */
  excuse(ms: number): void {
    this.#silentSince = Math.min(this.#options.now(), this.#silentSince + ms)
  }

  /** Every path to `incarnation` is refused. True: that is news. */
  isFoundGone(incarnation: Incarnation): boolean {
    if (this.known !== incarnation || this.verdict === 'process-gone') return false
    this.#find('process-gone')
    return true
  }

  /** True: nothing was heard for a window. */
  isFoundSilent(): boolean {
    const isOpen = this.verdict === 'none' || this.verdict === 'hung'
    if (this.known === undefined || !isOpen) return false
    if (this.#options.now() - this.#silentSince < this.#options.windowMs) return false
    this.#find('unreachable')
    return true
  }

  /** `news`: something that the event loop waits for. */
  hear(beat: SimBeat): 'nothing' | 'fresh' | 'news' {
    if (beat.marks !== undefined) return this.#hearMarks(beat)
    const isKnown = beat.from === this.known
    if (beat.from === this.#former) return 'nothing'
    if (isKnown && beat.seq <= this.#highestSeq) return 'nothing'
    const isFirstWord = this.echo.of !== beat.from
    this.echo = { of: beat.from, seq: beat.seq }
    if (isFirstWord) this.#options.answer()
    if (beat.echo.of !== this.#options.self) return 'nothing'
    if (isKnown && this.verdict === 'process-gone') return 'nothing'
    const verdict = verdictOf(beat, this.#options.hangAfterMs)
    const isNews =
      !isKnown ||
      this.verdict !== verdict ||
      this.#isBusy !== beat.isBusy ||
      Buffer.compare(beat.presence, this.presence) !== 0
    if (!isKnown) this.#former = this.known
    this.known = beat.from
    this.#highestSeq = beat.seq
    this.#answeredSeq = beat.echo.seq
    this.presence = beat.presence
    this.#heardAt = this.#options.now()
    this.#silentSince = this.#heardAt
    this.#vouchAgeMs = beat.vouchAgeMs
    this.#isBusy = beat.isBusy
    this.#inFrame = beat.frameNo
    if (verdict === 'none') this.verdict = 'none'
    else if (this.verdict !== verdict) this.#find(verdict)
    return isNews ? 'news' : 'fresh'
  }

  /** They make nobody known, and are no sign of life. */
  #hearMarks({ from, echo, marks }: SimBeat): 'nothing' {
    if (from === this.known && echo.of === this.#options.self) this.marks = marks
    return 'nothing'
  }

  #find(verdict: BeatView['verdict']): void {
    this.verdict = verdict
    this.#verdictAt = this.#options.now()
  }
}

/** Of the other member, by its own account. */
function verdictOf({ isGone, vouchAgeMs }: SimBeat, hangAfterMs: number): BeatView['verdict'] {
  if (isGone) return 'process-gone'
  return vouchAgeMs >= hangAfterMs ? 'hung' : 'none'
}
