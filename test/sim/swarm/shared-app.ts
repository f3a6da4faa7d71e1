/**
 * The application of a simulated pair with its state in a region: the same program, whose log and
 * sums are views of shared memory.
 *
 * Each frame writes to some page that another does not, so that a load meets pages that were
 * written behind it; and its side connection breaks now and then. What it computes is what the
 * plain one does, so that the oracle and every checker serve both.
 */

import type { PairError } from '#lib/errors.js'
import type { App } from '#lib/options.js'
import { SharedState, sharedState } from '#lib/state/shared-state.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { SimPair } from '#lib/testing/sim-pair.js'
import type { VirtualClock } from '#lib/testing/virtual-clock.js'
import { millis } from '#lib/units.js'
import { type AppParts, makeApp, type State } from './app.js'

/** More than a seed has inputs and timers. */
const mostFrames = 4_096
const leastBallast = 65_536

/** The plain application keeps it as a map, which a region cannot hold. */
class NoMeans extends Map<string, number> {
  override set(): this {
    return this
  }
}

/** The state of the plain application, over one region. */
function stateOf(ballastBytes: number): SharedState<State> {
  const plan = sharedState({
    sums: { u32: 2 },
    now: { f64: 1 },
    due: { f64: 1 },
    log: { u32: mostFrames },
    frames: { u32: mostFrames },
    ballast: { bytes: Math.max(ballastBytes, leastBallast) },
  })
  const layout = { places: [], bytes: plan.bytes, text: plan.digest }
  return new SharedState(layout, (buffer) => {
    const { state, canonicalise } = plan.open(buffer)
    const { sums, now, due, log, frames, ballast } = state
    const means = new NoMeans()
    return {
      state: { sums, now, due, log, frames, ballast, means, poison: undefined },
      canonicalise,
    }
  })
}

/** The application of one member. */
export function makeSharedApp(parts: AppParts, member: SimMember<State>): App<State> {
  const { init: _, ...plain } = makeApp(parts, member)
  return {
    ...plain,
    state: stateOf(parts.ballastBytes),
    process(state, frame, ctx) {
      const place = Math.imul(frame.frameNo, 0x9e37_79b1) >>> 0
      state.ballast[place % state.ballast.length] = frame.frameNo
      plain.process(state, frame, ctx)
    },
  }
}

/** Until the side connection of a load breaks, if it does: most loads take less. */
const breakMs = 15

/** Breaks the side connection of the load that begins, by chance. */
export function breakSide(
  pair: Pick<SimPair<State>, 'breakSide'>,
  clock: VirtualClock,
  random: () => number,
): void {
  if (random() < 0.4) clock.setTimer(millis(breakMs * random()), () => pair.breakSide())
}

/** Whether that is what must come of such a break, and of no other failure of a load. */
export function isSideBroken({ code, message }: PairError): boolean {
  return (
    code === 'ERR_HOTPAIR_LOAD' && /^the (load of the shared state broke|side conn)/.test(message)
  )
}
