/**
 * One run: the outside world, the two members, the faults, and at the end the verdict.
 *
 * Source and sink live here, in main's process; each member has its own. The run ends when every
 * record is accepted, every fault is over and every expected output has arrived, or with a sentence
 * that says what was missing. Whatever happens, no process of it stays behind.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, type FaultName, type Pace, runFaults } from './faults.js'
import { type Happening, Members } from './members.js'
import type { MemberSettings } from './messages.js'
import { freePorts } from './ports.js'
import { createRandom, type Random } from './random.js'
import { Sink, type SinkCounts } from './sink.js'
import { Source } from './source.js'
import { type Print, Timeline } from './timeline.js'
import { type Comparison, compare } from './verdict.js'

export interface RunSettings {
  readonly records: readonly string[]
  /** What the oracle sends for these records. */
  readonly expected: readonly string[]
  readonly rate: number
  readonly faults: readonly FaultName[]
  readonly pace: Pace
  readonly heartbeatMs: number | undefined
  readonly windowMs: number | undefined
  readonly seed: number
  /** The module that each member runs. Default: the demo's. */
  readonly program?: URL
  /** Milliseconds until a wait for a member is given up. */
  readonly patienceMs?: number
}

/** A takeover; `cause` is `none` where no fault called for it. */
export interface TakeoverResult {
  readonly cause: FaultName | 'none'
  readonly verdict: string
  readonly inDoubt: number
  readonly silenceMs: number
}

export interface RunResult extends Comparison {
  readonly seed: number
  readonly frames: number
  readonly outputs: number
  readonly takeovers: readonly TakeoverResult[]
  readonly standbyFaults: readonly { readonly fault: FaultName; readonly silenceMs: number }[]
  readonly counts: SinkCounts
  /** Why the run is not perfect, beyond the comparison; a sentence each. */
  readonly problems: readonly string[]
  readonly isPerfect: boolean
}

/** Beyond the time that the stream needs: starting, faults in progress, ending. */
const graceMs = 45_000
/** A silence can only be heard once there is sound: the first fault waits for as many outputs. */
const soundOutputs = 200
/** After the last expected output: time for one too many to arrive. */
const settleMs = 200
/** Part of the stream that no fault begins in, so that it is over with it. */
const quietEndMs = 1200

/** Errors after which a run is not perfect even if nobody outside has noticed. */
const grave = ['ERR_HOTPAIR_DIVERGED', 'ERR_HOTPAIR_INVARIANT', 'ERR_HOTPAIR_PROCESS_THREW']

/** Runs once; rejects only when `signal` aborts. */
export async function run(
  settings: RunSettings,
  print: Print,
  signal: AbortSignal,
): Promise<RunResult> {
  const world = await openWorld(settings, print)
  const totalMs = (settings.records.length / settings.rate) * 1000 + graceMs
  const deadline = AbortSignal.timeout(totalMs)
  try {
    await live(world, settings, AbortSignal.any([signal, deadline, world.failure.signal]))
  } catch (error) {
    signal.throwIfAborted()
    const reason = world.failure.signal.aborted ? world.failure.signal.reason : error
    world.problems.push(deadline.aborted ? missing(world, settings, totalMs) : messageOf(reason))
  } finally {
    world.source.close()
    world.members.end()
    world.sink.close()
  }
  return judge(world, settings)
}

// Everything that one run has open, and what it has noted.
interface World {
  readonly timeline: Timeline
  readonly random: Random
  readonly source: Source
  readonly sink: Sink
  readonly members: Members
  readonly faults: Fault[]
  readonly unplanned: { readonly at: number; readonly verdict: string; readonly inDoubt: number }[]
  readonly problems: string[]
  /** Aborted with the reason when going on makes no sense. */
  readonly failure: AbortController
}

async function openWorld(settings: RunSettings, print: Print): Promise<World> {
  const { records, rate, seed, heartbeatMs, windowMs, program, patienceMs } = settings
  const random = createRandom(seed)
  const timeline = new Timeline(print)
  const faults: Fault[] = []
  const unplanned: World['unplanned'] = []
  const problems: string[] = []
  const failure = new AbortController()
  const sink = new Sink((note) => timeline.tell('sink', note))
  const sinkPort = await sink.listen()
  const a = await freePorts(3, [])
  const b = await freePorts(3, [a])
  // Even seeds have a secret: their members speak TLS, the others plain TCP.
  const secret = seed % 2 === 0 ? `no secret at all: ${seed}` : undefined
  const control = { a, b }
  const common = { control, sinkPort, secret, heartbeatMs, windowMs }
  const memberSettings = {
    a: { ...common, member: 'a', intakePort: a + 2 } satisfies MemberSettings,
    b: { ...common, member: 'b', intakePort: b + 2 } satisfies MemberSettings,
  }

  function onHappening(member: string, happening: Happening): void {
    timeline.happening(member, happening)
    if (happening.type === 'trouble' && grave.includes(happening.code)) {
      problems.push(`member ${member}: ${happening.code} ${happening.message}`)
    }
    if (happening.type === 'exit' && !happening.isExpected) {
      failure.abort(new Error(`the process of member ${member} ended: ${happening.how}`))
    }
    if (happening.type !== 'takeover') return
    const { verdict, inDoubt } = happening
    const fault = faults.at(-1)
    const isPlanned = fault?.until === Infinity && fault.name !== 'kill-standby'
    if (isPlanned && fault.takeover === undefined) fault.takeover = { verdict, inDoubt }
    else unplanned.push({ at: performance.now(), verdict, inDoubt })
  }

  const members = new Members({ settings: memberSettings, onHappening, program, patienceMs })
  const source = new Source({ name: `demo-${seed}`, records, rate, ports: [a + 2, b + 2] })
  const seconds = (records.length / rate).toFixed(1)
  timeline.tell('main', `${records.length} records in ${seconds} s, seed ${seed}`)
  timeline.tell('main', secret === undefined ? 'no secret: plain TCP' : 'a secret: TLS 1.3')
  return { timeline, random, source, sink, members, faults, unplanned, problems, failure }
}

