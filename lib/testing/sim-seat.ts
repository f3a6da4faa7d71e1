/**
 * Where the beats of one simulated server are sent from: its own process, or a unit, by the shipped
 * `UnitBeats` over simulated places. What happens to the server's process is told here.
 */

import { NativeError } from '../errors.js'
import type { Heartbeat } from '../native/heartbeat.js'
import type { BeatsPort, MarksPort } from '../runtime/ports-beats.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { BeatsPlaces, BeatsStart } from '../unit/beats-places.js'
import { UnitBeats, type UnitBeatsOptions } from '../unit/unit-beats.js'
import { type Incarnation, incarnationOf, millis } from '../units.js'
import type { SimBeats } from './sim-beats.js'
import type { SimHost } from './sim-host.js'
import type { SimUnit } from './sim-unit.js'
import type { SimWraps } from './sim-wraps.js'

/** What a seat needs of the process of its server. */
export interface SeatOptions {
  readonly host: SimHost
  readonly incarnation: Incarnation
  readonly clock: ClockPort
  /** Later, and only while the process runs. */
  readonly act: (run: () => void) => void
  readonly nextTurn: (run: () => void) => void
  /** There may be something new to see. */
  readonly look: () => void
  /** The event loop stands for `ms` inside the call that is being made. */
  readonly hold: (ms: number) => void
  readonly moved: UnitBeatsOptions['moved']
  readonly stuck: UnitBeatsOptions['stuck']
  readonly wraps: Pick<SimWraps<never>, 'places' | 'marks'> | undefined
}

export interface SimSeat {
  readonly beats: BeatsPort
  /** Undefined where no unit would read them. */
  readonly marks: MarksPort | undefined
  /** Somebody sends its beats at this moment. */
  readonly isBeating: boolean
  /** The process stands still, or goes on. */
  stop(): void
  wake(): void
  /** The event loop stands still, or goes on; the process does. */
  loopStands(): void
  loopRuns(): void
  /** The process is killed. */
  die(): void
}

export function takeSeat(options: SeatOptions): SimSeat {
  return options.host.options.unit ? new UnitSeat(options) : new EmbeddedSeat(options)
}

/** Beats from the server's own process. */
class EmbeddedSeat implements SimSeat {
  readonly beats: SimBeats
  readonly marks = undefined

  constructor({ host, incarnation, nextTurn, act, look }: SeatOptions) {
    this.beats = host.openBeats({
      self: incarnation,
      firstSeq: 0,
      known: undefined,
      startsInMs: 0,
      unitPid: 0,
      ring: () => nextTurn(() => act(look)),
      ...alone,
    })
  }

  get isBeating(): boolean {
    return this.beats.isBeating
  }

  stop(): void {
    this.beats.stop()
  }

  wake(): void {
    this.beats.wake()
  }

  loopStands(): void {
    this.beats.loopStands()
  }

  loopRuns(): void {
    this.beats.loopRuns()
  }

  die(): void {
    this.beats.close()
  }
}

/** No unit has to know, and none is there to kill anybody. */
const alone = { closed: () => {}, superseded: () => {} }

/** How long a server waits for the answer of a unit that does not speak. */
const unitPatienceMs = 1_000

/** Beats from a unit, or from the server's own process while there is none. */
class UnitSeat implements SimSeat {
  readonly beats: UnitBeats
  readonly #options: SeatOptions
  /** Of the present place; of the last one, while there is none. */
  #at: SimBeats | undefined
  /** Undefined while the beats come from this process. */
  #unit: SimUnit | undefined
  #isOpening = true
  #isStanding = false
  #isStopped = false
  /** The call that is being made ends so long after now. */
  #inCallMs = 0

