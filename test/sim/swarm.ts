/**
 * One run of the swarm: a pair on its stage under the faults of a plan.
 *
 * A run never takes away the last member that holds all (that the pair cannot survive, and does not
 * promise to): before a fault the run looks whether the other one is truly in sync. Everything else
 * is allowed at any moment.
 */

import { type MemberId, millis, peerOf } from '#lib/units.js'
import { planOf } from './plan.js'
import { faultsEndMs, Stage, windowMs } from './stage.js'
import { channelName } from './world.js'

/** All must be accepted this long after the last fault. */
const tailMs = 20_000

export interface Outcome {
  readonly seed: number
  readonly problems: readonly string[]
  readonly takeovers: number
  readonly faults: number
  readonly events: number
  /** What was done and what came of it, for a replay. */
  readonly trail: readonly string[]
}

export async function runSeed(seed: number): Promise<Outcome> {
  const stage = new Stage(planOf(seed))
  const swarm = new Swarm(stage)
  const { pair, clock } = stage
  pair.start('a')
  pair.start('b')
  let at = 0
  for (; at < faultsEndMs + tailMs && !stage.isDone; at += 1) {
    await stage.play(at)
    if (at < faultsEndMs) swarm.harm(at)
  }
  const problems = stage.isDone ? [] : [`not all was accepted: ${stage.describe()}`]
  await stage.heal()
  stage.check()
  return {
    seed,
    problems: [...problems, ...stage.problems].slice(0, 8),
    takeovers: stage.takeovers.length,
    faults: swarm.faults,
    events: clock.count,
    trail: stage.trail,
  }
}

class Swarm {
  faults = 0
  readonly #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** Whether `id` may go away: the other one is in sync, or `id` is no holder that counts. */
  #isSpare(id: MemberId): boolean {
    const other = this.#stage.pair.member(peerOf(id))
    const own = this.#stage.pair.member(id)
    if (other === undefined || own === undefined || !other.isRunning || !own.isRunning) return false
    const { state } = other
    if (state.role === 'primary') {
      // One that is paired and stood still may have been left behind: alone it is fenced.
      const isSure = state.mode !== 'paired' || state.distrustsBefore === undefined
      return own.role !== 'primary' && isSure
    }
    return this.#stage.pair.isPaired
  }

  harm(at: number): void {
    const { faults } = this.#stage.plan
    const { primary } = this.#stage.pair
    if (primary === undefined) return
    const { id } = primary
    const isDue = (chance: number) => this.#stage.random() < chance
    if (isDue(faults.breakLink)) this.#do('break the link', () => this.#stage.pair.breakLink())
    if (isDue(faults.deafDoor)) {
      this.#stage.deafUntil.set(isDue(0.5) ? 'a' : 'b', at + this.#stage.random() * 400)
    }
    if (isDue(faults.receiverDown)) this.#takeReceiverDown()
    if (isDue(faults.killPrimary) && this.#isSpare(id)) this.#kill(id, at)
    else if (isDue(faults.killStandby) && this.#isSpare(peerOf(id))) this.#kill(peerOf(id), at)
    else if (isDue(faults.closePrimary) && this.#isSpare(id)) this.#close(id, at)
    else if (isDue(faults.closeStandby) && this.#isSpare(peerOf(id))) this.#close(peerOf(id), at)
    else if (isDue(faults.stallPrimary) && this.#isSpare(id)) this.#stall(id)
    else if (isDue(faults.stallStandby) && this.#isSpare(peerOf(id))) this.#stall(peerOf(id))
    else if (isDue(faults.blockPrimary)) this.#block(id)
    else if (isDue(faults.blockStandby)) this.#block(peerOf(id))
  }

  #do(what: string, act: () => void): void {
    this.faults += 1
    this.#stage.note(what)
    act()
  }

  #kill(id: MemberId, at: number): void {
    this.#do(`kill ${id}`, () => this.#stage.pair.kill(id))
    this.#stage.downUntil.set(id, at + this.#stage.random() * 300)
  }

  #close(id: MemberId, at: number): void {
    this.#do(`close ${id}`, () => this.#stage.pair.member(id)?.close())
    this.#stage.downUntil.set(id, at + this.#stage.random() * 300)
  }

  #stall(id: MemberId): void {
    const ms =
      this.#stage.random() < 0.5
        ? this.#stage.random() * 2 * windowMs
        : this.#stage.random() * 1_000
    this.#do(`stop ${id} for ${ms.toFixed(1)}`, () => this.#stage.pair.stall(id, ms))
  }

  #block(id: MemberId): void {
    const ms = this.#stage.random() * 4 * windowMs
    this.#do(`block ${id} for ${ms.toFixed(1)}`, () => this.#stage.pair.block(id, ms))
  }

  #takeReceiverDown(): void {
    const channel = channelName(Math.floor(this.#stage.random() * this.#stage.plan.channels))
    this.#stage.sink.down.add(channel)
    const ms = this.#stage.random() * 1_000
    this.#do(`receiver of ${channel} down for ${ms.toFixed(1)}`, () => {
      this.#stage.clock.setTimer(millis(ms), () => this.#stage.sink.down.delete(channel))
    })
  }
}
