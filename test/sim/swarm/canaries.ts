/**
 * Known bugs, to be put in one at a time: each must be found by the checkers within a thousand
 * seeds, or the simulator is blind for its kind.
 *
 * A canary wraps a port, the rules or the application; not a line of it is in shipped code. Each
 * says in its comment what it breaks.
 */

import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'
import type { step } from '#lib/core/step.js'
import type { ServerPort } from '#lib/runtime/ports-server.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { State } from './app.js'
import { arbiterCanaries } from './arbiter-canaries.js'
import { early } from './early-notices.js'
import { over } from './over.js'
import { sharedCanaries } from './shared-canaries.js'
import type { Wraps } from './trial.js'
import { unitCanaries } from './unit-canaries.js'

type Rules = typeof step
type Found = ReturnType<Rules>

/** The rules with another answer to some events; undefined: theirs. */
function rules(change: (own: Rules, ...asked: Parameters<Rules>) => Found | undefined): Wraps {
  return {
    step:
      (own) =>
      (...asked) =>
        change(own, ...asked) ?? own(...asked),
  }
}

function server(
  change: (server: ServerPort, member: SimMember<State>) => Partial<ServerPort>,
): Wraps {
  return { server: (port, member) => over(port, change(port, member)) }
}

function both(first: Found, second: Found): Found {
  return { state: second.state, effects: [...first.effects, ...second.effects] }
}

/** A new one for each trial: some remember. */
export const canaries: Readonly<Record<string, () => Wraps>> = {
  ...sharedCanaries,

  ...unitCanaries,

  ...arbiterCanaries,

  /** A member whose gate has shut goes on sending. */
  'gate-not-checked': () => ({
    isGateOpen: () => () => true,
    ...server(() => ({ closeGate: () => {} })),
  }),

  /** Whoever has installed a load counts itself in sync. */
  'load-without-pairing': () =>
    rules((own, state, event, config) => {
      if (event.type !== 'load-installed') return undefined
      const first = own(state, event, config)
      if (first.state.role !== 'loading') return first
      const { primary: incarnation, epoch } = first.state
      const { now, wall, entropy } = event
      const told = { type: 'told-in-sync', incarnation, epoch, now, wall, entropy } as const
      return both(first, own(first.state, told, config))
    }),

  /** A standby that acknowledges too late, or hangs, is let go without having been asked. */
  'dropped-without-renouncing': () =>
    rules((own, state, event, config) => {
      const isLate = event.type === 'ack-timeout' || event.type === 'hung'
      if (
        !isLate ||
        state.role !== 'primary' ||
        state.mode !== 'paired' ||
        state.mirror === undefined
      )
        return undefined
      const { now, wall, entropy } = event
      const { mirror: incarnation } = state
      const found = { type: 'found', incarnation, verdict: 'unreachable' } as const
      return own(state, { ...found, now, wall, entropy }, config)
    }),

  /** A member that stood still believes what it knew before. */
  'in-sync-after-a-pause': () =>
    rules((_, state, event) => (event.type === 'stalled' ? { state, effects: [] } : undefined)),

  /** A reign that the beat thread has given up is gone on with. */
  'deaf-to-its-fence': () =>
    rules((_, state, event) => (event.type === 'fenced' ? { state, effects: [] } : undefined)),

  /** An output counts as sent when a socket took it. */
  'notice-when-the-socket-took-it': () => ({
    app: (app) => ({
      ...app,
      deliver: (output, context) => {
        Promise.resolve(app.deliver(output, context)).catch(() => {})
      },
    }),
  }),

  /** What has been delivered is now and then delivered once more, marked, by the same member. */
  'repeat-of-what-has-arrived': () => ({
    app: (app) => ({
      ...app,
      deliver: async (output, context) => {
        await app.deliver(output, context)
        if (output.number % 16 === 0) await app.deliver({ ...output, isRepeat: true }, context)
      },
    }),
  }),

  /** A standby takes news of its primary for its end. */
  'alarm-for-nothing': () =>
    rules((own, state, event, config) => {
      if (event.type !== 'heard' || state.role !== 'standby') return undefined
      if (event.now < 20_000) return undefined
      const { now, wall, entropy } = event
      const found = { type: 'found', incarnation: state.primary, verdict: 'unreachable' } as const
      return own(state, { ...found, now, wall, entropy }, config)
    }),

  /** The standby is told that an output was sent when it has been begun. */
  'notice-before-deliver-resolved': early,

  /** A blank member that hears one with a state begins a history. */
  'blank-over-state': () =>
    rules((own, state, event, config) => {
      if (event.type !== 'heard' || state.role !== 'starting') return undefined
      const { isBlank, role } = event.presence
      if (isBlank || role === 'primary') return undefined
      const { now, wall, entropy } = event
      const timer = { type: 'timer', name: 'start', now, wall, entropy } as const
      return own({ ...state, peer: undefined, record: undefined }, timer, config)
    }),

  /** A paired primary releases what nobody else holds. */
  'output-before-acknowledgement': () =>
    server(({ feeding }) => ({
      feeding: over(feeding, {
        hold: () => {
          feeding.hold()
          feeding.release()
        },
      }),
    })),

  /** A takeover forgets what was held and not yet processed. */
  'takeover-without-drain': () =>
    server((port, { server: { following } }) => ({
      takeOver: (...asked) => {
        following.dropLoad()
        port.takeOver(...asked)
      },
    })),

  /** The first number of a reign is that of the first reign. */
  'numbers-not-reset': () => ({
    app: (app) => ({
      ...app,
      deliver: (output, context) => app.deliver({ ...output, firstOfEpoch: 1 }, context),
    }),
  }),

  /** States are compared by the bytes that V8 writes for them, which differ for equal values. */
  'digest-over-serialized-bytes': () => ({
    digestOf: (value) => {
      try {
        return createHash('sha256').update(serialize(value)).digest().readBigUInt64LE(0)
      } catch {
        // A function in the state, put there on purpose: the canonical walk passes over it.
        return 0n
      }
    },
  }),

  /** Whoever gave its rule away takes it back when it hears nothing of it for a window. */
  'rollback-on-silence': () =>
    rules((own, state, event, config) => {
      const isDue = event.type === 'timer' && event.name === 'handover'
      if (!isDue || state.role !== 'standby' || state.handover === undefined) return undefined
      const { now, wall, entropy } = event
      const found = { type: 'found', incarnation: state.primary, verdict: 'unreachable' } as const
      return own(state, { ...found, now, wall, entropy }, config)
    }),

  /** Whoever is handed the rule sends what the other one does not hold. */
  'hand-over-into-solo': () =>
    server(({ feeding, handing }) => ({
      handing: over(handing, {
        succeed: (...asked) => {
          handing.succeed(...asked)
          feeding.release()
        },
      }),
    })),

  /** Inputs that a standby held back are forgotten when it takes over. */
  'hold-back-forgotten': () =>
    server((port, { server: { following } }) => ({
      takeOver: (...asked) => {
        following.drainHeld()
        port.takeOver(...asked)
      },
    })),
}
