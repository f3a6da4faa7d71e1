/**
 * The effects that are the server's to carry out, each by the method of its name.
 */

import type { InstantEffect } from '../core/effect.js'
import type { State } from '../core/state.js'
import { assertNever } from '../core/transition.js'
import type { Instant } from '../units.js'
import type { ServerPort } from './ports-server.js'

/** Effects that are the runtime's or the unit's. */
type NotServed =
  | 'announce'
  | 'set-timer'
  | 'clear-timer'
  | 'open-gate'
  | 'close-gate'
  | 'stop'
  | 'read-arbiter'
  | 'claim'
  | 'tell-role'
  | 'tell-mode'
  | 'tell-resync'
  | 'tell-switchover'

/** Has `server` do what `effect` says. `state`: as it was decided last. */
export function serve(
  server: ServerPort,
  effect: Exclude<InstantEffect, { type: NotServed }>,
  state: State,
  now: Instant,
): void {
  switch (effect.type) {
    case 'begin':
      return server.begin(effect.history, effect.epoch, effect.over)
    case 'take-over':
      return server.takeOver(effect.epoch, effect.verdict, now, effect.suspect)
    case 'halt':
      return server.halt(effect.frameNo)
    case 'go-solo':
      return server.goSolo(effect.epoch)
    case 'demote':
      return server.demote()
    case 'stop-intake':
      return server.stopIntake()
    case 'hold-intake':
      return server.handing.holdIntake()
    case 'release-intake':
      return server.handing.releaseIntake()
    case 'hand-over':
      return server.handing.handOver(effect.former, effect.epoch)
    case 'succeed':
      return server.handing.succeed(effect.epoch, effect.mirror)
    case 'ask-load':
    case 'drop-load':
    case 'ask-resume':
    case 'stop-acknowledging':
      return follow(server.following, effect.type, state)
    default:
      return feed(server.feeding, effect)
  }
}

function follow(
  following: ServerPort['following'],
  what: 'ask-load' | 'drop-load' | 'ask-resume' | 'stop-acknowledging',
  state: State,
): void {
  switch (what) {
    case 'ask-load':
      return following.askLoad(state.highest)
    case 'drop-load':
      return following.dropLoad()
    case 'stop-acknowledging':
      return following.stopAcknowledging()
    case 'ask-resume':
      if (state.role === 'standby') following.askResume(state.epoch, state.history)
  }
}

type FeedEffect = Extract<
  InstantEffect,
  {
    type:
      | 'send-load'
      | 'postpone-load'
      | 'resume-feed'
      | 'refuse-resume'
      | 'drop-feed'
      | 'hold'
      | 'release'
      | 'tell-in-sync'
  }
>

function feed(feeding: ServerPort['feeding'], effect: FeedEffect): void {
  switch (effect.type) {
    case 'send-load':
      return feeding.sendLoad(effect.to)
    case 'postpone-load':
      return feeding.postponeLoad()
    case 'resume-feed':
      return feeding.resumeFeed(effect.to)
    case 'refuse-resume':
      return feeding.refuseResume()
    case 'drop-feed':
      return feeding.dropFeed()
    case 'hold':
      return feeding.hold()
    case 'release':
      return feeding.release()
    case 'tell-in-sync':
      return feeding.tellInSync(effect.epoch)
    default:
      return assertNever(effect)
  }
}
