/**
 * Does to a pair what the steps of a scenario say, and knows which promises that leaves.
 *
 * Under `arbiter: 'none'` the two must hear each other: a cut that lasts nearly a window while both
 * live makes S1 to S4 void from then on (docs/PROTOCOL.md#9). A step marked `if spare` is left out
 * when it would take away the last member that holds all, which no pair survives.
 */

import type { State } from '#lib/core/state.js'
import { type Incarnation, type MemberId, millis, peerOf } from '#lib/units.js'
import { channelName } from './app.js'
import type { Deed, Step, Who } from './script.js'
import { printStep } from './step-line.js'
import type { Trial } from './trial.js'

/** What the simulated process needs to be found gone, beside the delays of the network. */
const detectMs = 0.5
/** Turns of event loops, barriers and retries of a takeover, with room. */
const turnsMs = 15
/** How long a member that was closed may take to end; then it is looked for again. */
const closingMs = 20

/** Whoever has asked the only other one to give up is the last that is sure to hold all. */
export function hasAsked(state: State): boolean {
  return state.role === 'primary' && state.hasAsked
}

/** Faults that last and may hold a takeover up. */
const unsettling: ReadonlySet<Deed['do']> = new Set([
  ...(['stop', 'block', 'slow', 'cut', 'unit-stop'] as const),
  ...(['arbiter-gone', 'arbiter-late'] as const),
])
/** From the death of a unit until its server has joined a new one, which listens in time or not. */
const unitBackMs = 1_700
const lateUnitBackMs = 4_500
const inTimeMs = 400
/** Until an arbiter that did not answer is asked again, at the latest, and its answer given up. */
const arbiterMs = 1_500
/** Steps of a disk, each with half of it to spare, after which a record is kept for certain. */
const saves = 30
/** What a service manager takes to start a server again that was killed. */
const restartMs = 50
/** How long a member that was closed waits for its receivers and for the other one. */
const settleMs = 2_000

type Harm = Exclude<Deed, { do: 'await' | 'seek' | 'expect' | 'heal' | 'rest' }>

export class Deeds {
  /** Faults that were put in; what was left out does not count. */
  faults = 0
  /** When the last of them is over. */
  faultsEndAt = 0
  readonly #trial: Trial
  /** Up to then a `deliver` that never settles may be waited for. */
  stuckUntil = 0
  /** Up to then somebody stands still, is slow or cannot be heard: a takeover may be late. */
  #unsteadyUntil = 0
  /** Who stood still last. */
  #victim: MemberId | undefined
  readonly #downUntil = new Map<MemberId, number>()
  /** Whom a member last knew to hold the state with it, and since when. */
  readonly #known = new Map<MemberId, { incarnation: Incarnation; at: number }>()
  /** From then on a record may not have been kept. */
  #hasDiskFailed = false
  /** Up to then a server stands in a call, and nobody beats for it. */
  readonly #heldUntil: Record<MemberId, number> = { a: 0, b: 0 }
  /** Whose server beats for itself, and will join a new unit. */
  readonly #rejoining = new Set<MemberId>()

  constructor(trial: Trial) {
    this.#trial = trial
  }

