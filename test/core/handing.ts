/**
 * The planned switchover in the world of two members, as their servers carry it out.
 */

import type { Effect } from '#lib/core/effect.js'
import type { Happening } from '#lib/core/event.js'
import { epochOf, type Incarnation } from '#lib/units.js'
import { type Packet, push, type Side, sideOf, type World } from './world.js'
import { rule } from './world-rules.js'

/** `side` rules no more. */
export function endRule(side: Side): void {
  side.ruling = undefined
  side.feed = undefined
  side.isHolding = false
}

export function handOver(
  world: World,
  index: number,
  { former, epoch }: Extract<Effect, { type: 'hand-over' }>,
): void {
  const side = sideOf(world, index)
  endRule(side)
  side.follow = { epoch, mayAcknowledge: true }
  side.awaited = undefined
  const { log, asked } = side
  push(world, index, { type: 'hand-over', former, epoch, frames: log.length, ask: asked })
}

/** What the rules of `side` are told when it reads a hand-over. */
export function handedOver(
  side: Side,
  incarnation: Incarnation,
  { former, epoch, frames, ask }: Extract<Packet, { type: 'hand-over' }>,
): Happening {
  side.askOfFormer = ask
  const isExact = side.follow?.epoch === former && side.log.length === frames
  const reigns = { former: epochOf(former), epoch: epochOf(epoch) }
  return { type: 'handed-over', incarnation, ...reigns, isExact }
}

export function succeed(
  world: World,
  index: number,
  { epoch, mirror }: Extract<Effect, { type: 'succeed' }>,
): void {
  const side = sideOf(world, index)
  const frames = side.log.length
  const basis = { to: mirror, ask: side.askOfFormer, epoch }
  side.feed = { ...basis, sent: frames, acked: frames, isNear: true, barrier: undefined }
  rule(world, side, epoch, 'acknowledged')
  if (side.link === mirror) push(world, index, { type: 'resume', epoch, frames })
}

/** Who has given its rule away does not miss it: it asks. A verdict comes before the other does. */
export function mayMissHandover({ state }: Side, twin: Side): boolean {
  return twin.life !== 'dead' || (state.role === 'standby' && state.handover !== undefined)
}