  constructor(options: SeatOptions) {
    const { host, clock, moved, stuck, look, wraps } = options
    this.#options = options
    const own: BeatsPlaces = {
      here: (start) => this.#openHere(start),
      atUnit: (start) => this.#openAtUnit(start),
      startUnit: () => host.startUnit(),
    }
    const places = wraps?.places?.(own) ?? own
    // A server that starts waits until a unit is there, and is nobody before.
    host.ensureUnit()
    const first = places.atUnit({ firstSeq: 0n, known: 0n })
    const heartbeatMs = host.options.beats.intervalMs
    const told = { moved, stuck, ring: look }
    this.beats = new UnitBeats({ clock, heartbeatMs, places, ...told }, first)
    this.#isOpening = false
  }

  get marks(): MarksPort {
    const { marks } = this.beats
    return this.#options.wraps?.marks?.(marks) ?? marks
  }

  get isBeating(): boolean {
    return this.#at?.isBeating === true
  }

  stop(): void {
    this.#isStopped = true
    if (this.#unit === undefined) this.#at?.stop()
    // Nobody in this process says any more how long the loop had waited for events: it counts from
    // the question that it is asked.
    else if (!this.#isStanding) this.#at?.loopStands(this.#questionMs)
  }

  wake(): void {
    this.#isStopped = false
    if (this.#unit === undefined) this.#at?.wake()
    else if (!this.#isStanding) this.#at?.loopRuns()
  }

  loopStands(): void {
    this.#isStanding = true
    this.#at?.loopStands()
  }

  loopRuns(): void {
    this.#isStanding = false
    if (this.#unit === undefined || !this.#isStopped) this.#at?.loopRuns()
  }

  die(): void {
    const { incarnation } = this.#options
    if (this.#unit === undefined) this.#at?.close()
    else this.#unit.serverDied(incarnation)
  }

  /** After that, a loop that does not turn is asked. */
  get #questionMs(): number {
    return this.#options.host.options.beats.hangAfterMs / 4
  }

  #openHere(start: BeatsStart): Heartbeat {
    const { host, incarnation } = this.#options
    const at = host.openBeats({
      self: incarnation,
      ...startOf(start),
      startsInMs: this.#inCallMs,
      unitPid: 0,
      ring: () => this.#ring(0),
      ...alone,
    })
    this.#unit = undefined
    return this.#opened(at)
  }

  #openAtUnit(start: BeatsStart): Heartbeat {
    const { host, incarnation } = this.#options
    const { unit, options } = host
    const { joinMs = 0, ipcMs = 0 } = options.unit ?? {}
    if (!unit?.isAlive) throw notThere('nobody listens')
    if (!unit.isRunning) {
      this.#stand(unitPatienceMs)
      throw notThere('it does not answer')
    }
    if (!this.#isOpening) this.#stand(joinMs)
    const startsInMs = this.#inCallMs
    const ring = () => this.#ring(ipcMs)
    const at = unit.join({ incarnation, ...startOf(start), startsInMs, ring })
    this.#unit = unit
    return this.#opened(at)
  }

  #opened(at: SimBeats): Heartbeat {
    this.#at = at
    if (this.#isStanding) at.loopStands()
    return at
  }

  /** The call that is being made takes `ms`; what it opens begins when it returns. */
  #stand(ms: number): void {
    if (ms === 0) return
    const { hold, nextTurn } = this.#options
    this.#inCallMs += ms
    hold(ms)
    nextTurn(() => {
      this.#inCallMs = 0
    })
  }

  #ring(ms: number): void {
    const { act, host, nextTurn } = this.#options
    const rung = () => act(() => this.beats.rung())
    if (ms === 0) return nextTurn(rung)
    host.time.setTimer(millis(ms), rung)
  }
}

function startOf({ firstSeq, known }: BeatsStart) {
  return {
    firstSeq: Number(firstSeq),
    known: known === 0n ? undefined : incarnationOf(known),
  }
}

function notThere(why: string): NativeError {
  return new NativeError('ERR_HOTPAIR_UNIT', `the unit cannot be joined: ${why}`)
}