  do(step: Step & Harm): void {
    const who = 'who' in step ? this.find(step.who) : undefined
    const isLeftOut =
      ('who' in step && who === undefined) ||
      (who && step.do.startsWith('unit-') && !this.#hasUnit(who)) ||
      ('ifSpare' in step && step.ifSpare && !(who && this.#isSpare(who)))
    if (isLeftOut) return
    this.#trial.note(`> ${printStep(step)}${who ? ` (${who})` : ''}`)
    if (step.do !== 'feed' && step.do !== 'start' && step.do !== 'wall') this.faults += 1
    const isCalm = this.#unsteadyUntil <= this.#now
    if ('forMs' in step && step.forMs !== undefined) this.#lasts(step.forMs)
    if (who && (step.do === 'stop' || step.do === 'block')) this.#victim = who
    const losesUnit = step.do === 'unit-kill' || step.do === 'unit-cut' || step.do === 'both-kill'
    if (losesUnit) this.#lasts(this.#unitBackMs)
    if (unsettling.has(step.do) && 'forMs' in step) {
      const isLong = step.do === 'arbiter-gone' || step.do === 'arbiter-late'
      const lastsMs = isLong ? 2 * step.forMs + arbiterMs : (step.forMs ?? 0)
      this.#unsteadyUntil = Math.max(this.#unsteadyUntil, this.#now + lastsMs)
    }
    this.#harm(step, who ?? 'a', isCalm)
  }

  /** Who that is at this moment. */
  find(who: Who): MemberId | undefined {
    if (who === 'a' || who === 'b') return who
    if (who === 'victim') return this.#victim
    if (who === 'other') return this.#victim && peerOf(this.#victim)
    const primary = this.#trial.pair.primary?.id
    if (primary === undefined) return undefined
    return who === 'primary' ? primary : peerOf(primary)
  }

  /** One that is still closing starts when it has ended, and not before its ports are free. */
  startIfDown(id: MemberId): void {
    const { pair } = this.#trial
    if (pair.member(id)) {
      if (this.#downUntil.has(id)) this.#comeBack(id, closingMs)
      return
    }
    const { tornDownInMs } = pair.hosts[id]
    if (tornDownInMs > 0) return this.#comeBack(id, tornDownInMs + 1)
    this.#downUntil.delete(id)
    this.#rejoining.delete(id)
    this.#trial.note(`start ${id}`)
    if (this.#heldUntil[peerOf(id)] > this.#now) this.#startsUnheard()
    pair.start(id)
  }

  /** The server of `id` stands still because it joins a unit that takes its time. */
  held(id: MemberId, ms: number): void {
    if (ms <= this.#harmlessCutMs) return
    this.#heldUntil[id] = this.#now + ms
    if (this.#trial.pair.member(peerOf(id))?.role === 'starting') this.#startsUnheard()
    this.#lasts(ms)
    this.#unsteadyUntil = Math.max(this.#unsteadyUntil, this.#now + ms)
    this.disturbed(ms + this.#findsMs)
  }

  /** It cannot hear the other one, which is silent though it lives: as with a cut at its start. */
  #startsUnheard(): void {
    this.#trial.findings.makeVoid('S1', 'S2', 'S3', 'S4')
  }

  /** A server beats for itself, and will join a new unit, which may take its time. */
  lostUnit(id: MemberId): void {
    this.#rejoining.add(id)
    this.#lasts(this.#unitBackMs)
  }

  /** Its unit has killed the server of `id`, which hung; its service manager starts it again. */
  killed(id: MemberId): void {
    this.#trial.note(`${id} hangs while the other one rules, and is killed by its unit`)
    this.disturbed(this.#findsMs)
    this.#comeBack(id, restartMs)
  }

  /** `id` is in sync with the other one. */
  isPaired(id: MemberId): void {
    const other = this.#trial.pair.member(peerOf(id))
    if (other) this.#known.set(id, { incarnation: other.incarnation, at: this.#now })
  }

  /** It has joined one. */
  foundUnit(id: MemberId): void {
    this.#rejoining.delete(id)
  }

  get #now(): number {
    return this.#trial.clock.now()
  }

  /** Something has happened that may hold a takeover up, or for `ms` be the cause of one. */
  disturbed(ms: number): void {
    this.#trial.roles.disturbed(ms)
    this.#trial.doubts.disturbed()
  }

  #lasts(ms: number): void {
    this.faultsEndAt = Math.max(this.faultsEndAt, this.#now + ms)
  }

  /** `isCalm`: no fault lasts that may hold a takeover up. */
  #harm(deed: Harm, who: MemberId, isCalm: boolean): void {
    const { pair, feeder, sink, clock } = this.#trial
    switch (deed.do) {
      case 'feed':
        return feeder.allow(deed.count)
      case 'start':
        return this.startIfDown(who)
      case 'deaf':
        return feeder.deafen(who, deed.forMs)
      case 'receiver': {
        const channel = channelName(deed.channel)
        sink[deed.how].add(channel)
        if (deed.how === 'stuck') this.stuckUntil = this.#now + deed.forMs + this.#patienceMs
        clock.setTimer(millis(deed.forMs), () => sink[deed.how].delete(channel))
        return
      }
      case 'wall':
        return pair.timeOf(who).setWallBy(deed.byMs)
      case 'unit-kill':
      case 'unit-cut': {
        const isUnnoticed = isCalm && this.#isUnitSpare(who)
        this.disturbed(isUnnoticed ? 0 : this.#consequencesMs(deed))
        return deed.do === 'unit-cut' ? pair.cutUnit(who) : pair.killUnit(who)
      }
      default:
        this.disturbed(this.#consequencesMs(deed))
        if (isCalm) this.#expectHeir(deed, who)
        return this.#harmMember(deed, who)
    }
  }

  #harmMember(
    deed: Exclude<
      Harm,
      { do: 'feed' | 'start' | 'deaf' | 'receiver' | 'wall' | 'unit-kill' | 'unit-cut' }
    >,
    who: MemberId,
  ): void {
    const { pair } = this.#trial
    switch (deed.do) {
      case 'kill':
        pair.kill(who)
        return this.#comeBack(who, deed.forMs)
      case 'both-kill':
        pair.killUnit(who)
        pair.kill(who)
        return this.#comeBack(who, deed.forMs)
      case 'unit-stop':
        return pair.stallUnit(who, deed.forMs)
      case 'close':
        pair.member(who)?.close()
        return this.#comeBack(who, deed.forMs)
      case 'stop':
        return pair.stall(who, deed.forMs)
      case 'block':
        return pair.block(who, deed.forMs)
      case 'slow':
        return pair.slow(who, deed.eachMs, deed.forMs)
      case 'break':
        return pair.breakLink()
      case 'switchover':
        return pair.member(who)?.switchover(deed.withinMs)
      case 'powercut':
        return this.#powerCut(deed.forMs)
      case 'arbiter-gone':
      case 'arbiter-late':
        return this.#disturbArbiter(deed)
      case 'disk-down':
        return this.#breakDisk(deed)
      default:
        return this.#cut(deed.from, deed.forMs)
    }
  }

  #powerCut(forMs: number): void {
    for (const id of ['a', 'b'] as const) {
      this.#trial.pair.kill(id)
      this.#trial.pair.diskOf(id)?.cutPower()
      this.#comeBack(id, forMs)
    }
  }

  #cut(from: Who | 'both', forMs: number): void {
    const { pair, clock, findings, settings } = this.#trial
    const one = from === 'both' ? undefined : this.find(from)
    const ways: readonly MemberId[] = one === undefined ? ['a', 'b'] : [one]
    const isShort = forMs <= this.#harmlessCutMs
    const isHarmless = settings.hasArbiter || isShort || this.#isOneHeldBack()
    if (!isHarmless) findings.makeVoid('S1', 'S2', 'S3', 'S4')
    for (const way of ways) pair.cutFrom(way)
    clock.setTimer(millis(forMs), () => {
      for (const way of ways) pair.heal(way)
    })
    // Kernels give up on a connection through which nothing has gone for long.
    if (forMs > 2 * settings.windowMs) clock.setTimer(millis(forMs / 2), () => pair.breakLink())
  }

  /** One member alone holds the state, and the other one, which does not, knows that it may. */
  #isOneHeldBack(): boolean {
    const { pair } = this.#trial
    const { primary } = pair
    const isSafe = this.#trial.settings.hasFolder && !this.#hasDiskFailed
    if (!isSafe || primary === undefined || primary.mode === 'paired') return false
    const id = peerOf(primary.id)
    const known = this.#known.get(id)
    const isKept = known !== undefined && this.#now > known.at + saves * this.#trial.settings.diskMs
    const isNamed = known?.incarnation === primary.incarnation
    return isKept && isNamed && pair.member(id)?.server.held === undefined
  }

  #breakDisk({ from, forMs }: Extract<Harm, { do: 'disk-down' }>): void {
    const { pair, clock } = this.#trial
    const one = from === 'both' ? undefined : this.find(from)
    this.#hasDiskFailed = true
    for (const id of one === undefined ? (['a', 'b'] as const) : [one]) {
      const disk = pair.diskOf(id)
      if (disk === undefined) continue
      disk.isFailing = true
      clock.setTimer(millis(forMs), () => {
        disk.isFailing = false
      })
    }
  }

  #disturbArbiter({ do: how, from, forMs }: Extract<Harm, { do: `arbiter-${string}` }>): void {
    const { arbiter, clock } = this.#trial
    const one = from === 'both' ? undefined : this.find(from)
    const ways: readonly MemberId[] = one === undefined ? ['a', 'b'] : [one]
    const isGone = how === 'arbiter-gone'
    const set = (isOn: boolean) => {
      for (const way of ways) {
        if (isGone) arbiter?.cut(way, isOn)
        else arbiter?.hold(way, isOn ? forMs : 0)
      }
    }
    set(true)
    clock.setTimer(millis(forMs), () => set(false))
  }

  /** Silence that no window is filled by, with the beats that may be lost around it. */
  get #harmlessCutMs(): number {
    const { windowMs, heartbeatMs, beatDelayMs, mostBeatsLostInRow } = this.#trial.settings
    return windowMs - (2 + mostBeatsLostInRow) * heartbeatMs - 1.5 * beatDelayMs
  }

  /** Whether `id` may go away: the other one is in sync, or `id` is no holder that counts. */
  #isSpare(id: MemberId): boolean {
    const { pair } = this.#trial
    const other = pair.member(peerOf(id))
    const own = pair.member(id)
    if (other === undefined || own === undefined || !other.isBeating || !own.isRunning) return false
    const { state } = other
    // One that stood still a moment ago finds out with its next look, and trusts itself no more.
    const { heartbeatMs, joinMs } = this.#trial.settings
    // It may stand still before it has heard that the other one leaves.
    if (this.#rejoining.has(other.id) && joinMs > this.#harmlessCutMs) return false
    if (hasAsked(own.state) || this.#now < this.#unsteadyUntil + heartbeatMs) return false
    if (state.role === 'primary') {
      // One that is paired and stood still may have been left behind: alone it is fenced.
      const isSure = state.mode !== 'paired' || state.distrustsBefore === undefined
      return own.role !== 'primary' && isSure
    }
    return pair.isPaired
  }

  /** A member that is down, or about to be, starts again after `ms`. */
  #comeBack(id: MemberId, ms: number | undefined): void {
    if (ms === undefined) {
      this.#downUntil.set(id, Number.POSITIVE_INFINITY)
      return
    }
    const due = this.#now + ms
    this.#downUntil.set(id, due)
    const look = () => {
      if (this.#downUntil.get(id) !== due) return
      const isThere = this.#trial.pair.member(id) !== undefined
      if (isThere) this.#trial.clock.setTimer(millis(closingMs), look)
      else this.startIfDown(id)
    }
    this.#trial.clock.setTimer(millis(ms), look)
  }

  /** For so long the fault, or its end, may make somebody find, decide and take over. */
  #consequencesMs(deed: Harm): number {
    const lasts = 'forMs' in deed && unsettling.has(deed.do) ? (deed.forMs ?? 0) : 0
    if (deed.do === 'arbiter-gone' || deed.do === 'arbiter-late')
      return 2 * deed.forMs + arbiterMs + this.#findsMs
    const ends = deed.do === 'close' ? settleMs : deed.do === 'switchover' ? deed.withinMs : 0
    return lasts + ends + this.#findsMs
  }

  get #findsMs(): number {
    const { windowMs, heartbeatMs, hangAfterMs, ackTimeoutMs } = this.#trial.settings
    const finds = 1.25 * (windowMs + Math.max(hangAfterMs, ackTimeoutMs)) + 4 * heartbeatMs
    return finds + this.#tripsMs
  }

