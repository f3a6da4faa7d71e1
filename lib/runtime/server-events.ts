/**
 * What a server reports, as events of the rules: the one place where the two vocabularies meet.
 */

import type { Happening } from '../core/event.js'
import type { Incarnation } from '../units.js'
import type { ServerEvents } from './ports-server.js'

/** Reports of the server that are for the rules; faults and takeovers are the host's to tell. */
export function eventsForRules(
  self: Incarnation,
  post: (happening: Happening) => void,
): Omit<ServerEvents, 'fault' | 'takeover' | 'skipped'> {
  return {
    loadAsked: (incarnation, highest) => post({ type: 'load-asked', incarnation, highest }),
    resumeAsked: (incarnation, epoch, history) =>
      post({ type: 'resume-asked', incarnation, epoch, history }),
    resumeRefused: (incarnation) => post({ type: 'resume-refused', incarnation }),
    loadInstalled: (epoch, history) => post({ type: 'load-installed', epoch, history }),
    loadFailed: () => post({ type: 'load-failed' }),
    near: (incarnation) => post({ type: 'near', incarnation }),
    covered: (incarnation) => post({ type: 'covered', incarnation }),
    toldInSync: (addressee, incarnation, epoch) => {
      if (addressee === self) post({ type: 'told-in-sync', incarnation, epoch })
    },
    outOfStep: (reason) => post({ type: 'out-of-step', reason }),
    ackTimeout: () => post({ type: 'ack-timeout' }),
    stuck: (hasDelivered) => post({ type: 'stuck', hasDelivered }),
    drained: () => post({ type: 'drained' }),
    handedOver: (incarnation, former, epoch, isExact) =>
      post({ type: 'handed-over', incarnation, former, epoch, isExact }),
  }
}
