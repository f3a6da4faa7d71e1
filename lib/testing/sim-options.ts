/**
 * What one simulated pair is like: times, sizes and shares, where its parts differ from the shipped
 * ones, and whom it tells. Types only.
 */

import type { PairError } from '../errors.js'
import type { App as Application, Limits } from '../options.js'
import type { Told } from '../runtime/ports.js'
import type { ArbiterPort } from '../runtime/ports-arbiter.js'
import type { SnapshotPort } from '../runtime/ports-outbox.js'
import type { ServerOptions, TakeoverReport } from '../runtime/ports-server.js'
import type { MemberId, Millis } from '../units.js'
import type { SimDisk } from './sim-disk.js'
import type { SimUnitOptions } from './sim-host.js'
import type { SimMember } from './sim-member.js'
import type { Drift } from './sim-time.js'
import type { SimWraps } from './sim-wraps.js'
import type { VirtualClock } from './virtual-clock.js'

/** What one pair of a simulation is like. */
export interface SimOptions<State> {
  readonly clock: VirtualClock
  /** 0 ≤ number < 1; the only randomness of a run. */
  readonly random: () => number
  readonly app: (member: SimMember<State>) => Application<State>
  readonly limits: Limits
  readonly snapshot: SnapshotPort
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly hangAfterMs: number
  readonly ackTimeoutMs: number
  readonly deliverTimeoutMs: number
  readonly inFlight: number
  readonly onLoss: 'wait' | 'go'
  /** Frames from one digest of the state to the next. Default 50: many in a short run. */
  readonly digestEvery?: number
  readonly onSuspect: 'retry' | 'skip' | 'halt'
  readonly onStuckDeliver: 'retry' | 'switch'
  readonly inDoubt: ServerOptions<State>['inDoubt']
  /** One way on the data connection, and for a beat: drawn anew each time. */
  readonly linkDelay: () => Millis
  readonly beatDelay: () => Millis
  /** See `SimNetOptions`. */
  readonly beatLoss: number
  readonly beatDuplicates: number
  readonly mostBeatsLostInRow: number
  /** How the clocks of the two hosts run. */
  readonly drift: Readonly<Record<MemberId, Drift>>
  /** See `SimLinkOptions`. */
  readonly pieceMs: number
  readonly highWaterPieces: number
  /** From a death, seen from the other side, to the verdict `process-gone`. */
  readonly detectMs: number
  /** Members whose unit is a process of its own, and what that is like. Default: none. */
  readonly units?: Readonly<Partial<Record<MemberId, SimUnitOptions>>>
  /** Where the members keep their records. Default: in memory. */
  readonly disks?: Readonly<Record<MemberId, SimDisk>>
  /** The arbiter, as the member `id` reaches it. Default: none. */
  readonly arbiter?: (id: MemberId) => ArbiterPort
  /** Something else in the place of shipped parts. */
  readonly wraps?: SimWraps<State>
  readonly onFault?: (member: SimMember<State>, error: PairError) => void
  readonly onTakeover?: (member: SimMember<State>, report: TakeoverReport) => void
  /** The event loop stands for `ms` inside a call: it joins a unit that takes its time. */
  readonly onHold?: (member: SimMember<State>, ms: number) => void
  /** The unit of `id` has killed its server, which hung while the other member ruled. */
  readonly onKilled?: (id: MemberId) => void
  readonly onEvent?: (member: SimMember<State>, event: Told) => void
}
