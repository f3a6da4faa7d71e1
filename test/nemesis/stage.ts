/**
 * One run's world: the pair as real processes, source and sink outside, a network between them
 * where there is one, and the checks that listen to all of it.
 *
 * The parts are those of the demo: its members, its source, its sink, its oracle. This file joins
 * them, notes what happens and says what no pair may do. It harms nobody.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemberId } from 'hotpair'
import type { Envelope, Verdict } from 'hotpair/receiver'
import type { Fault } from '../../examples/demo/faults.js'
import { type Happening, Members } from '../../examples/demo/members.js'
import type { MemberSettings } from '../../examples/demo/messages.js'
import { outputsOf } from '../../examples/demo/oracle.js'
import { poison } from '../../examples/demo/poison.js'
import { freePorts, onLoopback, type Place } from '../../examples/demo/ports.js'
import { flights, loadRecords } from '../../examples/demo/records.js'
import { grave } from '../../examples/demo/run.js'
import { Sink } from '../../examples/demo/sink.js'
import { Source } from '../../examples/demo/source.js'
import { type Print, Timeline } from '../../examples/demo/timeline.js'
import type { Namespaces } from '../process/netns/namespaces.js'
import { type ArbiterKind, RealArbiter } from './arbiters.js'
import { GateCheck } from './gate-check.js'
import { StreamCheck } from './stream-check.js'

export interface StageSettings {
  readonly seed: number
  /** Records a second. */
  readonly rate: number
  /** How long the stream lasts. */
  readonly seconds: number
  readonly unit: 'embedded' | 'process'
  /** Default: the pair's own. */
  readonly hangAfterMs?: number | undefined
  /** Where the members live; undefined: on loopback. */
  readonly network: Namespaces | undefined
  readonly arbiter?: 'none' | ArbiterKind
  readonly print: Print
}

/** What a member has told, and when it was heard, on the clock of `performance.now()`. */
export interface Told {
  readonly member: MemberId
  readonly at: number
  readonly happening: Happening
}

/**
 * The records are silent for 473 ms at 5,000 a second before output 533: no silence before so many
 * outputs says anything about the pair.
 */
const soundOutputs = 560
/** After the last expected output: time for one too many to arrive. */
const settleMs = 200
/** Until a wait is given up: for starting processes on a machine that has other work. */
const patienceMs = 40_000
/** Of the same kind of line, one is shown in so many milliseconds. */
const sameLineMs = 1_000
/** A pair counts as whole when nothing has changed for so long: a few beats. */
const calmMs = 300
/** What is remembered of what members tell. */
const mostTold = 20_000

export class Stage {
  readonly members: Members
  readonly source: Source
  readonly sink: Sink
  readonly stream: StreamCheck
  readonly gates = new GateCheck()
  readonly network: Namespaces | undefined
  /** Undefined: `arbiter: 'none'`. */
  readonly arbiter: RealArbiter | undefined
  readonly told: Told[] = []
  /** What must not be, beyond the stream; a sentence each. */
  readonly problems: string[] = []
  /** Aborted with the reason when going on makes no sense. */
  readonly failure = new AbortController()
  takeovers = 0
  /** The fault of a process that strikes at this moment: it waits to be told of a switchover. */
  fault: Fault | undefined
  /** Whether nobody promises one sender at this moment, and until the pair is whole again. */
  isSplit = false
  /** The longest time between two outputs, since the stream could be heard. */
  longestSilenceMs = 0
  #heardAt: number | undefined
  /** Who has found something about the other one that still stands. */
  readonly #doubted = new Set<MemberId>()
  #changedAt = 0
  /** When a line of a kind was shown last. */
  readonly #shownAt = new Map<string, number>()
  readonly #timeline: Timeline
  readonly #unitFolder: string | undefined

