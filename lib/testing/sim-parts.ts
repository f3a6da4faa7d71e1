/**
 * What the shipped parts of a simulated member are opened with: the rules and the server.
 */

import type { CoreConfig } from '../core/state.js'
import type { UnitPort } from '../runtime/ports.js'
import type { BeatsPort } from '../runtime/ports-beats.js'
import type { RegionPort } from '../runtime/ports-region.js'
import type { ServerOptions } from '../runtime/ports-server.js'
import type { AnnouncedBlocks } from '../unit/announced-blocks.js'
import { type Incarnation, type MemberId, millis } from '../units.js'
import { openReferenceOutbox } from './reference-outbox.js'
import { openReferenceRegion } from './reference-region.js'
import type { SimOptions } from './sim-options.js'

/** Frames from one digest to the next: many digests in a short run. */
const usualDigestEvery = 50

/** What differs from member to member. */
type Own<App> = Pick<ServerOptions<App>, 'app' | 'clock' | 'marks' | 'loop' | 'isGateOpen'>

export function serverOptionsOf<App>(options: SimOptions<App>, own: Own<App>): ServerOptions<App> {
  const { limits, windowMs, ackTimeoutMs, inFlight, snapshot, deliverTimeoutMs, inDoubt } = options
  return {
    ...own,
    pair: 'simulated',
    limits,
    inFlight,
    deliverTimeoutMs,
    askReceiverTimeoutMs: deliverTimeoutMs,
    inDoubt,
    windowMs,
    ackTimeoutMs,
    digestEvery: options.digestEvery ?? usualDigestEvery,
    digestOf: options.wraps?.digestOf,
    outbox: openReferenceOutbox(limits.outboxBytes),
    snapshot,
    region: regionOf(options, own),
  }
}

/** What the server tells the beat thread of the event loop. */
export function loopOf(beats: BeatsPort, blocks: AnnouncedBlocks): ServerOptions<unknown>['loop'] {
  return {
    markFrame: (no) => beats.markFrame(no),
    announceBlock: (atMostMs) => blocks.announce(atMostMs),
  }
}

/** Where a shared state of the application lies. */
function regionOf<App>(
  { wraps }: SimOptions<App>,
  { app, clock }: Own<App>,
): RegionPort | undefined {
  if (app.state === undefined) return undefined
  const region = openReferenceRegion(app.state.bytes, clock)
  return wraps?.region?.(region) ?? region
}

export function coreConfigOf<App>(
  { windowMs, heartbeatMs, arbiter, onLoss, onSuspect, onStuckDeliver }: SimOptions<App>,
  { id, incarnation }: { readonly id: MemberId; readonly incarnation: Incarnation },
): CoreConfig {
  return {
    self: id,
    incarnation,
    settings: 1n,
    startWindow: millis(2 * windowMs),
    window: millis(windowMs),
    hasArbiter: arbiter !== undefined,
    headStart: millis(2 * heartbeatMs),
    onLoss,
    onSuspect,
    onStuckDeliver,
  }
}

/** The unit as the runtime has it, which is there before it. */
export function unitPortOf(unit: () => UnitPort): UnitPort {
  return {
    announce: (presence) => unit().announce(presence),
    openGate: () => unit().openGate(),
    closeGate: () => unit().closeGate(),
    arm: (epoch) => unit().arm(epoch),
    disarm: () => unit().disarm(),
    watch: (isAwaiting) => unit().watch(isAwaiting),
  }
}
