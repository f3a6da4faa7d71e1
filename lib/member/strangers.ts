/**
 * Tells the user of strangers: who has come to the ports of this member and was turned away.
 *
 * A flood must not become a flood of events, nor may it go by unseen. So the counters are looked at
 * each second, and what has come since the last telling is one sentence, at most once a minute. The
 * first is told at the next look. It turns nobody away: that was done where they came.
 */

import type { HeartbeatView } from '../native/heartbeat.js'
import type { Peer } from '../peer/peer.js'
import type { Told } from '../runtime/ports.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { type Instant, instant, millis } from '../units.js'
import type { RefusedCounts } from './contract.js'

/** Between two looks, and between two tellings at least. */
const lookMs = millis(1_000)
const quietMs = 60_000

/**
 * So many connections that broke off are not told: a member that is started again while it is
 * dialled leaves some. They are counted, and told with those that follow.
 */
const harmlessCount = 2

export interface StrangersOptions {
  readonly clock: ClockPort
  readonly peer: Pick<Peer, 'counters' | 'lastStranger'>
  /** Undefined until the beats are open. */
  readonly beats: () => HeartbeatView | undefined
  readonly tell: (event: Told) => void
}

/** What was counted, by what it is called in a sentence. */
type Counts = Readonly<Record<string, number>>

export class Strangers {
  readonly #options: StrangersOptions
  #timer: Timer | undefined
  #told: Counts = {}
  #quietUntil: Instant = instant(0)

  constructor(options: StrangersOptions) {
    this.#options = options
  }

  /** For the status. */
  get refused(): RefusedCounts {
    const { refusals, strangers, evicted, protocolFaults } = this.#options.peer.counters()
    const { refused = 0, sameMember = 0, unproved = 0 } = this.#options.beats() ?? {}
    const connections = refusals + strangers + evicted + unproved
    return { beats: refused + sameMember, connections, links: protocolFaults }
  }

  open(): void {
    this.#timer = this.#options.clock.setTimer(lookMs, () => {
      this.open()
      this.#look()
    })
  }

  close(): void {
    this.#timer?.clear()
  }

  #look(): void {
    const { clock, peer, beats, tell } = this.#options
    const now = clock.now()
    if (now < this.#quietUntil) return
    const view = beats()
    const ofBeats: Counts = {
      'packets with another key': view?.badMac ?? 0,
      'packets that are no beats': view?.malformed ?? 0,
      'beats of another pair': view?.otherPair ?? 0,
      'beats that were old or played back': view?.replayed ?? 0,
      'beat connections that proved nothing': view?.unproved ?? 0,
    }
    const { strangers, evicted } = peer.counters()
    const ofPeer: Counts = { 'data connections that proved nothing': strangers + evicted }
    const counts = { ...ofBeats, ...ofPeer }
    const grown = Object.entries(counts).filter(([what, count]) => count > this.#before(what))
    const isWorth = grown.some(([each, count]) => {
      const isConnection = each.includes('connections')
      return count - this.#before(each) > (isConnection ? harmlessCount : 0)
    })
    if (!isWorth) return
    const isOfBeats = grown.some(([what]) => what in ofBeats)
    const from = isOfBeats ? view?.strangerFrom : peer.lastStranger
    const what = grown.map(([each, count]) => `${count - this.#before(each)} ${each}`)
    this.#told = counts
    this.#quietUntil = instant(now + quietMs)
    tell({
      type: 'refused',
      code: 'ERR_HOTPAIR_STRANGERS',
      message: `turned away: ${what.join(', ')}; the last from ${from ?? 'an unknown address'}`,
      address: from ?? 'unknown',
    })
  }

  #before(what: string): number {
    return this.#told[what] ?? 0
  }
}
