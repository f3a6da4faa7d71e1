/**
 * What may befall a member in the world of two: it dies, stands still, hangs, is closed, loses
 * step; and what the other one finds of it. Verdicts are true.
 */

import { millis } from '#lib/units.js'
import type { Laws } from './laws.js'
import { other, sideOf, type World } from './world.js'
import { beatOf, hasNews, isEnded } from './world-rules.js'

/** One thing that may happen next. */
export interface Action {
  readonly name: string
  readonly run: (world: World) => void
  /** A misfortune: it need not happen. */
  readonly isFault: boolean
}

export type May = (name: string, run: Action['run'], isFault?: boolean) => void

export const names = ['a', 'b'] as const

/** What a member does whose event loop hangs: its beat thread goes on. */
export function actionsOfHung(laws: Laws, world: World, index: number): Action[] {
  const actions: Action[] = []
  const may: May = (name, run, isFault = false) =>
    actions.push({ name: `${names[index]} ${name}`, run, isFault })
  may('answers again', (next) => {
    sideOf(next, index).isHung = false
  })
  if (hasNews(sideOf(world, index), sideOf(world, other(index)))) {
    may('beats', (next) => {
      sideOf(next, other(index)).beat = beatOf(sideOf(next, index))
    })
  }
  if (world.deaths < laws.bounds.deaths) {
    may('dies', (next) => laws.die(next, index, true), true)
  }
  return actions
}

export function addMiseries(laws: Laws, world: World, index: number, may: May): void {
  const { state } = sideOf(world, index)
  const { bounds } = laws
  const isStopped = isEnded(sideOf(world, index))
  if (isStopped || world.deaths < bounds.deaths) {
    may('dies', (next) => laws.die(next, index, true), !isStopped)
    if (sideOf(world, other(index)).inbound.length > 0) {
      may('dies, and what it had sent with it', (next) => laws.die(next, index, false), !isStopped)
    }
  }
  if (isStopped) return
  if (world.stalls < bounds.stalls) {
    may(
      'stands still',
      (next) => {
        next.stalls += 1
        sideOf(next, index).life = 'still'
      },
      true,
    )
  }
  if (world.hangs < bounds.hangs && (state.role === 'primary' || state.role === 'standby')) {
    may(
      'hangs',
      (next) => {
        next.hangs += 1
        sideOf(next, index).isHung = true
      },
      true,
    )
  }
  if (world.closes < bounds.closes) {
    may(
      'is closed',
      (next) => {
        next.closes += 1
        laws.post(next, index, { type: 'close-asked' })
      },
      true,
    )
  }
  if (world.switchovers < bounds.switchovers && state.role === 'primary') {
    may(
      'is asked to switch over',
      (next) => {
        next.switchovers += 1
        laws.post(next, index, { type: 'switchover-asked', deadline: millis(1) })
      },
      true,
    )
  }
  if (world.renouncements >= bounds.renouncements) return
  const isFollowing = state.role === 'standby' || state.role === 'loading'
  const isPaired = state.role === 'primary' && state.mode === 'paired'
  if (!isFollowing && !isPaired) return
  may(
    isPaired ? 'misses an acknowledgement' : 'is out of step',
    (next) => {
      next.renouncements += 1
      laws.post(
        next,
        index,
        isPaired ? { type: 'ack-timeout' } : { type: 'out-of-step', reason: 'gap' },
      )
    },
    true,
  )
}

export function addVerdicts(laws: Laws, world: World, index: number, may: May): void {
  const { peer } = sideOf(world, index).state
  const twin = sideOf(world, other(index))
  if (peer === undefined || peer.condition === 'process-gone') return
  const { incarnation } = peer
  addFindings(laws, world, index, may)
  const isGone = twin.incarnation !== incarnation || twin.life === 'dead'
  const verdict = isGone ? 'process-gone' : twin.life === 'still' ? 'unreachable' : undefined
  if (verdict === undefined || peer.condition === verdict) return
  may(`finds the other ${verdict}`, (next) =>
    laws.post(next, index, { type: 'found', incarnation, verdict }),
  )
}

/** A loop that hangs is found by the beats, and so is one that answers again. */
function addFindings(laws: Laws, world: World, index: number, may: May): void {
  const { peer } = sideOf(world, index).state
  const twin = sideOf(world, other(index))
  if (peer?.condition !== 'alive' || peer.incarnation !== twin.incarnation) return
  const { incarnation } = peer
  const isSaid = twin.life === 'up' && twin.isHung
  if (isSaid && peer.hungIn === undefined) {
    may('finds the other hung', (next) =>
      laws.post(next, index, { type: 'hung', incarnation, frameNo: 0 }),
    )
  }
  if (twin.life === 'up' && !twin.isHung && peer.hungIn !== undefined) {
    may('finds that the other answers', (next) =>
      laws.post(next, index, { type: 'vouched', incarnation }),
    )
  }
}
