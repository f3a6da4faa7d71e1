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
import { Stage } from './stage.js'
import { type Allowance, isStormName, type StormName, stormNames, storms } from './storms.js'

export type NemesisFault = FaultName | StormName

export interface NemesisSettings {
  readonly minutes: number
  readonly seed: number
  readonly unit: 'embedded' | 'process'
  /** Records a second. */
  readonly rate: number
  /** Whether the members live in namespaces of their own, with a network that can be harmed. */
  readonly hasNetwork: boolean
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
  readonly violations: readonly string[]
}

/** All there is to strike with. */
export function nemesisFaults(
  unit: 'embedded' | 'process',
  hasNetwork: boolean,
): readonly NemesisFault[] {
  return hasNetwork ? [...faultsFor(unit), ...stormNames] : faultsFor(unit)
}

/** Part of the stream in which no fault begins, so that it is over with it. */
const quietEndMs = 4_000
/** Beyond the time of the stream: starting, a fault in progress, ending. */
const graceMs = 60_000
/** How long a storm blows. */
const stormMs = [700, 3_000] as const
/** The pair's own default. */
const hangAfterMs = 500
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
  const network = settings.hasNetwork ? await Namespaces.open(seed) : undefined
  const stage = await Stage.open({ ...settings, seconds: minutes * 60, network, print })
  const nemesis = new Nemesis(stage, settings)
  const deadline = AbortSignal.timeout(minutes * 60_000 + graceMs)
  const ends = AbortSignal.any([signal, deadline, stage.failure.signal])
  try {
    await stage.start(ends)
    const finished = stage.finish(ends)
    await Promise.all([nemesis.strikeAll(ends), finished])
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
  readonly #stage: Stage
  readonly #settings: NemesisSettings
  readonly #random: Random
  readonly #beganAt = performance.now()

  constructor(stage: Stage, settings: NemesisSettings) {
    this.#stage = stage
    this.#settings = settings
    this.#random = createRandom(settings.seed)
  }

  /** Until the stream nears its end. */
  async strikeAll(signal: AbortSignal): Promise<void> {
    const { members, source } = this.#stage
    let round: NemesisFault[] = []
    while (this.#settings.faults.length > 0) {
      if (round.length === 0) round = this.#random.shuffled(this.#settings.faults)
      const name = round.shift()
      const pauseMs = this.#random.between(200, 900)
      await members.until(() => members.isPaired, 'paired', signal)
      await sleep(pauseMs, undefined, { signal })
      if (name === undefined || source.remainingMs < quietEndMs) return
      await members.until(() => members.isPaired, 'paired', signal)
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
      violations: [...this.violations, ...problems, ...gates.offences, ...flaws],
    }
  }

  async #strike(name: FaultName, signal: AbortSignal): Promise<void> {
    const stage = this.#stage
    const { members, source, network } = stage
    const random = this.#random
    const weather = random.next() < 1 / 3 ? random.shuffled(drizzle)[0] : undefined
    await network?.set(links, 'both', weather ?? {})
    const inWords = weather === undefined ? '' : ` in weather ${JSON.stringify(weather)}`
    const onFault = (fault: Fault) =>
      stage.tell('main', `FAULT ${name}: ${kinds[name].words} ${fault.member}${inWords}`)
    const onOver = (fault: Fault) => this.#note(name, fault.at)
    const parts = { random, members, source, onFault, onOver, signal }
    await strike(name, { pace: brisk, hangAfterMs, ...parts })
    await network?.heal()
    stage.gates.judge()
  }

  async #blow(name: StormName, signal: AbortSignal): Promise<void> {
    const stage = this.#stage
    const { members, network } = stage
    const primary = members.primary?.member
    if (network === undefined || primary === undefined) throw new Error(`no sky for ${name}`)
    const { words, allows, blow } = storms[name]
    const lastsMs = Math.round(this.#random.between(...stormMs))
    const at = performance.now()
    stage.tell('main', `STORM ${name} for ${lastsMs} ms: ${words}`)
    stage.isSplit = allows === 'split'
    if (name === 'cut-world-primary') stage.excuseSilence()
    await blow({ network, primary, lastsMs, signal })
    stage.tell('main', 'the wires are whole')
    if (name === 'cut-world-primary') stage.excuseSilence()
    await members.until(() => members.isPaired, `paired again after ${name}`, signal)
    this.#judge(name, { allows, primary, at, lastsMs })
    this.#note(name, at)
    stage.gates.judge(stage.isSplit)
    stage.isSplit = false
  }

  // What a storm has brought that it must not bring.
  #judge(name: StormName, storm: Blown): void {
    const { allows, primary, at, lastsMs } = storm
    const stage = this.#stage
    const roles = stage.since(at, 'role')
    const ruled = roles.filter(({ happening }) => happening.role === 'primary')
    const others = ruled.filter(({ member }) => member !== primary)
    const verdicts = stage
      .since(at, 'verdict')
      .filter(({ happening }) => happening.verdict !== 'alive')
    if (allows === 'split') {
      const atS = Math.round((at - this.#beganAt) / 100) / 10
      this.#splits.push({ storm: name, atS, ms: lastsMs, bothRuled: others.length > 0 })
      return
    }
    const when = `in storm ${name} of ${lastsMs} ms`
    if (others.length > 0) this.violations.push(`the other member took over ${when}`)
    for (const { member, happening } of verdicts) {
      this.violations.push(`member ${member} found the other ${happening.verdict} ${when}`)
    }
    const changes = roles.length + stage.since(at, 'mode').length
    if (allows === 'calm' && changes > 0) {
      this.violations.push(`${changes} changes of role or mode ${when}, which must change nothing`)
    }
  }

  #note(name: NemesisFault, at: number): void {
    const until = performance.now()
    const silenceMs = Math.round(this.#stage.sink.silence(at, until))
    const tookMs = Math.round(until - at)
    this.#blows.push({ name, silenceMs, tookMs })
    const words = `whole again after ${tookMs} ms; the sink was silent for ${silenceMs} ms`
    this.#stage.tell('main', words)
  }
}

interface Blown {
  readonly allows: Allowance
  readonly primary: 'a' | 'b'
  /** On the clock of `performance.now()`. */
  readonly at: number
  readonly lastsMs: number
}

function wordsOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
