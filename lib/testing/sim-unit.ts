/**
 * The unit of a simulated member as a process of its own: it sends the beats of the server that has
 * joined it, and outlives it.
 *
 * When the server dies it shuts the gate, tells the other member what had been begun and sent, and
 * beats on with the word that the server is gone, until another one joins or nobody has for long.
 * Like `native/unit/unit_host.hpp`; the beats themselves are those of `SimBeats`.
 */

import { NativeError } from '../errors.js'
import { type Incarnation, millis } from '../units.js'
import type { SimBeats } from './sim-beats.js'
import type { SimHost, SimUnitOptions } from './sim-host.js'

/** A server at its unit. */
interface Session {
  readonly beats: SimBeats
  readonly incarnation: Incarnation
  isGone: boolean
}

/** What a server hands over when it joins. */
export interface Joining {
  readonly incarnation: Incarnation
  readonly firstSeq: number
  readonly known: Incarnation | undefined
  /** How long the join takes; nobody beats before it is over. */
  readonly startsInMs: number
  readonly ring: () => void
}

export class SimUnit {
  readonly pid: number
  readonly #host: SimHost
  #session: Session | undefined
  /** A server that is dead, which this process may not know yet. */
  #dying: Incarnation | undefined
  #stops = 0
  isAlive = true

  constructor(host: SimHost, pid: number) {
    this.#host = host
    this.pid = pid
  }

  get isRunning(): boolean {
    return this.isAlive && this.#stops === 0
  }

  /** It sends the beats of that server, and will see it die. */
  serves(incarnation: Incarnation): boolean {
    return this.isRunning && this.#session?.incarnation === incarnation && !this.#session.isGone
  }

  /**
   * The server `incarnation` comes. The place of a dead one is free for it.
   *
   * @throws NativeError `ERR_HOTPAIR_ADDRESS_IN_USE` while another server is there.
   */
  join({ incarnation, firstSeq, known, startsInMs, ring }: Joining): SimBeats {
    // Whoever starts again is not quicker than the news of the former one's death.
    if (this.#dying !== undefined) this.#gone(this.#dying)
    if (this.#session && !this.#session.isGone) {
      throw new NativeError('ERR_HOTPAIR_ADDRESS_IN_USE', 'the unit has a server of this member')
    }
    this.#endSession()
    const beats = this.#host.openBeats({
      self: incarnation,
      firstSeq,
      known,
      startsInMs,
      unitPid: this.pid,
      ring,
      closed: () => this.#bye(incarnation),
      superseded: () => {
        if (this.#options.killsHung && this.serves(incarnation)) {
          this.#host.options.killHung(incarnation)
        }
      },
    })
    this.#session = { beats, incarnation, isGone: false }
    return beats
  }

  /** The server `incarnation` has died; this process learns it a little later. */
  serverDied(incarnation: Incarnation): void {
    this.#dying = incarnation
    this.#later(this.#options.deathMs, () => this.#gone(incarnation))
  }

  /** kill -9. Its server learns it a little later; its ports come free when all is torn down. */
  kill(portsMs: number = this.#options.portsMs): void {
    const session = this.#session
    if (!this.isAlive) return
    this.isAlive = false
    this.#session = undefined
    if (session === undefined) return
    const { beats } = session
    beats.end()
    this.#host.release(beats, portsMs)
    this.#later(this.#options.ipcMs, () => beats.lose())
    this.#host.options.ended(session.incarnation)
  }

  /**
   * The connection to its server breaks, and both live: it says nothing more for it and lets go of
   * the ports, for the server beats itself from now on.
   */
  cut(): void {
    const session = this.#session
    if (!this.isRunning || session === undefined || session.isGone) return
    this.#session = undefined
    session.beats.end()
    this.#host.release(session.beats, 0)
    this.#later(this.#options.ipcMs, () => session.beats.lose())
  }

  /** SIGSTOP. */
  stop(): void {
    this.#stops += 1
    if (this.#stops === 1) this.#session?.beats.stop()
  }

  /** SIGCONT of one stop. */
  wake(): void {
    this.#stops = Math.max(0, this.#stops - 1)
    if (this.isRunning) this.#session?.beats.wake()
  }

  get #options(): SimUnitOptions {
    const { unit } = this.#host.options
    if (unit === undefined) throw new Error('a host without units has none')
    return unit
  }

  #gone(incarnation: Incarnation): void {
    const session = this.#session
    this.#dying = undefined
    if (session?.incarnation !== incarnation || session.isGone) return
    session.isGone = true
    session.beats.serverGone()
    this.#later(this.#options.lingerMs, () => {
      if (this.#session === session) this.kill()
    })
  }

  /** Its server has closed in order: it ends with it, or the next one joins. */
  #bye(incarnation: Incarnation): void {
    if (this.#session?.incarnation !== incarnation) return
    this.#session = undefined
    this.isAlive = false
    this.#host.options.ended(incarnation)
  }

  #endSession(): void {
    const session = this.#session
    this.#session = undefined
    session?.beats.close()
  }

  #later(ms: number, run: () => void): void {
    this.#host.time.setTimer(millis(ms), run)
  }
}