  get #unitBackMs(): number {
    const { unitStartMs, joinMs } = this.#trial.settings
    return (unitStartMs < inTimeMs ? unitBackMs : lateUnitBackMs) + joinMs
  }

  /**
   * A server that has just started, and whose unit fails, cannot hear whether another one is there:
   * it may be first up beside it, as one that a cut keeps from hearing.
   */
  #hasUnit(id: MemberId): boolean {
    const { pair } = this.#trial
    return pair.hosts[id].unit?.isAlive === true && pair.member(id)?.role !== 'starting'
  }

  /** When this unit dies the server takes its place before anybody can notice. */
  #isUnitSpare(id: MemberId): boolean {
    const { ipcMs, portsMs } = this.#trial.settings
    const server = this.#trial.pair.member(id)
    // The ports are tried again after a pause that doubles.
    const silentMs = ipcMs + 2 * portsMs + 4
    return server?.isRunning === true && !server.isBehind && silentMs < this.#harmlessCutMs
  }

  /** A `deliver` that does not settle has failed by then: some looks a timeout, and retries. */
  get #patienceMs(): number {
    return 1.3 * this.#trial.settings.deliverTimeoutMs
  }

  /** The head start, a read, a claim that finds another record, and one that is granted. */
  get #rightMs(): number {
    const { hasArbiter, arbiterMs: oneWayMs, heartbeatMs } = this.#trial.settings
    return hasArbiter ? 2.1 * heartbeatMs + 9 * oneWayMs + turnsMs : 0
  }

  get #tripsMs(): number {
    const { beatDelayMs, linkDelayMs } = this.#trial.settings
    return 4.5 * (beatDelayMs + linkDelayMs) + turnsMs + this.#rightMs
  }

  /** From the death of a server with a unit that lives to the reign of its heir. */
  get #goneMs(): number {
    const { ipcMs, beatDelayMs, linkDelayMs } = this.#trial.settings
    return 3 * ipcMs + 1.6 * beatDelayMs + 4.5 * linkDelayMs + turnsMs + this.#rightMs
  }

  /** A primary that goes away alone has an heir within a stated time. */
  #expectHeir(deed: Harm, who: MemberId): void {
    const { pair, settings, roles } = this.#trial
    const { windowMs, heartbeatMs, hangAfterMs } = settings
    if (!pair.isPaired || pair.primary?.id !== who || pair.net.isWhole === false) return
    // One that stands still already: which of the two counts, and from when, is not said here.
    if (!pair.members.every(({ isBeating }) => isBeating)) return
    if (pair.primary && hasAsked(pair.primary.state)) return
    const trips = this.#tripsMs
    const heir = peerOf(who)
    const lossMs = settings.beatLoss > 0 ? settings.mostBeatsLostInRow * heartbeatMs : 0
    if (deed.do === 'close') {
      const withinMs = settleMs + windowMs + trips
      return roles.expectRuler(heir, withinMs, `the clean stop of ${who}`)
    }
    const hungMs = 1.25 * hangAfterMs + 2 * lossMs + 2 * heartbeatMs + trips
    const { incarnation } = pair.primary
    const isWatched = pair.hosts[who].unit?.serves(incarnation) === true
    if (isWatched && deed.do === 'kill') {
      // No window and no probe: its unit has seen it die and says so.
      if (lossMs === 0) this.#trial.doubts.expect(pair.primary.name, heir)
      const goneMs = this.#goneMs + 2 * lossMs
      return roles.expectRuler(heir, goneMs, `the death of ${who}, which its unit has seen`)
    }
    if (deed.do === 'kill' || deed.do === 'both-kill') {
      return roles.expectRuler(heir, detectMs + trips, `the end of ${who}`)
    }
    if (isWatched && deed.do === 'stop') {
      // Its unit beats on: the question to its event loop stays without an answer.
      if (deed.forMs <= 1.05 * hungMs) return
      return roles.expectRuler(heir, 1.05 * hungMs, `the stop of ${who}, whose unit goes on`)
    }
    const unheardMs = 1.02 * windowMs + 2 * heartbeatMs + trips
    const isSilent = deed.do === 'stop' || (deed.do === 'unit-stop' && isWatched)
    if (isSilent && deed.forMs > unheardMs) {
      return roles.expectRuler(heir, unheardMs, `the stop of ${who}`)
    }
    if (deed.do === 'block' && deed.forMs > hungMs) {
      roles.expectRuler(heir, hungMs, `the block of ${who}`)
    }
  }
}
