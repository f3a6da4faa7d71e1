/**
 * One run: the outside world, the two members, the faults, and at the end the verdict.
 *
 * Source and sink live here, in main's process; each member has its own. The run ends when every
 * record is accepted, every fault is over and every expected output has arrived, or with a sentence
 * that says what was missing. Whatever happens, no process of it stays behind.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, type Pace, runFaults } from './faults.js'
import { judge, type Notes, type RunResult, round, silenceOf } from './judge.js'
import { type Happening, Members } from './members.js'
import type { MemberSettings } from './messages.js'
import { freePorts, onLoopback } from './ports.js'
import { createRandom, type Random } from './random.js'
import { Sink } from './sink.js'
import { Source } from './source.js'
import { type FaultName, kinds } from './strikes.js'
import { type Print, Timeline } from './timeline.js'

export interface RunSettings {
  readonly records: readonly string[]
  /** What the oracle sends for these records; what is put in between is to be left out. */
  readonly expected: readonly string[]
  readonly rate: number
  readonly faults: readonly FaultName[]
  readonly pace: Pace
  readonly heartbeatMs: number | undefined
  readonly windowMs: number | undefined
  readonly hangAfterMs: number | undefined
  readonly unit?: 'embedded' | 'process'
  readonly seed: number
  /** The module that each member runs. Default: the demo's. */
  readonly program?: URL
  /** Milliseconds until a wait for a member is given up. */
  readonly patienceMs?: number
}

/** Beyond the time that the stream needs: starting, faults in progress, ending. */
const graceMs = 45_000
/**
 * A silence can only be heard once there is sound: the first fault waits for as many outputs. The
 * records themselves are silent for 473 ms before output 533, which no fault should be blamed for.
 */
const soundOutputs = 560
/** After the last expected output: time for one too many to arrive. */
const settleMs = 200
/** Part of the stream that no fault begins in, so that it is over with it. */
const quietEndMs = 1200

/** The pair's own default. */
const defaultHangAfterMs = 500
/** Errors after which a run is not perfect even if nobody outside has noticed. */
export const grave: readonly string[] = [
  'ERR_HOTPAIR_DIVERGED',
  'ERR_HOTPAIR_INVARIANT',
  'ERR_HOTPAIR_PROCESS_THREW',
  // A member that is asked for its next input has lost one that was accepted.
  'ERR_HOTPAIR_INPUT_GAP',
]

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
    if (world.unitFolder !== undefined) rmSync(world.unitFolder, { recursive: true, force: true })
  }
  return judge(world, settings.expected)
}

// Everything that one run has open, and what it has noted.
interface World extends Notes {
  readonly timeline: Timeline
  readonly random: Random
  readonly members: Members
  readonly faults: Fault[]
  readonly problems: string[]
  /** Aborted with the reason when going on makes no sense. */
  readonly failure: AbortController
  /** Of this run alone; gone with it. */
  readonly unitFolder: string | undefined
}

