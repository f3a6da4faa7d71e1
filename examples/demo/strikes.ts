/**
 * How each fault strikes, and what must have happened before the victim may come back.
 *
 *   kill           SIGKILL of the primary; it is started again after a while
 *   restart        SIGKILL of the primary; it is started again at once, inside the window
 *   stop           SIGSTOP of the primary; SIGCONT after the other has taken over: a zombie
 *   block          the primary's event loop stands still for longer than `hangAfterMs`
 *   poison         a record in the stream that hangs whoever processes it
 *   switchover     the primary hands over, as planned
 *   kill-standby   SIGKILL of the standby; it is started again after a while
 *   stop-standby   SIGSTOP of the standby; SIGCONT after the primary has gone on alone
 *   block-standby  the standby's event loop stands still for longer than `hangAfterMs`
 *
 * With units as processes of their own, besides:
 *
 *   server-kill    SIGKILL of the primary's server; its unit lives on and serves the next one
 *   server-hang    the event loop of the primary stands still for longer than `hangAfterMs`
 *   unit-kill      SIGKILL of the primary's unit: no role may change
 *   both-kill      SIGKILL of the primary's server and its unit, as with its machine
 *
 * Nothing here touches the sink, and nothing but the poison touches the source.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.js'
import type { Members, Side } from './members.js'
import { poison } from './poison.js'
import type { Source } from './source.js'

export type FaultName =
  | 'kill'
  | 'restart'
  | 'stop'
  | 'block'
  | 'poison'
  | 'switchover'
  | 'kill-standby'
  | 'stop-standby'
  | 'block-standby'
  | 'server-kill'
  | 'server-hang'
  | 'unit-kill'
  | 'both-kill'

/** Whom a fault strikes, and in words what it is. */
export const kinds: Readonly<
  Record<FaultName, { readonly of: 'primary' | 'standby'; readonly words: string }>
> = {
  kill: { of: 'primary', words: 'SIGKILL of' },
  restart: { of: 'primary', words: 'SIGKILL of' },
  stop: { of: 'primary', words: 'SIGSTOP of' },
  block: { of: 'primary', words: 'the event loop stands still of' },
  poison: { of: 'primary', words: 'the stream brings a record that hangs' },
  switchover: { of: 'primary', words: 'a planned handing over by' },
  'kill-standby': { of: 'standby', words: 'SIGKILL of' },
  'stop-standby': { of: 'standby', words: 'SIGSTOP of' },
  'block-standby': { of: 'standby', words: 'the event loop stands still of' },
  'server-kill': { of: 'primary', words: 'SIGKILL of the server of' },
  'server-hang': { of: 'primary', words: 'the event loop stands still of the server of' },
  'unit-kill': { of: 'primary', words: 'SIGKILL of the unit of' },
  'both-kill': { of: 'primary', words: 'SIGKILL of server and unit of' },
}

const isFaultName = (name: string): name is FaultName => name in kinds
export const faultNames = Object.keys(kinds).filter(isFaultName)
/** Those that need units as processes of their own. */
const ofUnits: readonly FaultName[] = ['server-kill', 'server-hang', 'unit-kill', 'both-kill']

/** What there is to strike with. */
export function faultsFor(unit: 'embedded' | 'process'): readonly FaultName[] {
  return unit === 'process' ? faultNames : faultNames.filter((name) => !ofUnits.includes(name))
}

/** How often a switchover is asked for until the run is given up. */
const mostAsked = 5

/** What a fault has at hand. */
export interface Blow {
  readonly fault: Fault
  readonly victim: Side
  readonly survivor: Side
  /** The reign in which it strikes. */
  readonly epoch: number
  /** Milliseconds until the victim comes back, from when the other rules alone. */
  readonly returnMs: number
  readonly hangAfterMs: number
  readonly members: Members
  readonly source: Source
  readonly signal: AbortSignal
}