  private constructor(
    settings: StageSettings,
    places: Places,
    sink: Sink,
    arbiter: RealArbiter | undefined,
  ) {
    const { seed, rate, network, unit, hangAfterMs } = settings
    this.network = network
    this.arbiter = arbiter
    this.sink = sink
    this.#timeline = new Timeline(settings.print)
    this.#unitFolder = unit === 'process' ? mkdtempSync(join(tmpdir(), 'hp-nemesis-')) : undefined
    this.members = new Members({
      settings: this.#memberSettings(places, {
        secret: secretOf(seed),
        hangAfterMs,
        arbiter: arbiter?.option,
      }),
      launch: network?.launch,
      patienceMs,
      onHappening: (member, happening) => this.#onHappening(member, happening),
    })
    const doors = [places.intake.a, places.intake.b]
    const records = recordsOf(rate * settings.seconds)
    this.source = new Source({ name: `nemesis-${seed}`, records, rate, doors })
    this.stream = new StreamCheck(outputsOf(innocent(this.source.replay())))
  }

  static async open(settings: StageSettings): Promise<Stage> {
    let stage: Stage | undefined
    const sink = new Sink(
      (note) => stage?.onNote(note),
      (envelope, verdict) => stage?.onArrival(envelope, verdict),
    )
    const { network } = settings
    const sinkPort = await sink.listen(network?.world)
    const places = await (network === undefined ? onOneHost(sinkPort) : inside(network, sinkPort))
    const arbiter = await arbiterOf(settings, places)
    stage = new Stage(settings, places, sink, arbiter)
    return stage
  }

  tell(who: string, what: string): void {
    this.#timeline.tell(who, what)
  }

  /** Both members at the same moment, and when the pair is whole, the stream. */
  async start(signal: AbortSignal): Promise<void> {
    const { members } = this
    await Promise.all([members.park(members.a, signal), members.park(members.b, signal)])
    members.open(members.a)
    members.open(members.b)
    await members.until(() => members.isPaired, 'paired', signal)
    this.source.start()
  }

  /**
   * Until the pair is whole and stays so: who has just been found hung, or paired, may
   * be the only one that holds all, and is not to be struck. Ends early when `orElse` holds.
   */
  async untilWhole(wait: { orElse(): boolean; signal: AbortSignal }): Promise<void> {
    const { members } = this
    const { orElse, signal } = wait
    while (!orElse()) {
      if (!members.isPaired) {
        await sleep(calmMs, undefined, { signal })
        continue
      }
      const at = performance.now()
      await sleep(calmMs, undefined, { signal })
      const isCalm = this.#doubted.size === 0 && this.#changedAt < at
      if (isCalm && members.isPaired) return
    }
  }

  /** Until the records bring outputs often enough for a silence to mean something. */
  async untilSound(signal: AbortSignal): Promise<void> {
    while (this.stream.count < soundOutputs) await sleep(5, undefined, { signal })
    this.#heardAt = performance.now()
  }

  /** The silence up to the next output is the network's own: nobody could be heard. */
  excuseSilence(): void {
    this.#heardAt = undefined
  }

  /** All that was accepted has come out, and both members end as they are asked to. */
  async finish(signal: AbortSignal): Promise<void> {
    const { members, source, sink } = this
    await source.finished
    this.tell('main', 'every record is accepted')
    await this.#untilQuiet(signal)
    this.stream.finish()
    this.gates.judge(this.isSplit)
    const primary = members.primary ?? members.a
    await members.close(members.other(primary), signal)
    await members.close(primary, signal)
    const { newHistory, malformed, fork } = sink.counts
    if (newHistory > 0) this.problems.push('the pair began a new history')
    if (malformed > 0) this.problems.push(`${malformed} malformed envelopes arrived`)
    if (fork > 0 && !this.isSplit) this.problems.push(`the helper met ${fork} forks`)
  }

  /** Ends every process of this run at once. */
  close(): void {
    this.source.close()
    this.members.end()
    this.sink.close()
    void this.arbiter?.close()
    if (this.#unitFolder !== undefined) rmSync(this.#unitFolder, { recursive: true, force: true })
  }

  /** Happenings of one type since a moment of `performance.now()`. */
  since<Type extends Happening['type']>(at: number, type: Type): ToldOf<Type>[] {
    return this.told.filter(
      (told): told is ToldOf<Type> => told.at >= at && told.happening.type === type,
    )
  }

  /** For the sink alone: what it says of what arrives. */
  onNote(note: string): void {
    const [kind = ''] = note.split(':', 1)
    if (this.#isShown(kind)) this.tell('sink', note)
  }

  /** For the sink alone: everything that arrives, and what the helper makes of it. */
  onArrival(envelope: Envelope, verdict: Verdict): void {
    const isNew = verdict.type === 'new'
    this.gates.onArrival(envelope, isNew)
    if (!isNew) return
    this.stream.take(envelope.number, Buffer.from(envelope.data).toString('utf8'))
    const at = performance.now()
    if (this.stream.count <= soundOutputs) return
    this.longestSilenceMs = Math.max(this.longestSilenceMs, at - (this.#heardAt ?? at))
    this.#heardAt = at
  }

  // Every expected output has come, or nothing comes any more.
  async #untilQuiet(signal: AbortSignal): Promise<void> {
    let heard = -1
    while (heard !== this.stream.count) {
      heard = this.stream.count
      await sleep(5 * settleMs, undefined, { signal })
    }
  }

  #memberSettings(
    { members, intake, sink }: Places,
    own: Pick<MemberSettings, 'secret' | 'hangAfterMs' | 'arbiter'>,
  ): { a: MemberSettings; b: MemberSettings } {
    const undecided = { heartbeatMs: undefined, windowMs: undefined }
    const common = { ...undecided, ...own, members, sink, unitFolder: this.#unitFolder }
    return {
      a: { ...common, member: 'a', intake: intake.a },
      b: { ...common, member: 'b', intake: intake.b },
    }
  }

  // A primary whose outputs are refused says so of each of them, again and again.
  #isShown(kind: string): boolean {
    const at = performance.now()
    const isShown = at - (this.#shownAt.get(kind) ?? -Infinity) > sameLineMs
    if (isShown) this.#shownAt.set(kind, at)
    return isShown
  }

  #onHappening(member: MemberId, happening: Happening): void {
    const kind = happening.type === 'trouble' ? `${member} ${happening.code}` : undefined
    if (kind === undefined || this.#isShown(kind)) this.#timeline.happening(member, happening)
    const at = performance.now()
    this.told.push({ member, at, happening })
    if (happening.type === 'exit') this.#doubted.delete(member)
    if (happening.type === 'verdict') {
      // The dead are found once, and nobody is found alive in their place.
      const isOver = happening.verdict === 'alive' || happening.verdict === 'process-gone'
      if (isOver) this.#doubted.delete(member)
      else this.#doubted.add(member)
    }
    if (['role', 'mode', 'verdict'].includes(happening.type)) this.#changedAt = at
    if (this.told.length > mostTold) this.told.splice(0, mostTold / 2)
    const { fault } = this
    if (happening.type === 'switchover' && fault) fault.tookMs = happening.tookMs
    if (happening.type === 'switchover-refused' && fault) fault.refusals += 1
    if (happening.type === 'takeover') {
      this.takeovers++
      this.gates.onTakeover(happening.epoch, happening.inDoubt)
    }
    if (happening.type === 'trouble' && grave.includes(happening.code) && !this.isSplit) {
      this.problems.push(`member ${member}: ${happening.code} ${happening.message}`)
    }
    if (happening.type === 'exit' && !happening.isExpected) {
      this.failure.abort(new Error(`the process of member ${member} ended: ${happening.how}`))
    }
  }
}

type ToldOf<Type extends Happening['type']> = Told & {
  readonly happening: Extract<Happening, { type: Type }>
}

interface Places {
  readonly members: MemberSettings['members']
  readonly intake: { readonly a: Place; readonly b: Place }
  readonly sink: Place
}

function secretOf(seed: number): string {
  return `known to nobody else: ${seed}`
}

/** On its own host where there is a network, else on loopback behind the ports of member b. */
async function arbiterOf(
  { arbiter = 'none', network, seed }: StageSettings,
  { intake }: Places,
): Promise<RealArbiter | undefined> {
  if (arbiter === 'none') return undefined
  const where =
    network === undefined
      ? { host: '127.0.0.1', port: await freePorts(2, [intake.a.port - 2, intake.b.port - 2]) }
      : { host: network.arbiter, port: arbiterPort }
  const launch = network?.launch.c ?? []
  return RealArbiter.open({ kind: arbiter, pair: 'demo', secret: secretOf(seed), launch, ...where })
}

const arbiterPort = 7500

/** Beside the ports of the links, which are 7400 and 7401. */
const intakePort = 7410

async function inside(network: Namespaces, sinkPort: number): Promise<Places> {
  const door = (member: MemberId) => ({ host: network.hostOf(member), port: intakePort })
  const intake = { a: door('a'), b: door('b') }
  return { members: network.members, intake, sink: { host: network.world, port: sinkPort } }
}

async function onOneHost(sinkPort: number): Promise<Places> {
  const a = await freePorts(3, [])
  const b = await freePorts(3, [a])
  const members = { a: [`127.0.0.1:${a}`], b: [`127.0.0.1:${b}`] }
  const intake = { a: onLoopback(a + 2), b: onLoopback(b + 2) }
  return { members, intake, sink: onLoopback(sinkPort) }
}

// The flights again and again: the same strings, so that an hour of them needs little memory.
function recordsOf(count: number): string[] {
  const all = loadRecords(flights())
  return Array.from({ length: count }, (_, index) => all[index % all.length] ?? '')
}

// What is to be left out was never there.
function* innocent(records: Iterable<string>): Generator<string> {
  for (const record of records) if (record !== poison) yield record
}
