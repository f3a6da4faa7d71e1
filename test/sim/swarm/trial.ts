/**
 * One run of one scenario: a pair, its outside, what is done to it, and the checkers that watch.
 *
 * Safety is watched all the time; behind the last step everything is healed, and within a stated
 * time the pair must be whole, all inputs accepted and all outputs sent. Runs what ships; decides
 * nothing about what should happen but by the checkers.
 */

import type { App, Limits } from '#lib/options.js'
import type { Told } from '#lib/runtime/ports.js'
import type { TakeoverReport } from '#lib/runtime/ports-server.js'
import { SimArbiter } from '#lib/testing/sim-arbiter.js'
import { SimDisk } from '#lib/testing/sim-disk.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { SimOptions } from '#lib/testing/sim-options.js'
import { SimPair } from '#lib/testing/sim-pair.js'
import type { SimWraps } from '#lib/testing/sim-wraps.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { type MemberId, millis, peerOf } from '#lib/units.js'
import { BoundCheck } from '../check/bounds.js'
import { DoubtCheck } from '../check/doubts.js'
import { InputCheck, type Line } from '../check/inputs.js'
import { OutputCheck } from '../check/outputs.js'
import { RoleCheck } from '../check/roles.js'
import { StateCheck } from '../check/state.js'
import { TimerCheck } from '../check/timers.js'
import { Findings, type Violation } from '../check/violation.js'
import { framesOf, logOf, makeApp, type State } from './app.js'
import { Deeds, hasAsked } from './deeds.js'
import { Feeder } from './feeder.js'
import { drawn, type Inputs } from './order.js'
import { streamOf } from './random.js'
import type { Condition, Script, Step, Who } from './script.js'
import { calm, type Settings } from './settings.js'
import { breakSide, isSideBroken, makeSharedApp } from './shared-app.js'
import { Sink } from './sink.js'
import { snapshotOf } from './snapshot.js'

type RoleChange = Extract<Told, { type: 'role' }>

/** What a trial may put in the place of shipped parts. */
export interface Wraps extends SimWraps<State> {
  readonly app?: (app: App<State>, member: SimMember<State>) => App<State>
}

export interface Counts {
  readonly virtualMs: number
  readonly frames: number
  readonly faults: number
  readonly takeovers: number
  readonly outputs: number
  readonly repeats: number
  /** Outputs, roles, states and bounds that were looked at. */
  readonly looks: number
  /** Entries of the clock. */
  readonly events: number
}

export interface Outcome {
  readonly violations: readonly Violation[]
  readonly counts: Counts
  /** What was done and what came of it; empty unless asked for. */
  readonly trail: readonly string[]
}

/** As the server starts them. */
const lingerMs = 10_000
/** Often enough that each seed compares some states in mid-run, at even and at odd frames. */
const framesADigest = 101

/** Faults that were put in on purpose, or are what must come of them. */
function expectedFaults(settings: Settings): ReadonlySet<string> {
  const { corruptChunks, failedRestores, poisons, throws, diverges, portsMs, hasFolder } = settings
  const expected = new Set(['ERR_HOTPAIR_DELIVER'])
  // The ports of a dead unit stay taken for longer than they are asked for in peace.
  if (portsMs > 250) expected.add('ERR_HOTPAIR_ADDRESS_IN_USE')
  if (corruptChunks + failedRestores > 0) expected.add('ERR_HOTPAIR_LOAD')
  if (poisons + failedRestores > 0) expected.add('ERR_HOTPAIR_STATE')
  if (hasFolder) expected.add('ERR_HOTPAIR_FOLDER')
  if (throws > 0) expected.add('ERR_HOTPAIR_PROCESS_THREW')
  if (diverges > 0) expected.add('ERR_HOTPAIR_DIVERGED')
  return expected
}
/** Longer than any timer of the program. */
const timersMs = 1_200
/** Entries of the clock between two looks at bounds, and looks between two at the states. */
const entriesALook = 16
const looksAStateLook = 8

/** Longest pause before an output that was refused is tried again (docs/PROTOCOL.md#5). */
const longestRetryMs = 1_000

