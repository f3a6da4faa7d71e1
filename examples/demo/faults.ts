/**
 * The faults: what happens to the members while the stream goes on.
 *
 *   kill          SIGKILL of the primary; it is started again after a while
 *   restart       SIGKILL of the primary; it is started again at once, inside the window
 *   kill-standby  SIGKILL of the standby; it is started again after a while
 *
 * Each is drawn from the seed and strikes while the pair is paired, which is when it promises to
 * lose nothing; it is over when the pair is paired again. All wanted faults come before any comes
 * twice. Nothing here touches the source or the sink.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Members, Side } from './members.js'
import type { Random } from './random.js'

export const faultNames = ['kill', 'restart', 'kill-standby'] as const
export type FaultName = (typeof faultNames)[number]

/** One fault that is over, or that the end of the run has caught. */
export interface Fault {
  readonly name: FaultName
  readonly member: 'a' | 'b'
  /** On the clock of `performance.now()`. */
  readonly at: number
  /** When the pair was paired again. */
  until: number
  /** Set when the other member has taken over. */
  takeover: { readonly verdict: string; readonly inDoubt: number } | undefined
}

/** How the faults follow each other, in milliseconds; each drawn from least to most. */
export interface Pace {
  readonly beforeFault: readonly [number, number]
  readonly beforeStart: readonly [number, number]
}

/** Default: some 10 faults in 40 s of stream. */
export const calm: Pace = { beforeFault: [500, 2000], beforeStart: [500, 1500] }
/** For a short run: each fault once or twice in 7 s. */
export const brisk: Pace = { beforeFault: [100, 500], beforeStart: [100, 400] }

export interface FaultPlan {
  readonly wanted: readonly FaultName[]
  readonly pace: Pace
  readonly random: Random
  readonly members: Members
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
    if (round.length === 0) round = random.shuffled(wanted)
    const name = round.shift()
    const pause = random.between(...pace.beforeFault)
    await members.until(() => members.isPaired, 'paired', signal)
    await sleep(pause, undefined, { signal })
    if (name === undefined || !plan.mayGoOn()) return
    await strike(name, plan)
  }
}

async function strike(name: FaultName, plan: FaultPlan): Promise<void> {
  const { members, signal, random, pace } = plan
  await members.until(() => members.isPaired, 'paired', signal)
  const beforeStart = random.between(...pace.beforeStart)
  const primary = members.primary
  if (primary === undefined) throw new Error(`no primary to strike; ${members.describe()}`)
  const victim = name === 'kill-standby' ? members.other(primary) : primary
  // A restart is to be quicker than the window: its process is loaded before the blow.
  if (name === 'restart') await members.park(victim, signal)
  const at = performance.now()
  const fault: Fault = { name, member: victim.member, at, until: Infinity, takeover: undefined }
  plan.onFault(fault)
  await members.kill(victim, signal)
  if (name === 'restart') members.open(victim)
  await survive(name, victim, plan)
  if (name !== 'restart') {
    await sleep(beforeStart, undefined, { signal })
    await members.park(victim, signal)
    members.open(victim)
  }
  await members.until(() => members.isPaired, 'paired again', signal)
  fault.until = performance.now()
  plan.onOver(fault)
}

// The other member must rule, alone or, if the victim is back already, with it.
async function survive(name: FaultName, victim: Side, plan: FaultPlan): Promise<void> {
  const { members, signal } = plan
  const survivor = members.other(victim)
  const rules = () => survivor.role === 'primary' && survivor.mode !== undefined
  const what = `member ${survivor.member} primary after ${name} of ${victim.member}`
  await members.until(rules, what, signal)
}
