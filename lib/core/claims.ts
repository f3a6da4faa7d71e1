/**
 * The right by arbiter: its record is changed by compare-and-swap of the whole, by a member that is
 * in sync by it (docs/PROTOCOL.md#21).
 *
 * One claim at a time, followed to its end: until the arbiter has answered it may come true. What
 * may be claimed is decided from the record that was read last; where another one is found, the
 * claim is refused and the question is decided anew.
 */

import { type Epoch, epochOf, type Millis, millis } from '../units.js'
import type { Transition } from './effect.js'
import type { Moment } from './event.js'
import type {
  ArbiterRecord,
  Claim,
  ClaimPurpose,
  CoreConfig,
  PairRecord,
  PeerView,
  PrimaryState,
  State,
} from './state.js'

/** What is claimed at once. */
export const noDelay: Millis = millis(0)

/** Asks the arbiter to keep `record` in the place of what it keeps. */
export function claim<Of extends State>(
  state: Of,
  purpose: ClaimPurpose,
  record: PairRecord,
  moment: Moment,
  delay: Millis = noDelay,
): Transition<Of> {
  const { kept } = state
  if (state.claim !== undefined || kept === undefined || kept === 'lost')
    return { state, effects: [] }
  const next: ArbiterRecord = { ...record, claim: BigInt.asUintN(128, moment.entropy) }
  const highest = epochOf(Math.max(state.highest, record.epoch))
  const expected = keptRecord(state)
  return {
    state: { ...state, claim: { purpose, record: next, expected }, highest },
    effects: [{ type: 'claim', expected, next, delay }],
  }
}

/** Reads the arbiter where that was not done yet; what is wanted is decided when it is known. */
export function readFirst<Of extends State>(state: Of): Transition<Of> {
  return state.kept === undefined
    ? { state, effects: [{ type: 'read-arbiter' }] }
    : { state, effects: [] }
}

/** The record that the arbiter keeps, if it was read and there is one. */
export function keptRecord({ kept }: State): ArbiterRecord | undefined {
  return typeof kept === 'object' ? kept : undefined
}

/**
 * Whether this member may change the record: it is in sync by it, or only the other one is and has
 * renounced it, which gave this one the rule.
 */
export function mayClaim(state: State, config: CoreConfig): boolean {
  const kept = keptRecord(state)
  if (kept === undefined || state.claim !== undefined) return false
  if (!('history' in state) || state.history !== kept.history) return false
  return isSole(state) || isNamed(kept, config) || isRenounced(kept, state.peer)
}

/** Others went on without this member, by the arbiter: what it holds is not all any more. */
export function isSuperseded(state: State, config: CoreConfig): boolean {
  const kept = keptRecord(state)
  if (kept === undefined || !('epoch' in state) || kept.epoch <= state.epoch) return false
  if (isSole(state) && state.history === kept.history) return false
  return !isNamed(kept, config) && !isRenounced(kept, state.peer)
}

/**
 * Rules, and nobody else has been in sync since it began to rule alone. A record of its history
 * that names only the other member was claimed before that one gave its place up, and granted too
 * late: whoever has given up uses no grant, and is in sync again by this member alone.
 */
function isSole(state: State): state is PrimaryState {
  return state.role === 'primary' && state.mode !== 'paired'
}

/** The arbiter keeps a reign above the own one that nobody rules. */
export function isOutranked(state: PrimaryState): boolean {
  return isSole(state) && (keptRecord(state)?.epoch ?? 0) > state.epoch
}

function isNamed({ inSync }: PairRecord, { self, incarnation }: CoreConfig): boolean {
  return inSync.some((holder) => holder.member === self && holder.incarnation === incarnation)
}

/**
 * The other one, alone in the record, has given that reign up, as whoever is granted what it cannot
 * use any more does.
 */
function isRenounced({ inSync, epoch }: PairRecord, peer: PeerView | undefined): boolean {
  if (peer === undefined || peer.presence.renounced < epoch) return false
  return inSync.every((holder) => holder.incarnation === peer.incarnation)
}

/** Whether it gives its member a reign of its own. */
export function isForReign({ type }: ClaimPurpose): boolean {
  return type === 'begin' || type === 'take-over' || type === 'go-solo'
}

/** The reign that a pending claim may yet give; 0: none. */
export function claimedReign({ claim: pending }: State): Epoch {
  return pending && isForReign(pending.purpose) ? pending.record.epoch : epochOf(0)
}

/**
 * What is known of the arbiter after it has been read. A read may be older than an answer that came
 * before it; nothing goes back.
 */
export function noteKept<Of extends State>(state: Of, kept: ArbiterRecord | undefined): Of {
  const known = keptRecord(state)
  if (state.kept === 'lost') return state
  if (kept === undefined) return known ? state : { ...state, kept: 'nothing' }
  if (known !== undefined && isOlder(kept, known)) return state
  return { ...state, kept, highest: epochOf(Math.max(state.highest, kept.epoch)) }
}

/**
 * What is known after a refusal. An arbiter that keeps less than it did when the claim was made has
 * lost what was entrusted to it; what came while the answer was on its way may be newer than that.
 */
export function noteFound<Of extends State>(
  state: Of,
  { expected }: Claim,
  found: ArbiterRecord | undefined,
): Of {
  const isLess = expected !== undefined && (found === undefined || isOlder(found, expected))
  return isLess ? { ...state, kept: 'lost' } : noteKept(state, found)
}

/** Within a reign somebody may come into the record, and nobody is left out. */
function isOlder(one: PairRecord, other: PairRecord): boolean {
  if (one.epoch !== other.epoch) return one.epoch < other.epoch
  return one.inSync.length < other.inSync.length
}
