/**
 * The public list of names of `hotpair`, and nothing else.
 */

export {
  ClosedError,
  ConfigError,
  type ErrorCode,
  errorCodes,
  InputError,
  isPairError,
  NativeError,
  PairError,
  PeerError,
} from './errors.js'
export type {
  FaultEvent,
  LinkEvent,
  Mode,
  ModeEvent,
  PairEvent,
  PairEvents,
  RefusedEvent,
  ResyncEvent,
  ResyncReason,
  Role,
  RoleCause,
  RoleEvent,
  SkippedEvent,
  SkippedFrame,
  SwitchoverEvent,
  SwitchoverOutcome,
  TakeoverEvent,
  Verdict,
  VerdictEvent,
} from './events.js'
export {
  type InputId,
  type Member,
  type Milestone,
  openMember,
  type RefusedCounts,
  type Status,
  type SwitchoverOptions,
  type SwitchoverResult,
} from './member.js'
export type {
  App,
  Frame,
  InDoubtPolicy,
  Limits,
  MemberOptions,
  Output,
  PlainApp,
  ProcessContext,
  SharedApp,
} from './options.js'
export type {
  BeatStatistics,
  Histogram,
  LinkStatistics,
  PathStatistics,
} from './runtime/ports-beats.js'
export type { ServerCounts } from './server/counts.js'
export type { Received } from './server/intake.js'
export type { SharedStatus } from './server/shared-status.js'
export type { BytesField, Field, ListField, NumberKind, Schema } from './state/schema.js'
export { type SharedState, type StateOf, sharedState } from './state/shared-state.js'
export type { MemberId } from './units.js'