async function live(world: World, settings: RunSettings, signal: AbortSignal): Promise<void> {
  const { timeline, members, source, sink, random, faults } = world
  const { faults: wanted, pace, records, rate } = settings
  await Promise.all([members.park(members.a, signal), members.park(members.b, signal)])
  members.open(members.a)
  members.open(members.b)
  source.start()
  timeline.tell('main', 'both members are opened at the same moment; the stream begins')
  const remainingMs = () => ((records.length - source.accepted) / rate) * 1000
  await until(() => sink.handedOn.length >= soundOutputs || remainingMs() === 0, signal)
  const mayGoOn = () => remainingMs() > quietEndMs
  const onFault = (fault: Fault) => {
    faults.push(fault)
    timeline.tell('main', `FAULT ${fault.name}: SIGKILL of ${fault.member}`)
  }
  const onOver = ({ at, until }: Fault) => {
    const silenceMs = round(sink.silence(at, until))
    const tookMs = round(until - at)
    timeline.tell('main', `paired again after ${tookMs} ms; the sink was silent ${silenceMs} ms`)
  }
  const plan = { wanted, pace, random, members, mayGoOn, onFault, onOver, signal }
  await Promise.all([aborted(signal, source.finished), runFaults(plan)])
  timeline.tell('main', 'every record is accepted')
  await until(() => sink.handedOn.length >= settings.expected.length, signal)
  await sleep(settleMs, undefined, { signal })
  const primary = members.primary ?? members.a
  await members.close(members.other(primary), signal)
  await members.close(primary, signal)
}

function judge(world: World, settings: RunSettings): RunResult {
  const { sink, source, faults, problems, unplanned } = world
  const now = performance.now()
  const silenceOf = ({ at, until }: Fault) => round(sink.silence(at, Math.min(until, now)))
  const takeovers: TakeoverResult[] = []
  const standbyFaults: { fault: FaultName; silenceMs: number }[] = []
  for (const fault of faults) {
    const silenceMs = silenceOf(fault)
    if (fault.name === 'kill-standby') standbyFaults.push({ fault: fault.name, silenceMs })
    else if (fault.takeover) takeovers.push({ cause: fault.name, ...fault.takeover, silenceMs })
    else problems.push(`member ${fault.member} had ${fault.name}, and nobody took over`)
  }
  for (const { at, verdict, inDoubt } of unplanned) {
    const silenceMs = round(sink.silence(at - 1000, at + 1000))
    takeovers.push({ cause: 'none', verdict, inDoubt, silenceMs })
  }
  const { counts } = sink
  if (counts.fork > 0) problems.push(`the receiver's helper met ${counts.fork} forks`)
  if (counts.newHistory > 0) problems.push('the pair began a new history')
  if (counts.malformed > 0) problems.push(`${counts.malformed} malformed envelopes arrived`)
  const comparison = compare(sink.handedOn, settings.expected)
  const { lost, duplicated, reordered, identical } = comparison
  const isPerfect = identical && lost + duplicated + reordered + problems.length === 0
  const { seed } = settings
  const [frames, outputs] = [source.accepted, sink.handedOn.length]
  const result = { seed, frames, outputs, ...comparison, takeovers, standbyFaults, counts }
  return { ...result, problems, isPerfect }
}

function missing({ source, sink, members }: World, settings: RunSettings, ms: number): string {
  const { records, expected } = settings
  return (
    `the run did not end within ${Math.round(ms / 1000)} s: ` +
    `${source.accepted} of ${records.length} records accepted, ` +
    `${sink.handedOn.length} of ${expected.length} outputs handed on; ${members.describe()}`
  )
}

async function until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
  while (!isSo()) await sleep(5, undefined, { signal })
}

// The promise, or a rejection as soon as the signal aborts.
function aborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
