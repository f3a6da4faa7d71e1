/**
 * One run of the nemesis: faults in an order drawn from the seed, one after the other, each on a
 * pair that is whole, and what came of it.
 *
 * Faults of processes are the demo's, struck at times in bad weather that must not matter; storms
 * are those of the network. After each the pair must be whole again. Everything that no pair may do
 * becomes a violation: a sentence.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { brisk, type Fault, strike } from '../../examples/demo/faults.js'
import { createRandom, type Random } from '../../examples/demo/random.js'
import { type FaultName, faultsFor, kinds } from '../../examples/demo/strikes.js'
import type { Print } from '../../examples/demo/timeline.js'
import { links, Namespaces, type Weather } from '../process/netns/namespaces.js'
import type { ArbiterKind } from './arbiters.js'
import { type Passage, passThrough } from './passage.js'
import { Stage } from './stage.js'
import { isStormName, needsArbiter, type StormName, stormNames, storms } from './storms.js'

export type NemesisFault = FaultName | StormName

export interface NemesisSettings {
  readonly minutes: number
  readonly seed: number
  readonly unit: 'embedded' | 'process'
  /** Records a second. */
  readonly rate: number
  /** Of the members; undefined: the pair's own default. */
  readonly hangAfterMs: number | undefined
  /** Whether the members live in namespaces of their own, with a network that can be harmed. */
  readonly hasNetwork: boolean
  readonly arbiter: 'none' | ArbiterKind
  readonly faults: readonly NemesisFault[]
}

/** An interval in which a member could not hear the other on any link. */
export interface Split {
  readonly storm: StormName
  /** Seconds since the stream began. */
  readonly atS: number
  readonly ms: number
  /** Whether both have ruled. */
  readonly bothRuled: boolean
}

/** One fault that is over. */
export interface Blow {
  readonly name: NemesisFault
  readonly silenceMs: number
  /** From its beginning until the pair was whole again. */
  readonly tookMs: number
}

export interface Outcome {
  readonly blows: readonly Blow[]
  readonly takeovers: number
  readonly outputs: number
  readonly lost: number
  readonly duplicated: number
  readonly twoOpenGates: number
  readonly longestSilenceMs: number
  readonly splits: readonly Split[]
  /** Storms on a full machine: by these only the stream is judged. */
  readonly unjudged: number
  readonly violations: readonly string[]
}

/** All there is to strike with. */
export function nemesisFaults(
  unit: 'embedded' | 'process',
  hasNetwork: boolean,
  arbiter: 'none' | ArbiterKind,
): readonly NemesisFault[] {
  if (!hasNetwork) return faultsFor(unit)
  const isFelt = (name: StormName) => arbiter !== 'none' || !needsArbiter(name)
  return [...faultsFor(unit), ...stormNames.filter(isFelt)]
}

/** Part of the stream in which no fault begins, so that it is over with it. */
const quietEndMs = 4_000
/** Beyond the time of the stream: starting, a fault in progress, ending. */
const graceMs = 60_000
/** How long a storm blows. */
const stormMs = [700, 3_000] as const
/** The pair's own default. */
const defaultHangAfterMs = 500
/** A fault of a process strikes in such weather one time in three: it must not matter. */
const drizzle: readonly Weather[] = [
  { double: 0.2 },
  { late: 0.1 },
  { delayMs: 5, jitterMs: 10 },
  { loss: 0.02 },
]

/** Runs once; rejects only when `signal` aborts. */
export async function runNemesis(
  settings: NemesisSettings,
  print: Print,
  signal: AbortSignal,
): Promise<Outcome> {
  const { seed, minutes } = settings
  const hasArbiter = settings.arbiter !== 'none'
  const network = settings.hasNetwork ? await Namespaces.open(seed, hasArbiter) : undefined
  const stage = await Stage.open({ ...settings, seconds: minutes * 60, network, print })
  const nemesis = new Nemesis(stage, settings)
  const deadline = AbortSignal.timeout(minutes * 60_000 + graceMs)
  const ends = AbortSignal.any([signal, deadline, stage.failure.signal])
  try {
    await stage.start(ends)
    await stage.untilSound(ends)
    await nemesis.strikeAll(ends)
    await stage.finish(ends)
  } catch (error) {
    signal.throwIfAborted()
    const reason = ends.aborted ? ends.reason : error
    nemesis.violations.push(`the run did not end: ${wordsOf(reason)}; ${nemesis.describe()}`)
  } finally {
    stage.close()
    network?.close()
  }
  return nemesis.outcome()
}

class Nemesis {
  readonly violations: string[] = []
  readonly #blows: Blow[] = []
  readonly #splits: Split[] = []
  #unjudged = 0
  readonly #stage: Stage
  readonly #settings: NemesisSettings
  readonly #random: Random
  readonly #beganAt = performance.now()

