/**
 * The machine of one simulated member: its clocks, the port of its beats, which one process has at
 * a time, and its unit, if that is a process of its own.
 *
 * It outlives the processes that run on it. Nothing here decides anything.
 */

import { NativeError } from '../errors.js'
import { type Incarnation, millis } from '../units.js'
import type { SimBeat, SimBeatsOptions } from './sim-beat.js'
import { SimBeats } from './sim-beats.js'
import type { SimTime } from './sim-time.js'
import { SimUnit } from './sim-unit.js'

/** What a unit that is a process of its own is like. Milliseconds of virtual time. */
export interface SimUnitOptions {
  /** From the death of a server until its unit knows it. */
  readonly deathMs: number
  /** From a change until the other process is rung. */
  readonly ipcMs: number
  /** How long a server stands still when it joins its unit again. */
  readonly joinMs: number
  /** From its start until a unit listens. */
  readonly startMs: number
  /** How long the ports of a unit that was killed stay taken. */
  readonly portsMs: number
  /** How long a unit stays whose server is dead. */
  readonly lingerMs: number
  /** `onHang: 'kill'`. */
  readonly killsHung: boolean
}

/** What the beats of every process of a host have in common. */
export type HostBeats = Pick<
  SimBeatsOptions,
  'time' | 'intervalMs' | 'windowMs' | 'hangAfterMs' | 'send'
>

export interface SimHostOptions {
  readonly beats: HostBeats
  /** Undefined: units are embedded. */
  readonly unit: SimUnitOptions | undefined
  /** Nothing of that incarnation is left in a unit: its ports refuse from now on. */
  readonly ended: (incarnation: Incarnation) => void
  /** The unit kills its server, which hangs while the other member rules. */
  readonly killHung: (incarnation: Incarnation) => void
}

export class SimHost {
  readonly options: SimHostOptions
  unit: SimUnit | undefined
  /** Who has the port of the beats. */
  #holder: SimBeats | undefined
  #freeAt = 0
  #lastPid = 0

  constructor(options: SimHostOptions) {
    this.options = options
  }

  get time(): SimTime {
    return this.options.beats.time
  }

  /** Whoever has the port sends beats for `incarnation`, or stands still. */
  beatsFor(incarnation: Incarnation): SimBeats | undefined {
    return this.#holder?.self === incarnation ? this.#holder : undefined
  }

  /** How long the port stays taken that a killed process had. */
  get tornDownInMs(): number {
    return Math.max(0, this.#freeAt - this.time.now())
  }

  /**
   * Opens the port in some process.
   *
   * @throws NativeError `ERR_HOTPAIR_ADDRESS_IN_USE` while another one holds it.
   */
  openBeats(options: Omit<SimBeatsOptions, keyof HostBeats>): SimBeats {
    if (this.#holder !== undefined || this.time.now() < this.#freeAt) {
      throw new NativeError('ERR_HOTPAIR_ADDRESS_IN_USE', 'the port of the beats is taken')
    }
    const beats: SimBeats = new SimBeats({
      ...this.options.beats,
      ...options,
      closed: () => {
        this.release(beats, 0)
        options.closed()
      },
    })
    this.#holder = beats
    return beats
  }

  /** The process in which `beats` were sent has no port any more; it is free after `ms`. */
  release(beats: SimBeats, ms: number): void {
    if (this.#holder !== beats) return
    this.#holder = undefined
    this.#freeAt = this.time.now() + ms
  }

  arrive(beat: SimBeat): void {
    this.#holder?.arrive(beat)
  }

  /** Every path to `incarnation` of the other member is refused. */
  findGone(incarnation: Incarnation): void {
    this.#holder?.findGone(incarnation)
  }

  /** A unit listens: the one that is there, or a new one, also in the place of one that stands. */
  ensureUnit(): void {
    if (this.unit?.isRunning) return
    // Whoever ends it waits until it is gone.
    this.unit?.kill(0)
    this.#addUnit()
  }

  /** Starts a unit, which listens a little later, unless one is there by then. */
  startUnit(): void {
    const { unit } = this.options
    this.time.setTimer(millis(unit?.startMs ?? 0), () => {
      if (!this.unit?.isAlive) this.#addUnit()
    })
  }

  #addUnit(): void {
    this.#lastPid += 1
    this.unit = new SimUnit(this, this.#lastPid)
  }
}