async function openWorld(settings: RunSettings, print: Print): Promise<World> {
  const { records, rate, seed, program, patienceMs } = settings
  const { heartbeatMs, windowMs, hangAfterMs } = settings
  const random = createRandom(seed)
  const timeline = new Timeline(print)
  const faults: Fault[] = []
  const unplanned: { at: number; verdict: string; inDoubt: number }[] = []
  const skipped = new Set<number>()
  const problems: string[] = []
  const failure = new AbortController()
  const sink = new Sink((note) => timeline.tell('sink', note))
  const place = onLoopback(await sink.listen())
  const a = await freePorts(3, [])
  const b = await freePorts(3, [a])
  // Even seeds have a secret: their members speak TLS, the others plain TCP.
  const secret = seed % 2 === 0 ? `no secret at all: ${seed}` : undefined
  const addresses = { a: [`127.0.0.1:${a}`], b: [`127.0.0.1:${b}`] }
  const unitFolder =
    settings.unit === 'process' ? mkdtempSync(join(tmpdir(), 'hp-demo-')) : undefined
  const clock = { heartbeatMs, windowMs, hangAfterMs }
  const common = { members: addresses, sink: place, secret, ...clock, unitFolder }
  const memberSettings = {
    a: { ...common, member: 'a', intake: onLoopback(a + 2) } satisfies MemberSettings,
    b: { ...common, member: 'b', intake: onLoopback(b + 2) } satisfies MemberSettings,
  }

  function onHappening(member: string, happening: Happening): void {
    timeline.happening(member, happening)
    if (happening.type === 'trouble' && grave.includes(happening.code)) {
      problems.push(`member ${member}: ${happening.code} ${happening.message}`)
    }
    if (happening.type === 'exit' && !happening.isExpected) {
      failure.abort(new Error(`the process of member ${member} ended: ${happening.how}`))
    }
    if (happening.type === 'skipped') skipped.add(happening.seq)
    const fault = faults.at(-1)
    if (happening.type === 'switchover' && fault?.name === 'switchover') {
      fault.tookMs = happening.tookMs
    }
    if (happening.type === 'switchover-refused' && fault) fault.refusals += 1
    if (happening.type !== 'takeover') return
    const { verdict } = happening
    const inDoubt = happening.inDoubt.length
    const isCalledFor = fault?.until === Infinity && callsForTakeover(fault.name)
    if (isCalledFor && fault.takeover === undefined) fault.takeover = { verdict, inDoubt }
    else unplanned.push({ at: performance.now(), verdict, inDoubt })
  }

  const members = new Members({ settings: memberSettings, onHappening, program, patienceMs })
  const doors = [memberSettings.a.intake, memberSettings.b.intake]
  const source = new Source({ name: `demo-${seed}`, records, rate, doors })
  const seconds = (records.length / rate).toFixed(1)
  timeline.tell('main', `${records.length} records in ${seconds} s, seed ${seed}`)
  timeline.tell('main', secret === undefined ? 'no secret: plain TCP' : 'a secret: TLS 1.3')
  const notes = { seed, source, sink, faults, unplanned, skipped, problems }
  return { ...notes, timeline, random, members, failure, unitFolder }
}

function callsForTakeover(name: FaultName): boolean {
  return kinds[name].of === 'primary' && name !== 'switchover' && name !== 'unit-kill'
}

async function live(world: World, settings: RunSettings, signal: AbortSignal): Promise<void> {
  const { timeline, members, source, sink, random, faults } = world
  const { faults: wanted, pace, hangAfterMs = defaultHangAfterMs } = settings
  await Promise.all([members.park(members.a, signal), members.park(members.b, signal)])
  members.open(members.a)
  members.open(members.b)
  source.start()
  timeline.tell('main', 'both members are opened at the same moment; the stream begins')
  await until(() => sink.handedOn.length >= soundOutputs || source.remainingMs === 0, signal)
  const mayGoOn = () => source.remainingMs > quietEndMs
  const onFault = (fault: Fault) => {
    faults.push(fault)
    timeline.tell('main', `FAULT ${fault.name}: ${kinds[fault.name].words} ${fault.member}`)
  }
  const onOver = (fault: Fault) => {
    const silenceMs = silenceOf(sink, fault, settings.expected.length)
    const tookMs = round(fault.until - fault.at)
    if (fault.isMissed) timeline.tell('main', 'the pair was not whole: this one does not count')
    timeline.tell('main', `paired again after ${tookMs} ms; the sink was silent ${silenceMs} ms`)
  }
  const parts = { random, members, source, mayGoOn, onFault, onOver, signal }
  const plan = { wanted, pace, hangAfterMs, ...parts }
  await Promise.all([aborted(signal, source.finished), runFaults(plan)])
  timeline.tell('main', 'every record is accepted')
  await until(() => sink.handedOn.length >= settings.expected.length, signal)
  await sleep(settleMs, undefined, { signal })
  const primary = members.primary ?? members.a
  await members.close(members.other(primary), signal)
  await members.close(primary, signal)
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
