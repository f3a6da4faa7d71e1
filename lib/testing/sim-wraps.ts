/**
 * What a simulation may put in the place of shipped parts: each wrap is given the part and returns
 * what stands in for it.
 *
 * So a test breaks one rule at a time without a line of it in shipped code. Types only.
 */

import type { step } from '../core/step.js'
import type { StorePort } from '../runtime/ports.js'
import type { ArbiterPort } from '../runtime/ports-arbiter.js'
import type { BeatsPort, MarksPort } from '../runtime/ports-beats.js'
import type { PeerLink } from '../runtime/ports-peer.js'
import type { RegionPort } from '../runtime/ports-region.js'
import type { ServerPort } from '../runtime/ports-server.js'
import type { BeatsPlaces } from '../unit/beats-places.js'
import type { MemberId } from '../units.js'
import type { ReferenceRegion } from './reference-region.js'
import type { SimBeat } from './sim-beat.js'
import type { SimMember } from './sim-member.js'

export interface SimWraps<State> {
  /** The rules. */
  readonly step?: (rules: typeof step) => typeof step
  /** What the runtime has the server do. */
  readonly server?: (server: ServerPort, member: SimMember<State>) => ServerPort
  /** One end of the data connection, as the server of `member` has it. */
  readonly link?: (link: PeerLink, member: MemberId) => PeerLink
  /** What the rules see of the beats. */
  readonly beats?: (beats: BeatsPort, member: SimMember<State>) => BeatsPort
  /** Where a member whose unit is a process of its own may send its beats from. */
  readonly places?: (places: BeatsPlaces) => BeatsPlaces
  /** Where it writes what it begins and has sent. */
  readonly marks?: (marks: MarksPort) => MarksPort
  /** One beat, as it leaves the host of `from`. */
  readonly beat?: (beat: SimBeat, from: MemberId) => SimBeat
  /** What the states of both members are compared by. */
  readonly digestOf?: (value: unknown) => bigint
  /** Where a shared state lies. */
  readonly region?: (region: ReferenceRegion) => RegionPort
  /** Where the runtime keeps the record. */
  readonly store?: (store: StorePort) => StorePort
  /** The arbiter, as one member reaches it. */
  readonly arbiter?: (arbiter: ArbiterPort) => ArbiterPort
  /** What is asked before each `deliver`. */
  readonly isGateOpen?: (isGateOpen: () => boolean) => () => boolean
}
