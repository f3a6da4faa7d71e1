/**
 * A small pair in virtual time for one program: one source that gives both members the same inputs,
 * and a look at what each has made of them. What happens to the pair is the test's to say.
 */

import type { App } from '#lib/options.js'
import { referenceSnapshot } from '#lib/testing/reference-snapshot.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import { SimPair } from '#lib/testing/sim-pair.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { type MemberId, millis } from '#lib/units.js'
import { generator } from './world.js'

export const windowMs = 100

export interface PlayOptions<State> {
  readonly seed: number
  readonly app: (member: SimMember<State>) => App<State>
  /** How far the wall clock of each member is ahead, in milliseconds. */
  readonly ahead?: Readonly<Record<MemberId, number>>
  readonly digestEvery?: number
  readonly inFlight?: number
}

export class Play<State> {
  readonly clock = new VirtualClock()
  readonly random: () => number
  readonly pair: SimPair<State>
  /** As `member code message`. */
  readonly faults: string[] = []
  readonly accepted: Set<number> = new Set()
  #given = 0

  constructor(options: PlayOptions<State>) {
    const { seed, app, ahead = { a: 0, b: 0 }, digestEvery = 20, inFlight = 64 } = options
    this.random = generator(seed)
    const around = (ms: number) => () => millis(ms * (0.5 + this.random()))
    this.pair = new SimPair<State>({
      clock: this.clock,
      random: this.random,
      app,
      digestEvery,
      limits: {
        inputBytes: 8_192,
        queueBytes: 65_536,
        unacknowledgedBytes: 65_536,
        lagFrames: 100_000,
        outboxBytes: 2_097_152,
        stateBytes: 8_388_608,
        sources: 4,
        channels: 8,
        timers: 1_000,
      },
      snapshot: referenceSnapshot,
      heartbeatMs: 20,
      windowMs,
      ackTimeoutMs: windowMs,
      hangAfterMs: 500,
      deliverTimeoutMs: 10_000,
      inFlight,
      onLoss: 'wait',
      onSuspect: 'retry',
      onStuckDeliver: 'retry',
      inDoubt: {},
      drift: {
        a: { rate: 1.0001, wallOffsetMs: ahead.a },
        b: { rate: 0.9999, wallOffsetMs: ahead.b },
      },
      linkDelay: around(0.2),
      beatDelay: around(0.2),
      beatLoss: 0,
      beatDuplicates: 0,
      mostBeatsLostInRow: 0,
      pieceMs: 0.01,
      highWaterPieces: 10,
      detectMs: 0.5,
      onFault: (member, error) => this.faults.push(`${member.id} ${error.code} ${error.message}`),
    })
  }

  /** Starts what is not there, and waits until the pair is whole. */
  async whole(): Promise<void> {
    const until = this.clock.now() + 5_000
    while (!this.pair.isPaired && this.clock.now() < until) {
      for (const id of ['a', 'b'] as const) if (!this.pair.member(id)) this.pair.start(id)
      await this.run(5)
    }
  }

  async run(ms: number): Promise<void> {
    await this.clock.run(this.clock.now() + ms)
  }

  /** Gives both members the next input, which reads `<number>:<text>`. */
  feed(text: string | number = ''): number {
    this.#given += 1
    const seq = this.#given
    for (const { server } of this.pair.members) {
      const answer = { resolve: () => this.accepted.add(seq), reject: () => {} }
      server.receive({ data: Buffer.from(`${seq}:${text}`), source: 's', seq, answer })
    }
    return seq
  }

  /** The state of `member`, or of the primary. */
  state(member: SimMember<State> | undefined = this.pair.primary): State | undefined {
    return member?.server.held?.state
  }
}
