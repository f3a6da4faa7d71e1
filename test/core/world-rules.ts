/**
 * Parts of what may happen in the world of two members that ask nothing of `step`: what a reign
 * promises, what a beat says, when a loop hangs and when its beat thread gives a reign up.
 */

import { renounceable } from '#lib/core/presence.js'
import { epochOf } from '#lib/units.js'
import { type Beat, Broken, numberOf, other, type Side, sideOf, type World } from './world.js'

export function brokenStandby(world: World, side: Side, twin: Side): string | undefined {
  const { state } = side
  if (side.life !== 'up' || side.gaveUp !== 0 || state.role !== 'standby') return undefined
  const isFollowed =
    twin.life === 'up' && twin.state.role === 'primary' && twin.state.mode === 'paired'
  const isOurs =
    isFollowed && twin.state.role === 'primary' && twin.state.mirror === side.incarnation
  if (isOurs && twin.state.role === 'primary' && twin.state.epoch !== state.epoch) {
    return 'a paired primary and its standby disagree about the reign'
  }
  if (state.distrustsBefore !== undefined || side.log.startsWith(world.promised)) return undefined
  return 'a standby that may take over lacks what was accepted or released'
}

/** No member is deaf at its start: the window ends only when the other is down or was heard. */
export function mayStartWindowEnd(side: Side, twin: Side): boolean {
  const { peer } = side.state
  const isHeard =
    peer?.incarnation === twin.incarnation &&
    twin.presence !== undefined &&
    numberOf(peer.presence) === numberOf(twin.presence)
  return twin.life === 'dead' || isHeard
}

export function begin(world: World, index: number, epoch: number, over: 'nothing' | 'state'): void {
  const side = sideOf(world, index)
  const twin = sideOf(world, other(index))
  const { role } = twin.state
  const isTwinInSync =
    role === 'primary' || (role === 'standby' && twin.state.distrustsBefore === undefined)
  if (twin.life !== 'dead' && isTwinInSync) {
    throw new Broken(
      `${index === 0 ? 'a' : 'b'} begins a history though the other one holds all of the former`,
    )
  }
  world.histories += 1
  if (over === 'nothing') side.log = ''
  world.promised = ''
  rule(world, side, epoch)
}

/** `side` rules from here on. */
export function rule(
  world: World,
  side: Side,
  epoch: number,
  release: Side['release'] = 'all',
): void {
  side.ruling = epoch
  side.release = release
  side.follow = undefined
  commit(world, side)
}

/** What is committed is promised; two letters under one number are two histories under one name. */
export function commit(world: World, side: Side): void {
  if (side.ruling === undefined) return
  const count = side.release === 'all' ? side.log.length : (side.feed?.acked ?? 0)
  const committed = side.log.slice(0, count)
  const shared = Math.min(committed.length, world.promised.length)
  if (committed.slice(0, shared) !== world.promised.slice(0, shared)) {
    throw new Broken('two inputs were accepted under one frame number')
  }
  if (committed.length > world.promised.length) world.promised = committed
}

export function isEnded(side: Side): boolean {
  return side.state.role === 'stopped'
}

export function beatOf(side: Side): Beat | undefined {
  const { incarnation, seq, heard, gaveUp } = side
  const presence =
    side.presence && gaveUp !== 0 ? { ...side.presence, renounced: epochOf(gaveUp) } : side.presence
  return presence && { incarnation, presence, seq, answered: heard }
}

/**
 * Whether a beat of `side` would tell `twin` something that it does not know, nor will by the one
 * under way.
 */
export function hasNews(side: Side, twin: Side): boolean {
  const beat = beatOf(side)
  if (beat === undefined || twin.life === 'dead') return false
  if (twin.beat) return numberOf(twin.beat) !== numberOf(beat)
  const { peer } = twin.state
  const isKnown =
    peer?.incarnation === beat.incarnation &&
    peer.condition === 'alive' &&
    numberOf(peer.presence) === numberOf(beat.presence) &&
    peer.answered === beat.answered &&
    twin.heard === beat.seq
  return !isKnown
}

export function without(timers: string, name: string): string {
  return timers.replace(`${name} `, '')
}

/**
 * Whether the beat thread of `side` gives its reign up on what it has heard: a standby that is
 * asked, or a primary that is asked while its loop hangs (docs/PROTOCOL.md#8).
 */
export function mayGiveUp(side: Side): boolean {
  const { state, isHung, beat, gaveUp } = side
  const armed = renounceable(state)
  const said = beat?.presence ?? state.peer?.presence
  if (armed === 0 || gaveUp !== 0 || said === undefined) return false
  if (said.askRenounce !== armed || said.renounced === armed) return false
  return state.role === 'standby' || isHung
}

/** Its event loop runs, and it has not ended. */
export function isUp(side: Side): boolean {
  return side.life === 'up' && !side.isHung && !isEnded(side)
}

/** A pair in sync that both know of, and nothing stands in its way. */
export function isWhole({ sides }: World): boolean {
  return sides.some((side, index) => {
    const twin = sides[other(index)]
    const { state } = side
    if (!isUp(side) || !isUp(twin) || state.role !== 'primary' || state.mode !== 'paired')
      return false
    const mirror = twin.state
    return mirror.role === 'standby' && mirror.epoch === state.epoch && side.isGateOpen
  })
}

/**
 * Somebody who holds all of the history may still act on it, or there is no history to lose: then
 * the pair can be whole again without an operator.
 */
export function isHeld({ sides }: World): boolean {
  const living = sides.filter(({ life }) => life !== 'dead')
  const holds = ({ state }: Side) => state.role === 'primary' || state.role === 'standby'
  return living.some(holds) || living.every(({ state }) => state.role === 'starting')
}