export const strikes: Readonly<Record<FaultName, (blow: Blow) => Promise<void>>> = {
  kill,
  restart,
  stop,
  block,
  poison: poisoned,
  switchover,
  'kill-standby': kill,
  'stop-standby': stop,
  'block-standby': block,
  'server-kill': kill,
  'server-hang': block,
  'unit-kill': killUnit,
  'both-kill': killBoth,
}

async function kill(blow: Blow): Promise<void> {
  await blow.members.kill(blow.victim, blow.signal)
  await survive(blow)
  await startAgain(blow)
}

async function restart(blow: Blow): Promise<void> {
  const { members, victim, signal } = blow
  await members.kill(victim, signal)
  members.open(victim)
  await survive(blow)
}

// Nothing may change but who sends the beats: the server at once, then a new unit.
async function killUnit({ members, victim, fault, epoch, signal }: Blow): Promise<void> {
  const former = victim.unitPid
  members.killUnit(victim)
  const isBack = () => victim.unitPid !== undefined && victim.unitPid !== former
  await members.until(isBack, `a new unit of member ${victim.member}`, signal)
  if (victim.epoch !== epoch || victim.role !== 'primary') fault.hasChangedRoles = true
}

async function killBoth(blow: Blow): Promise<void> {
  blow.members.killUnit(blow.victim)
  await kill(blow)
}

async function stop(blow: Blow): Promise<void> {
  const { victim, fault, returnMs, signal } = blow
  victim.child?.kill('SIGSTOP')
  await survive(blow)
  await sleep(returnMs, undefined, { signal })
  fault.wokenAt = performance.now()
  victim.child?.kill('SIGCONT')
}

// Long enough that the other must have noticed, also on a busy machine: three times the bound.
async function block(blow: Blow): Promise<void> {
  const { members, victim, hangAfterMs } = blow
  members.tell(victim, { type: 'block', milliseconds: 3 * hangAfterMs })
  await survive(blow)
}

// Whoever hangs for good is no use to anybody: as an operator would, main ends it.
async function poisoned(blow: Blow): Promise<void> {
  const { members, victim, source, signal } = blow
  source.insert(poison)
  await survive(blow)
  await members.kill(victim, signal)
  await startAgain(blow)
}

// A refusal leaves everything as it was: like an operator, main asks again. A member that hands
// over and then hears nothing cannot tell; where the other one rules, it was done.
async function switchover(blow: Blow): Promise<void> {
  const { members, victim, fault, signal } = blow
  for (let asked = 1; asked <= mostAsked && fault.tookMs === undefined; asked++) {
    await members.until(() => members.isPaired, 'paired before a switchover', signal)
    if (members.primary !== victim) fault.tookMs = performance.now() - fault.at
    if (members.primary !== victim) return
    members.tell(victim, { type: 'switchover' })
    const isAnswered = () => fault.tookMs !== undefined || fault.refusals === asked
    await members.until(isAnswered, 'a switchover answered', signal)
  }
  if (fault.tookMs === undefined) throw new Error(`${mostAsked} switchovers were refused in a row`)
  await survive(blow)
}

async function startAgain({ members, victim, returnMs, signal }: Blow): Promise<void> {
  await sleep(returnMs, undefined, { signal })
  await members.park(victim, signal)
  members.open(victim)
}

// A standby that gave its place up before the blow loads from a primary that does not answer.
function isMissed({ survivor }: Blow): boolean {
  return survivor.role === 'loading' || survivor.role === 'fenced'
}

// The other member must rule alone or, if the victim is back already, with it in a new reign.
async function survive(blow: Blow): Promise<void> {
  const { fault, victim, survivor, epoch, members, signal } = blow
  const rules = () =>
    survivor.role === 'primary' &&
    (survivor.mode === 'solo' || (survivor.mode !== undefined && survivor.epoch > epoch))
  const what = `member ${survivor.member} primary after ${fault.name} of ${victim.member}`
  await members.until(() => rules() || isMissed(blow), what, signal)
  fault.isMissed = !rules()
}
