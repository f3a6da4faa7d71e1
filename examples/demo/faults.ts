/**
 * The faults: what happens to the members while the stream goes on, and when.
 *
 * Each is drawn from the seed and strikes while the pair is paired, which is when it promises to
 * lose nothing; it is over when the pair is paired again. All wanted faults come before any comes
 * twice, but for the switchover, which comes twice: there and back. How each of them strikes
 * stands in `strikes.ts`.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Members } from './members.js'
import type { Random } from './random.js'
import type { Source } from './source.js'
import { type FaultName, kinds, strikes } from './strikes.js'

/** One fault that is over, or that the end of the run has caught. */
export interface Fault {
  readonly name: FaultName
  readonly member: 'a' | 'b'
  /** On the clock of `performance.now()`. */
  readonly at: number
  /** When the pair was paired again. */
  until: number
  /** On a starved machine: the pair fell apart before the blow, which struck a lone primary. */
  isMissed: boolean
  /** The death of a unit has cost the primary its rule, which it must not. */
  hasChangedRoles?: boolean
  /** When a member that was stopped has been woken. */
  wokenAt?: number
  /** Set when the other member has taken over. */
  takeover?: { readonly verdict: string; readonly inDoubt: number }
  /** How often a switchover was refused, with the primary still ruling. */
  refusals: number
  /** Set when a switchover has resolved: milliseconds by the one that handed over. */
  tookMs?: number
}

/** How the faults follow each other, in milliseconds; each drawn from least to most. */
export interface Pace {
  readonly beforeFault: readonly [number, number]
  /** Until what was struck comes back: is started again, or woken. */
  readonly beforeReturn: readonly [number, number]
}

/** Default: each fault once or twice in 40 s of stream. */
export const calm: Pace = { beforeFault: [200, 900], beforeReturn: [300, 1000] }
/** For a short run: some four faults in 7 s. */
export const brisk: Pace = { beforeFault: [100, 500], beforeReturn: [100, 400] }

export interface FaultPlan {
  readonly wanted: readonly FaultName[]
  readonly pace: Pace
  /** Milliseconds after which a loop that answers nothing counts as hung. */
  readonly hangAfterMs: number
  readonly random: Random
  readonly members: Members
  readonly source: Source
  /** Whether enough of the stream is left for another fault. */
  readonly mayGoOn: () => boolean
  readonly onFault: (fault: Fault) => void
  readonly onOver: (fault: Fault) => void
  readonly signal: AbortSignal
}

/** Strikes until the stream nears its end. */
export async function runFaults(plan: FaultPlan): Promise<void> {
  const { wanted, pace, random, members, signal } = plan
  let round: FaultName[] = []
  while (wanted.length > 0) {
    if (round.length === 0) round = random.shuffled(roundOf(wanted))
    const name = round.shift()
    const pause = random.between(...pace.beforeFault)
    await members.until(() => members.isPaired, 'paired', signal)
    await sleep(pause, undefined, { signal })
    if (name === undefined || !plan.mayGoOn()) return
    await strike(name, plan)
  }
}

function roundOf(wanted: readonly FaultName[]): FaultName[] {
  return wanted.flatMap((name) => (name === 'switchover' ? [name, name] : [name]))
}

/** Strikes once, and waits until the pair is paired again. */
export async function strike(
  name: FaultName,
  plan: Omit<FaultPlan, 'wanted' | 'mayGoOn'>,
): Promise<void> {
  const { members, signal, random, pace, source, hangAfterMs } = plan
  await members.until(() => members.isPaired, 'paired', signal)
  const returnMs = random.between(...pace.beforeReturn)
  const primary = members.primary
  if (primary === undefined) throw new Error(`no primary to strike; ${members.describe()}`)
  const victim = kinds[name].of === 'standby' ? members.other(primary) : primary
  const survivor = members.other(victim)
  // A restart is to be quicker than the window: its process is loaded before the blow.
  if (name === 'restart') await members.park(victim, signal)
  const at = performance.now()
  const fault: Fault = {
    name,
    member: victim.member,
    at,
    until: Infinity,
    refusals: 0,
    isMissed: false,
  }
  plan.onFault(fault)
  const epoch = primary.epoch
  await strikes[name]({
    fault,
    victim,
    survivor,
    epoch,
    returnMs,
    hangAfterMs,
    members,
    source,
    signal,
  })
  await members.until(() => members.isPaired, 'paired again', signal)
  fault.until = performance.now()
  plan.onOver(fault)
}