export class Trial {
  readonly settings: Settings
  readonly clock: VirtualClock = new VirtualClock()
  readonly findings: Findings
  readonly inputs: Inputs
  readonly sink: Sink
  readonly pair: SimPair<State>
  readonly feeder: Feeder
  readonly roles: RoleCheck
  readonly outputs: OutputCheck
  readonly doubts: DoubtCheck
  readonly arbiter: SimArbiter | undefined
  readonly takeovers: TakeoverReport[] = []
  readonly #script: Script
  readonly #wraps: Wraps
  readonly #trail: string[] | undefined
  readonly #inputCheck: InputCheck
  readonly #bounds: BoundCheck
  readonly #states: StateCheck
  readonly #timers: TimerCheck
  readonly #deeds: Deeds
  /** Chance of a side connection to break. */
  readonly #sides: () => number
  readonly #around: (use: string) => (ms: number) => () => number
  #hasHealed = false
  /** Up to then somebody said that it waits before it loads again. */
  #resyncAt = 0

  constructor(script: Script, wraps: Wraps = {}, isTraced = false) {
    this.#script = script
    this.#wraps = wraps
    this.#trail = isTraced ? [] : undefined
    this.settings = { ...calm, ...script.settings }
    const { settings, clock } = this
    this.#around = (use) => {
      const random = streamOf(settings.seed, use)
      return (ms) => () => ms * (0.5 + random())
    }
    this.findings = new Findings(() => clock.now())
    this.inputs = drawn(settings)
    this.outputs = new OutputCheck(this.findings, {
      now: () => clock.now(),
      inFlight: settings.inFlight,
      hasArbiter: settings.hasArbiter,
      // As the clock of any host counts it.
      patienceMs: 0.99 * settings.deliverTimeoutMs,
    })
    this.doubts = new DoubtCheck(this.findings)
    this.#inputCheck = new InputCheck(this.findings)
    this.#bounds = new BoundCheck(this.findings, this.#limits)
    this.#states = new StateCheck(this.findings)
    this.#timers = new TimerCheck(this.findings)
    const random = streamOf(settings.seed, 'deliver')
    const { findings, outputs: check, doubts } = this
    this.sink = new Sink({ clock, random, settings, check, doubts, findings })
    this.arbiter = this.#makeArbiter()
    this.pair = new SimPair<State>(this.#pairOptions())
    this.roles = new RoleCheck(findings, clock, (id) => this.pair.member(id)?.role ?? 'down')
    this.feeder = new Feeder(this.pair, settings, this.inputs, this.#inputCheck)
    this.#sides = streamOf(settings.seed, 'sides')
    this.#deeds = new Deeds(this)
    clock.watch(entriesALook, () => this.#look())
  }

  /** Both members are there, in sync, and all is accepted and delivered. */
  get isWhole(): boolean {
    const { pair, feeder } = this
    // Whoever was asked to renounce will, when it hears it.
    const { primary } = pair
    if (!pair.isPaired || primary === undefined || hasAsked(primary.state)) return false
    return feeder.isDone && primary.server.counts.pending === 0
  }

  async run(): Promise<Outcome> {
    let before = 0
    for (const step of this.#script.steps) {
      const at = (step.when === 'at' ? 0 : before) + step.ms
      await this.clock.run(Math.max(at, this.clock.now()))
      await this.#step(step)
      before = this.clock.now()
      if (this.findings.violations.length > 0) return this.#outcome()
    }
    await this.clock.run(Math.max(this.clock.now(), this.#script.lastsMs ?? 0))
    this.#checkHeir()
    return this.#outcome()
  }

  note(text: string): void {
    this.#trail?.push(`${this.clock.now().toFixed(3)} ${text}`)
  }

  holds(condition: Condition): boolean {
    const { pair } = this
    if (condition === 'paired') return pair.isPaired
    if (condition === 'whole') return this.isWhole
    if (condition === 'nobody rules') return !pair.members.some(({ role }) => role === 'primary')
    const [who = '', what] = condition.split(/ is | /)
    const id = this.#deeds.find(who as Who)
    const member = id && pair.member(id)
    if (what === 'rules') return member?.role === 'primary'
    return member?.mode === what || member?.role === what
  }

  describe(): string {
    const members = this.pair.members.map((member) => {
      const { id, role, mode, isRunning, isLinked, state } = member
      const what = { id, role, mode, isRunning, isLinked, state, ...member.server.counts }
      return JSON.stringify(what, (_, value) =>
        typeof value === 'bigint' ? String(value % 10_000n) : value,
      )
    })
    return `${this.feeder.describe()} ${members.join('\n  ')}`
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'heal':
        return this.#heal()
      case 'rest':
        return
      case 'await':
      case 'seek':
        return this.#seek(step)
      case 'expect':
        return this.#expect(step.that, step.isMeant)
      default:
        return this.#deeds.do(step)
    }
  }

  #expect(that: Condition, isMeant: boolean): void {
    if (this.holds(that) === isMeant) return
    const wanted = `${isMeant ? '' : 'not '}${that}`
    this.findings.report('S6', `expected ${wanted}: ${this.describe()}`)
  }

  async #seek(step: Extract<Step, { do: 'await' | 'seek' }>): Promise<void> {
    const { clock } = this
    const until = clock.now() + step.withinMs
    while (!this.holds(step.until) && clock.now() < until) await this.#pass(0.1, until)
    if (step.do === 'seek' || this.holds(step.until)) return
    const text = `not ${step.until} after ${step.withinMs} ms: ${this.describe()}`
    this.findings.report('S6', text)
  }

  /** Runs for `ms`, as many times as it takes for anything to happen, but not past `until`. */
  async #pass(ms: number, until: number): Promise<void> {
    const { clock } = this
    let at = clock.now() + ms
    while (at < clock.nextAt && at < until) at += ms
    await clock.run(at)
  }