  constructor(stage: Stage, settings: NemesisSettings) {
    this.#stage = stage
    this.#settings = settings
    this.#random = createRandom(settings.seed)
  }

  /** Until the stream nears its end; what has begun by then is over when it resolves. */
  async strikeAll(signal: AbortSignal): Promise<void> {
    const { source } = this.#stage
    // A pair that is not whole before the end is not struck any more.
    const isOver = () => source.remainingMs < quietEndMs
    let round: NemesisFault[] = []
    while (this.#settings.faults.length > 0) {
      if (round.length === 0) round = this.#random.shuffled(this.#settings.faults)
      const name = round.shift()
      const pauseMs = this.#random.between(200, 900)
      await sleep(pauseMs, undefined, { signal })
      await this.#stage.untilWhole({ orElse: isOver, signal })
      if (name === undefined || isOver()) return
      await (isStormName(name) ? this.#blow(name, signal) : this.#strike(name, signal))
      this.#stage.sink.forget()
    }
  }

  describe(): string {
    const { members, source, stream } = this.#stage
    return `${source.accepted} records accepted, ${stream.count} outputs; ${members.describe()}`
  }

  outcome(): Outcome {
    const { stream, gates, problems, takeovers, longestSilenceMs } = this.#stage
    const flaws = stream.flaws.map(({ kind, number }) => `output ${number}: ${kind}`)
    return {
      blows: this.#blows,
      takeovers,
      outputs: stream.count,
      lost: stream.countOf('lost'),
      duplicated: stream.countOf('duplicated'),
      twoOpenGates: gates.offences.length,
      longestSilenceMs: Math.round(longestSilenceMs),
      splits: this.#splits,
      unjudged: this.#unjudged,
      violations: [...this.violations, ...problems, ...gates.offences, ...flaws],
    }
  }

  async #strike(name: FaultName, signal: AbortSignal): Promise<void> {
    const stage = this.#stage
    const { members, source, network } = stage
    const random = this.#random
    const { hangAfterMs = defaultHangAfterMs } = this.#settings
    const weather = random.next() < 1 / 3 ? random.shuffled(drizzle)[0] : undefined
    await network?.set(links, 'both', weather ?? {})
    const inWords = weather === undefined ? '' : ` in weather ${JSON.stringify(weather)}`
    const onFault = (fault: Fault) => {
      stage.fault = fault
      stage.tell('main', `FAULT ${name}: ${kinds[name].words} ${fault.member}${inWords}`)
    }
    const onOver = ({ at, until }: Fault) => {
      const silenceMs = Math.round(stage.sink.silence(at, until))
      this.#note(name, { silenceMs, tookMs: Math.round(until - at) })
    }
    const parts = { random, members, source, onFault, onOver, signal }
    await strike(name, { pace: brisk, hangAfterMs, ...parts })
    await network?.heal()
    stage.gates.judge()
  }

  async #blow(name: StormName, signal: AbortSignal): Promise<void> {
    const lastsMs = Math.round(this.#random.between(...stormMs))
    const passage = await passThrough(this.#stage, name, { lastsMs, signal })
    this.#judge(passage)
    this.#note(name, passage)
  }

  // What a storm has brought that it must not bring.
  #judge(passage: Passage): void {
    const { storm, before, lastsMs, ruled, bothRuled, changes, verdicts } = passage
    const { allows } = storms[storm]
    const when = `in storm ${storm} of ${lastsMs} ms`
    const isAlone = this.#stage.arbiter === undefined
    if (allows === 'split' && isAlone) {
      const atS = Math.round((passage.at - this.#beganAt) / 100) / 10
      this.#splits.push({ storm, atS, ms: lastsMs, bothRuled })
      return
    }
    // A member without a processor hangs, and whoever finds it so may take over.
    if (passage.isFull) this.#unjudged++
    else {
      // Who could not be heard may be found so: what counts is who rules.
      const mayMove = allows === 'split' || allows === 'move'
      const found = allows === 'stay' ? [] : verdicts
      if (!mayMove && ruled.some((member) => member !== before)) {
        this.violations.push(`the other member took over ${when}`)
      }
      if (!mayMove) for (const verdict of found) this.violations.push(`finding ${when}: ${verdict}`)
      if (allows === 'calm' && changes.length > 0) {
        this.violations.push(`${when} nothing may change, but: ${changes.join(', ')}`)
      }
    }
  }

  #note(name: NemesisFault, { silenceMs, tookMs }: Omit<Blow, 'name'>): void {
    this.#blows.push({ name, silenceMs, tookMs })
    const words = `whole again after ${tookMs} ms; the sink was silent for ${silenceMs} ms`
    this.#stage.tell('main', words)
  }
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
