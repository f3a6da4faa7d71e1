/**
 * A rehearsal: a simulated pair in this process dies, takes over and changes places, so that the
 * code of the real takeover is compiled when it is needed.
 *
 * A takeover is code that runs once in a process. JavaScript compiles a function at its first call
 * and drops what was not called for some collections, which together was a third of the time from
 * a death to the first output (docs/BENCHMARKS.md). What is rehearsed are the shipped rules,
 * runtime and server themselves, over the network, clock and application of the simulator; it
 * touches nothing of the member.
 */

import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { referenceSnapshot } from '../testing/reference-snapshot.js'
import type { SimOptions } from '../testing/sim-options.js'
import { SimPair } from '../testing/sim-pair.js'
import { VirtualClock } from '../testing/virtual-clock.js'
import { elapsed, type Instant, millis, peerOf } from '../units.js'

/** From one rehearsal to the next: compiled code that is not used lives for some collections. */
const everyMs = 30_000
/** Longest that the event loop is kept at a time, if no single step is longer. */
const sliceMs = 0.25
/** Virtual time from one look at the pair to the next, and given up for one thing to happen. */
const stepMs = 0.5
const patienceMs = 2_000
const framesAnAct = 8

export class Rehearsal {
  readonly #clock: ClockPort
  readonly #isWanted: () => boolean
  #timer: Timer | undefined
  #running: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Rehearsals that reached their end. */
  count = 0

  /** `isWanted`: asked before each but the first: a member that rules has better things to do. */
  constructor(clock: ClockPort, isWanted: () => boolean) {
    this.#clock = clock
    this.#isWanted = isWanted
  }

  /** Begins in the background, and again from time to time until `close`. */
  begin(): void {
    this.#running = this.#rehearse().then(() => this.#again())
  }

  /** Resolves when nothing of it runs any more. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.clear()
    return this.#running
  }

  #again(): void {
    if (this.#isClosed) return
    this.#timer = this.#clock.setTimer(millis(everyMs), () => {
      if (this.#isWanted()) this.begin()
      else this.#again()
    })
  }

  async #rehearse(): Promise<void> {
    const stage = new Stage(this.#clock, () => this.#isClosed)
    if (await stage.play()) this.count += 1
  }
}

/** One play: two acts with a death each, one with a change of places. */
class Stage {
  readonly #clock: ClockPort
  readonly #isOver: () => boolean
  readonly #time = new VirtualClock()
  readonly #pair: SimPair<{ frames: number }>
  #sliceBegan: Instant
  #seq = 0

  constructor(clock: ClockPort, isOver: () => boolean) {
    this.#clock = clock
    this.#isOver = isOver
    this.#sliceBegan = clock.now()
    this.#pair = new SimPair(optionsOf(this.#time))
  }

  /** False: it was ended, or did not get on. */
  async play(): Promise<boolean> {
    this.#pair.start('a')
    this.#pair.start('b')
    for (const act of [() => this.#die(), () => this.#changePlaces(), () => this.#die()]) {
      if (!(await this.#until(() => this.#pair.isPaired))) return false
      for (let i = 0; i < framesAnAct; i += 1) this.#feed()
      await this.#run(stepMs)
      if (!(await act())) return false
    }
    return true
  }

  /** A death with frames under way. */
  async #die(): Promise<boolean> {
    const { primary } = this.#pair
    if (primary === undefined) return false
    this.#feed()
    this.#pair.kill(primary.id)
    this.#feed()
    const heir = peerOf(primary.id)
    if (!(await this.#until(() => this.#pair.member(heir)?.role === 'primary'))) return false
    this.#feed()
    await this.#run(stepMs)
    this.#pair.start(primary.id)
    return true
  }

  async #changePlaces(): Promise<boolean> {
    const { primary } = this.#pair
    if (primary === undefined) return false
    primary.switchover(patienceMs)
    return this.#until(() => this.#pair.member(peerOf(primary.id))?.role === 'primary')
  }

  #feed(): void {
    this.#seq += 1
    const data = Uint8Array.of(this.#seq)
    for (const member of this.#pair.members) {
      member.receive(data, 'rehearsal', this.#seq).catch(() => {})
    }
  }

  async #until(isSo: () => boolean): Promise<boolean> {
    const limit = this.#time.now() + patienceMs
    while (!isSo()) {
      if (this.#isOver() || this.#time.now() > limit) return false
      await this.#run(stepMs)
    }
    return true
  }

  /** The event loop gets its turn whenever a slice is over. */
  async #run(ms: number): Promise<void> {
    await this.#time.run(this.#time.now() + ms)
    if (elapsed(this.#sliceBegan, this.#clock.now()) < sliceMs) return
    await new Promise<void>((resolve) => this.#clock.nextTurn(resolve))
    this.#sliceBegan = this.#clock.now()
  }
}

const MiB = 1_048_576

function optionsOf(clock: VirtualClock): SimOptions<{ frames: number }> {
  let last = 1
  return {
    clock,
    // Park and Miller's: any run will do, and the same each time.
    random: () => {
      last = (last * 48_271) % 2_147_483_647
      return last / 2_147_483_647
    },
    app: () => ({
      init: () => ({ frames: 0 }),
      process(state, { data }, ctx) {
        state.frames += 1
        ctx.send(data)
      },
      deliver: () => Promise.resolve(),
    }),
    limits: {
      inputBytes: 1_024,
      queueBytes: MiB,
      unacknowledgedBytes: MiB,
      lagFrames: 1_024,
      outboxBytes: 2 * MiB,
      stateBytes: MiB,
      sources: 4,
      channels: 4,
      timers: 4,
    },
    snapshot: referenceSnapshot,
    heartbeatMs: 20,
    windowMs: 60,
    hangAfterMs: 150,
    ackTimeoutMs: 100,
    deliverTimeoutMs: 1_000,
    inFlight: 4,
    onLoss: 'wait',
    onSuspect: 'retry',
    onStuckDeliver: 'retry',
    inDoubt: {},
    linkDelay: () => millis(0.05),
    beatDelay: () => millis(0.05),
    beatLoss: 0,
    beatDuplicates: 0,
    mostBeatsLostInRow: 0,
    drift: { a: { rate: 1, wallOffsetMs: 0 }, b: { rate: 1, wallOffsetMs: 0 } },
    pieceMs: 0,
    highWaterPieces: 64,
    detectMs: 0.5,
  }
}