  /**
   * How long a pair may take to be whole from now on: to find out, to load, to work off what has
   * piled up, of which some is refused and tried again, and what it said itself that it would wait
   * for.
   */
  get #healMs(): number {
    const { windowMs, hangAfterMs, linkDelayMs, deliverMs } = this.settings
    const finds = 2 * (windowMs + hangAfterMs)
    const works = 500 + 3 * longestRetryMs + 30 * (linkDelayMs + deliverMs)
    const waits = Math.max(this.#deeds.stuckUntil, this.#resyncAt) - this.clock.now()
    return finds + works + this.#asksMs + Math.max(0, waits)
  }

  /**
   * Whose loads have failed again and again waits longer and longer before it asks anew
   * (docs/PROTOCOL.md#4); one that is under way may still bring a chunk that was damaged before.
   */
  get #asksMs(): number {
    const waits = this.pair.members.map(({ state }) =>
      state.role === 'loading' ? Math.min(2_000, 20 * 2 ** state.failures) : 0,
    )
    return 2 * Math.max(0, ...waits)
  }

  /** All faults end; within `healMs` the pair is whole, and stays so. */
  async #heal(): Promise<void> {
    const { clock, settings, feeder, findings } = this
    if (findings.violations.length > 0) return
    while (clock.now() < this.#deeds.faultsEndAt) await clock.run(this.#deeds.faultsEndAt)
    this.#hasHealed = true
    for (const id of ['a', 'b'] as const) this.#deeds.startIfDown(id)
    feeder.finish()
    const healMs = this.#healMs
    const until = clock.now() + healMs
    while (clock.now() < until && !this.isWhole) await this.#pass(5, until)
    if (!this.isWhole) {
      findings.report('S6', `not whole after ${healMs} ms: ${this.describe()}`)
      return
    }
    if (settings.diverges === 0) this.roles.expectStillness(timersMs)
    await clock.run(clock.now() + timersMs)
    // A divergence that the last inputs have made may be found late, and is mended.
    const last = clock.now() + (settings.diverges > 0 ? healMs : 0)
    while (clock.now() < last && !this.isWhole) await this.#pass(5, last)
    if (!this.isWhole) findings.report('S6', `it fell apart by itself: ${this.describe()}`)
    else this.#checkEnd()
  }

  #checkEnd(): void {
    const { primary } = this.pair
    const ruling = primary?.server.held?.state
    const mirror = primary && this.pair.member(peerOf(primary.id))?.server.held?.state
    if (ruling === undefined || mirror === undefined) {
      this.findings.report('S5', 'a member of a whole pair has no state')
      return
    }
    this.#states.atEnd(ruling, mirror)
    const line = this.#lineOf(primary)
    if (line === undefined) return
    const { log } = line
    const living = this.pair.members.map(({ name }) => name)
    this.#inputCheck.atEnd(line, this.inputs, living)
    this.#timers.atEnd(log, this.inputs)
    this.outputs.atEnd(line, this.inputs, this.sink.streams)
  }

  /** However it ends: whoever rules in the first history holds all that was accepted in it. */
  #checkHeir(): void {
    const { primary } = this.pair
    const line = this.#lineOf(primary)
    if (primary === undefined || line === undefined) return
    if (!this.outputs.isFirst(line.history)) return
    this.#inputCheck.atEnd(line, this.inputs, [])
    this.outputs.isHeldBy(line, this.inputs, primary.name)
    this.outputs.checkRepeats()
  }

  /** Whoever starts blank where nobody is left that holds anything begins anew, and by right. */
  #rules(member: SimMember<State>, { from, history }: RoleChange): void {
    const isLeft = this.pair.members.some((one) => one !== member && one.server.held)
    if (from === 'starting' && !isLeft && this.outputs.hasBegun) {
      this.outputs.allowed += 1
      this.#inputCheck.historyEnds()
    }
    this.outputs.ruled(String(history), member.name)
    this.doubts.rules(member.name)
  }

  /** Nobody lives who could be taken for dead. */
  #found({ id }: SimMember<State>, what: string): void {
    if (this.pair.member(peerOf(id)) !== undefined) this.roles.found(id, what)
  }

  /** At the moment at which it rules it holds all that the former primary accepted and began. */
  #checkTakeover(member: SimMember<State>): void {
    const line = this.#lineOf(member)
    if (line === undefined) return
    this.#inputCheck.areHeldBy(line, `${member.name}, which takes over`)
    this.outputs.isHeldBy(line, this.inputs, member.name)
  }

  #lineOf(member: SimMember<State> | undefined): Line | undefined {
    const state = member?.server.held?.state
    if (member === undefined || state === undefined || !('history' in member.state))
      return undefined
    const history = String(member.state.history)
    return { history, log: logOf(state), frames: framesOf(state) }
  }

  #look(): void {
    this.#bounds.look(this.pair.members)
    if (this.#bounds.looks % looksAStateLook > 1 || !this.pair.isPaired) return
    this.#compare('while paired')
  }

  #compare(what: string): void {
    const { primary } = this.pair
    const ruling = primary?.server.held?.state
    const mirror = primary && this.pair.member(peerOf(primary.id))?.server.held?.state
    if (ruling && mirror) this.#states.inStep(ruling, mirror, what)
  }

  #outcome(): Outcome {
    const { primary } = this.pair
    const met = this.roles.met + this.doubts.met
    const looks = this.#bounds.looks + this.#states.looks + met + this.outputs.count
    return {
      violations: this.findings.violations,
      counts: {
        virtualMs: this.clock.now(),
        // Each accepted input is a frame; timers come on top.
        frames: Math.max(primary?.server.held?.frameNo ?? 0, this.#inputCheck.accepted.size),
        faults: this.#deeds.faults,
        takeovers: this.takeovers.length,
        outputs: this.outputs.count,
        repeats: this.outputs.repeats,
        looks,
        events: this.clock.count,
      },
      trail: this.#trail ?? [],
    }
  }

  get #limits(): Limits {
    const { queueBytes, unacknowledgedBytes, lagFrames, outboxBytes } = this.settings
    return {
      inputBytes: 8_192,
      queueBytes,
      unacknowledgedBytes,
      outboxBytes,
      stateBytes: 8_388_608,
      sources: 4,
      channels: 8,
      timers: 2_000,
      lagFrames,
    }
  }

  #makeDisk(id: MemberId): SimDisk {
    const step = this.#around(`disk of ${id}`)(this.settings.diskMs)
    return new SimDisk(() => millis(step()))
  }

  #makeApp(member: SimMember<State>): App<State> {
    const { inputs, sink, settings, findings } = this
    const make = settings.isShared ? makeSharedApp : makeApp
    const app = make(
      {
        inputs,
        sink,
        ballastBytes: settings.ballastBytes,
        random: streamOf(settings.seed, 'divergence'),
        report: (promise, text) => findings.report(promise, text),
      },
      member,
    )
    return this.#wraps.app?.(app, member) ?? app
  }

  #pairOptions(): SimOptions<State> {
    const { settings, clock, findings, arbiter } = this
    const { rateA, rateB, wallA, wallB } = settings
    const expected = expectedFaults(settings)
    const loads = streamOf(settings.seed, 'loads')
    const link = this.#around('link')(settings.linkDelayMs)
    const beat = this.#around('beats')(settings.beatDelayMs)
    return {
      ...settings,
      ...this.#tells(),
      clock,
      random: streamOf(settings.seed, 'pair'),
      app: (member) => this.#makeApp(member),
      limits: this.#limits,
      snapshot: snapshotOf(settings, () => (this.#hasHealed ? 1 : loads())),
      onSuspect: 'retry',
      onStuckDeliver: 'retry',
      inDoubt: {},
      digestEvery: framesADigest,
      linkDelay: () => millis(link()),
      beatDelay: () => millis(beat()),
      drift: {
        a: { rate: rateA, wallOffsetMs: wallA },
        b: { rate: rateB, wallOffsetMs: wallB },
      },
      detectMs: 0.5,
      units: this.#units,
      ...(settings.hasFolder ? { disks: { a: this.#makeDisk('a'), b: this.#makeDisk('b') } } : {}),
      ...(arbiter ? { arbiter: (id: MemberId) => arbiter.client(id) } : {}),
      wraps: this.#wraps,
      onFault: (member, error) => {
        this.note(`${member.id} ${error.code} ${error.message}`)
        if (expected.has(error.code) || (settings.isShared && isSideBroken(error))) return
        if (error.code === 'ERR_HOTPAIR_DIVERGED') {
          return findings.report('S5', `${member.id} ${error.message}`)
        }
        const { cause } = error
        const why = cause instanceof Error ? ` (${cause.stack})` : ''
        findings.report('rules', `${member.id} ${error.code} ${error.message}${why}`)
      },
    }
  }

  #makeArbiter(): SimArbiter | undefined {
    const { clock, settings } = this
    if (!settings.hasArbiter) return undefined
    const way = this.#around('arbiter')(settings.arbiterMs)
    return new SimArbiter({ clock, delay: () => millis(way()), timeoutMs: 500 })
  }

  /** The side connection of the load that begins may break. */
  #breakSide(): void {
    if (this.settings.isShared && !this.#hasHealed) breakSide(this.pair, this.clock, this.#sides)
  }

  get #units(): NonNullable<SimOptions<State>['units']> {
    const { unitA, unitB, ipcMs, joinMs, unitStartMs, portsMs, killsHung } = this.settings
    const times = { deathMs: ipcMs, ipcMs, joinMs, startMs: unitStartMs, portsMs, lingerMs }
    const unit = { ...times, killsHung }
    return { ...(unitA ? { a: unit } : {}), ...(unitB ? { b: unit } : {}) }
  }

  #tells(): Pick<SimOptions<State>, 'onEvent' | 'onTakeover' | 'onHold' | 'onKilled'> {
    return {
      onHold: (member, ms) => {
        this.note(`${member.id} waits for its unit for ${ms.toFixed(1)} ms`)
        this.#deeds.held(member.id, ms)
      },
      onKilled: (id) => this.#deeds.killed(id),
      onTakeover: (member, report) => {
        this.takeovers.push(report)
        this.outputs.takenOver(member.name, report)
        const { state } = member
        const history = 'history' in state ? String(state.history) : ''
        this.doubts.rules(member.name)
        this.doubts.takenOver(member.id, history, report)
        this.note(`${member.id} takes over in ${report.epoch} (${report.verdict})`)
        this.#found(member, `takes over (${report.verdict})`)
        this.#checkTakeover(member)
      },
      onEvent: (member: SimMember<State>, event) => {
        if (event.type === 'unit') {
          this.note(`${member.id} beats by ${event.place}: ${event.reason}`)
          // It counts every silence anew, and may find what it finds a window later.
          this.roles.disturbed(0)
          if (event.place === 'embedded') this.#deeds.lostUnit(member.id)
          else this.#deeds.foundUnit(member.id)
        }
        if (event.type === 'verdict') {
          const what = `finds the other ${event.verdict}`
          this.note(`${member.id} ${what}`)
          if (event.verdict !== 'alive') this.#found(member, what)
        }
        const isPaired = event.type === 'mode' && event.mode === 'paired'
        const isInSync = isPaired || (event.type === 'role' && event.role === 'standby')
        if (isInSync) this.#deeds.isPaired(member.id)
        if (event.type === 'mode') this.note(`${member.id} is ${event.mode} in ${event.epoch}`)
        if (event.type === 'switchover') {
          this.note(`${member.id}: switchover ${event.outcome}, ${event.tookMs.toFixed(1)} ms`)
        }
        if (event.type === 'resync') {
          this.note(`${member.id}: resync (${event.reason}), ${event.inARow} in a row`)
          this.#resyncAt = Math.max(this.#resyncAt, this.clock.now() + event.waitMs)
        }
        if (event.type !== 'role') return
        this.note(`${member.id} is ${event.role} in ${event.epoch} (${event.cause})`)
        this.roles.changed(member.id, `is ${event.role} (${event.cause})`)
        if (event.role === 'primary') this.#rules(member, event)
        if (event.role === 'loading') this.#breakSide()
        if (event.role === 'standby') this.#compare(`when ${member.id} stands by`)
      },
    }
  }
}
