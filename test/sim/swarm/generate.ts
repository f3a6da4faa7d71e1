/**
 * A scenario for each seed: what the pair is like, and episodes of faults that belong together.
 *
 * Swarm style: each seed has some kinds of fault and not others, so that rare ones are not hidden
 * behind frequent ones. An episode is what one night brings: a stop, and a death at the moment of
 * the verdict; a slow standby, and a link that breaks. Between episodes the pair has time to be
 * whole again. Every seed lasts a minute at least, has a thousand inputs and ten faults or more.
 */

import { generator, streamOf } from './random.js'
import type { Deed, Script, Step, Who } from './script.js'
import { calm, differing, type Settings } from './settings.js'

/** Virtual time of a seed, and how much of it has faults. */
const lastsMs = 60_000
const firstFaultMs = 2_500
const lastFaultMs = 54_000
/** Inputs of a seed; each becomes a frame. */
const inputCount = 1_050
/** Inputs between episodes, so that every state of rest is worked in. */
const trickle = 4

interface Draw {
  readonly random: () => number
  readonly chance: (share: number) => boolean
  readonly between: (least: number, most: number) => number
  readonly pick: <Of>(...values: readonly [Of, ...Of[]]) => Of
}

function drawOf(random: () => number): Draw {
  return {
    random,
    chance: (share) => random() < share,
    between: (least, most) => least + random() * (most - least),
    pick: (...values) => values[Math.floor(random() * values.length)] ?? values[0],
  }
}

export function scriptOf(seed: number): Script {
  const draw = drawOf(generator(seed))
  const alone = sharedOrNot(settingsOf(seed, draw))
  const units = unitsOf(alone, drawOf(streamOf(seed, 'units')))
  const arbiter = arbiterOf(drawOf(streamOf(seed, 'arbiter')))
  const folder = folderOf(drawOf(streamOf(seed, 'folder')))
  const settings = { ...alone, ...units, ...arbiter, ...folder }
  const kinds = kindsOf(settings, draw)
  const episodes = new Episodes(settings, kinds, draw)
  return {
    story: [`seed ${seed}`],
    settings: differing(settings),
    lastsMs,
    steps: episodes.all(),
  }
}

function settingsOf(seed: number, draw: Draw): Settings {
  const { random, chance, between, pick } = draw
  const isLarge = chance(0.08)
  const windowMs = pick(500, 500, 500, 500, 500, 500, 300, 100)
  const isFast = windowMs === 100
  const linkDelayMs = pick(0.05, 0.1, 0.1, 1, 5, isFast ? 5 : 50)
  const deliverMs = pick(0.05, 0.2, 0.2, 3)
  return {
    ...calm,
    seed,
    heartbeatMs: windowMs / 5,
    windowMs,
    hangAfterMs: Math.max(windowMs * pick(1, 1.2), 100),
    ackTimeoutMs: windowMs,
    deliverTimeoutMs: pick(1_000, 10_000),
    linkDelayMs,
    beatDelayMs: pick(0.05, 0.1, 0.1, 1, 5, isFast ? 5 : 50),
    ...(chance(0.3) ? { beatLoss: between(0.01, 0.3), mostBeatsLostInRow: 1 } : {}),
    beatDuplicates: chance(0.3) ? 0.1 : 0,
    rateA: chance(0.3) ? between(0.995, 1.005) : 1,
    rateB: chance(0.3) ? between(0.995, 1.005) : 1,
    wallA: chance(0.3) ? pick(-5_000, 3_600_000, 800) : 0,
    wallB: chance(0.3) ? pick(-5_000, 3_600_000, 800) : 0,
    pieceMs: pick(0.001, 0.01, 0.1),
    highWaterPieces: pick(1, 4, 1_000),
    chunks: pick(1, 5, 30),
    ballastBytes: pick(0, 0, 10_000, 40_000),
    queueBytes: isLarge ? 40_000 : pick(4_096, 65_536, 8_388_608),
    unacknowledgedBytes: pick(65_536, 262_144, 8_388_608),
    lagFrames: pick(1_024, 100_000),
    outboxBytes: pick(2_097_152, 8_388_608),
    // One round trip, of the link or of a delivery, for every `inFlight` outputs.
    inFlight: Math.max(linkDelayMs, deliverMs) > 0.5 ? 64 : pick(1, 4, 64),
    channels: 1 + Math.floor(random() * 3),
    deliverMs,
    lost: chance(0.4) ? 0.02 : 0,
    synchronous: chance(0.2) ? pick(0.3, 1) : 0,
    throwing: chance(0.2) ? 0.02 : 0,
    corruptChunks: chance(0.1) ? 0.05 : 0,
    failedRestores: chance(0.1) ? 0.1 : 0,
    sources: 1 + Math.floor(random() * 3),
    pace: pick(0.2, 0.5, 1),
    rate: pick(1, 1, 3),
    sends: pick(0.3, 0.5),
    throws: chance(0.2) ? 0.05 : 0,
    diverges: chance(0.1) ? 0.005 : 0,
    poisons: chance(0.1) ? 0.01 : 0,
    timers: chance(0.4) ? 0.1 : 0,
    isLarge,
  }
}

/** Every fifth seed has its state in a region, which nothing can be put into that has no clone. */
function sharedOrNot(settings: Settings): Settings {
  const isShared = settings.seed % 5 === 3
  return isShared ? { ...settings, isShared, poisons: 0 } : settings
}

/** Half of the seeds have units that are processes; some of those are slow in what they do. */
function unitsOf({ seed, windowMs }: Settings, { chance, pick, between }: Draw): Partial<Settings> {
  if (chance(0.5)) return {}
  // In some about a window: then the gate lapses on the way, or just does not.
  const around = () => (seed % 4 === 2 ? between(0.8, 1.2) * windowMs : 0.5)
  const [unitA, unitB] = pick([true, true], [true, false], [false, true])
  return {
    unitA,
    unitB,
    ipcMs: pick(0.05, 0.1, 5),
    joinMs: pick(0, 0.5, 20, chance(0.3) ? between(100, 900) : 2),
    unitStartMs: pick(40, 40, 450, 700),
    portsMs: pick(0, 0.1, 3, chance(0.5) ? between(20, 600) : around()),
    killsHung: chance(0.4),
  }
}

/** Half of the seeds have an arbiter, near or far. */
function arbiterOf({ chance, pick }: Draw): Partial<Settings> {
  if (chance(0.5)) return {}
  return { hasArbiter: true, arbiterMs: pick(0.1, 0.3, 5, 30) }
}

/** Half of the seeds have folders, on disks that are fast or slow. */
function folderOf({ chance, pick }: Draw): Partial<Settings> {
  if (chance(0.5)) return {}
  return { hasFolder: true, diskMs: pick(0.05, 0.3, 5, 40) }
}

/** Which kinds of fault a seed has. */
type Kind = (typeof allKinds)[number]

const allKinds = [
  'kill primary',
  'kill standby',
  'close primary',
  'close standby',
  'stop primary',
  'stop standby',
  'block primary',
  'block standby',
  'slow standby',
  'break',
  'flap',
  'blink',
  'split',
  'deaf',
  'receiver down',
  'receiver stuck',
  'wall',
  'switchover',
  'unit-kill primary',
  'unit-kill standby',
  'unit-cut primary',
  'unit-cut standby',
  'unit-stop primary',
  'unit-stop standby',
  'both-kill primary',
  'both-kill standby',
  'moved primary',
  'arbiter-gone',
  'arbiter-late',
  'disk-down',
  'alone',
] as const

const ofUnits = /^(unit-|both-|moved )/
const ofArbiter = /^arbiter-/
const ofFolder = /^(disk-down|alone)$/
/** A unit that starts in time has its server back by then. */
const movedMs = 1_560

function kindsOf(settings: Settings, { chance }: Draw): readonly Kind[] {
  const units = drawOf(streamOf(settings.seed, 'unit kinds'))
  const hasUnits = settings.unitA || settings.unitB
  const { hasArbiter } = settings
  const arbiter = drawOf(streamOf(settings.seed, 'arbiter kinds'))
  const folder = drawOf(streamOf(settings.seed, 'folder kinds'))
  const kinds = allKinds.filter((kind) => {
    if (ofArbiter.test(kind)) return hasArbiter && arbiter.chance(0.5)
    if (ofFolder.test(kind)) return settings.hasFolder && folder.chance(0.5)
    return ofUnits.test(kind) ? hasUnits && units.chance(0.6) : chance(0.45)
  })
  const isDiverging = settings.diverges > 0
  const isSplit = chance(0.06)
  const hasSplits = hasArbiter ? arbiter.chance(0.5) : isSplit
  const isCloseSafe = !isDiverging && chance(0.5)
  const left = kinds.filter((kind) => {
    switch (kind) {
      // A standby that diverges gives its place up; a primary that goes away then was the last.
      case 'kill primary':
      case 'stop primary':
      case 'block primary':
      case 'unit-kill primary':
      case 'unit-cut primary':
      case 'unit-stop primary':
      case 'both-kill primary':
      case 'moved primary':
        return !isDiverging
      // A primary that closes waits for its receivers. A standby that has to load again meanwhile
      // finds nobody to load from.
      case 'close primary':
        return isCloseSafe
      case 'receiver down':
      case 'receiver stuck':
        return !isCloseSafe
      case 'split':
        return hasSplits
      default:
        return true
    }
  })
  // A clock that is set is no fault that anybody has to survive.
  const hasFaults = left.some((kind) => kind !== 'wall')
  return hasFaults ? left : [...left, 'kill standby', 'break']
}

class Episodes {
  readonly #settings: Settings
  readonly #kinds: readonly Kind[]
  readonly #draw: Draw
  readonly #steps: Step[] = []
  #inputs = 0

  constructor(settings: Settings, kinds: readonly Kind[], draw: Draw) {
    this.#settings = settings
    this.#kinds = kinds
    this.#draw = draw
  }

  all(): readonly Step[] {
    const { between, chance } = this.#draw
    const times: number[] = []
    for (let at = firstFaultMs; at < lastFaultMs; at += between(2_500, 4_500)) times.push(at)
    const each = Math.ceil(inputCount / times.length)
    this.#at(0, { do: 'start', who: 'a' })
    this.#at(this.#draw.chance(0.5) ? 0 : between(0, 1_500), { do: 'start', who: 'b' })
    for (const at of times) this.#episode(at, each)
    this.#at(lastFaultMs + 1_000, { do: 'feed', count: Math.max(1, inputCount - this.#inputs) })
    this.#steps.sort((one, other) => one.ms - other.ms)
    this.#at(lastFaultMs + 1_500, { do: 'heal' })
    const hasSplits = this.#kinds.includes('split')
    if (!hasSplits && this.#settings.diverges === 0 && chance(0.3)) this.#end()
    return this.#steps
  }

  #after(ms: number, deed: Deed): void {
    this.#steps.push({ when: 'after', ms, ...deed })
  }

  /**
   * The end of a pair: who holds all goes away, and what is left must not rule over it. The news
   * that the other went on alone does not get through, or is late.
   */
  #end(): void {
    const { pick, between, chance } = this.#draw
    const { windowMs, linkDelayMs, unitA, unitB } = this.#settings
    const rest = () => this.#after(4 * windowMs, { do: 'rest' })
    if ((unitA || unitB) && chance(0.3)) {
      this.#endUnheard()
      return rest()
    }
    if (chance(0.3)) {
      this.#after(10, { do: 'feed', count: 5 })
      this.#after(between(0, 5), { do: 'kill', who: 'standby', forMs: 1, ifSpare: false })
      this.#after(1, { do: 'feed', count: 60 })
      const loadMs = chance(0.5) ? 0 : between(0, 10 + 8 * linkDelayMs)
      const isReady = loadMs === 0
      if (isReady) this.#after(0, { do: 'seek', until: 'standby is standby', withinMs: 200 })
      this.#after(loadMs, { do: 'kill', who: 'primary', forMs: undefined, ifSpare: false })
      return rest()
    }
    if (chance(0.3)) {
      // Whoever is to rule stands still when it is told, and the other one has to take it back.
      this.#after(0, { do: 'switchover', who: 'primary', withinMs: 1_000 })
      const forMs = 4 * windowMs
      const victim = pick('a', 'b')
      const delayMs = between(0, 1.5 * linkDelayMs)
      this.#after(delayMs, { do: 'block', who: victim, forMs, ifSpare: false })
      this.#after(0, { do: 'seek', until: 'other is solo', withinMs: 3 * windowMs })
      this.#after(0, { do: 'cut', from: 'other', forMs: this.#blinkMs() })
      this.#after(1, { do: 'feed', count: 10 })
      this.#after(between(0, 50), { do: 'kill', who: 'other', forMs: undefined, ifSpare: false })
      return rest()
    }
    const who = pick('primary', 'standby')
    const verb = pick('stop', 'block')
    this.#after(10, { do: 'feed', count: 10 })
    const forMs = (chance(0.4) ? between(0.8, 1.2) : 4) * windowMs
    this.#after(between(0, 3), { do: verb, who, forMs, ifSpare: true })
    this.#after(between(0, 3), { do: 'feed', count: 10 })
    if (chance(0.5)) {
      // Deaf before the other one asks for anything.
      this.#after(between(0.9, 1.2) * windowMs, {
        do: 'cut',
        from: 'other',
        forMs: this.#blinkMs(),
      })
      this.#after(0, { do: 'seek', until: 'other is solo', withinMs: windowMs })
    } else {
      this.#after(0, { do: 'seek', until: 'other is solo', withinMs: 2 * windowMs })
      this.#after(0, { do: 'cut', from: 'other', forMs: this.#blinkMs() })
    }
    this.#after(1, { do: 'feed', count: 10 })
    this.#after(between(0, 50), { do: 'kill', who: 'other', forMs: undefined, ifSpare: false })
    this.#after(4 * windowMs, { do: 'feed', count: 5 })
    rest()
  }

  /** What a standby has given up is known to its unit alone, which dies, and so does all else. */
  #endUnheard(): void {
    const { between } = this.#draw
    const { windowMs } = this.#settings
    this.#after(10, { do: 'feed', count: 10 })
    this.#after(between(0, 3), { do: 'block', who: 'standby', forMs: 4 * windowMs, ifSpare: false })
    this.#after(0, { do: 'break' })
    this.#after(between(0, 3), { do: 'feed', count: 10 })
    this.#after(0, { do: 'seek', until: 'other is solo', withinMs: 3 * windowMs })
    this.#after(0, { do: 'cut', from: 'other', forMs: this.#blinkMs() })
    this.#after(between(0, 5), { do: 'unit-kill', who: 'victim', ifSpare: false })
    this.#after(1, { do: 'feed', count: 10 })
    this.#after(between(0, 50), { do: 'both-kill', who: 'other', forMs: undefined, ifSpare: false })
  }

  #at(ms: number, deed: Deed): void {
    this.#steps.push({ when: 'at', ms, ...deed })
  }

  #feed(ms: number, count: number): void {
    this.#inputs += count
    this.#at(ms, { do: 'feed', count })
  }

  #episode(at: number, inputs: number): void {
    const { between, chance, pick } = this.#draw
    this.#feed(at - between(500, 1_200), trickle)
    // Work is under way when something happens, and comes while it lasts.
    const early = Math.floor(inputs * between(0.3, 0.8))
    this.#feed(at - between(0, 20), early)
    this.#feed(at + between(0, 2 * this.#settings.windowMs), Math.max(1, inputs - early - trickle))
    let when = at
    const count = pick(1, 1, 2, 2, 3)
    for (let index = 0; index < count; index += 1) {
      const kind = this.#kinds[Math.floor(this.#draw.random() * this.#kinds.length)]
      if (kind === undefined) return
      when += chance(0.3) ? between(0, 10) : this.#meaningfulMs()
      this.#fault(when, kind)
    }
  }

  /** A pause after which the moment may be a bad one: about a verdict, a question, a round trip. */
  #meaningfulMs(): number {
    const { windowMs, ackTimeoutMs, hangAfterMs, heartbeatMs, linkDelayMs } = this.#settings
    const { pick, between } = this.#draw
    const about = pick(windowMs, ackTimeoutMs * 1.25, hangAfterMs, heartbeatMs, 4 * linkDelayMs)
    return about + between(-0.1, 0.3) * heartbeatMs
  }

  /** How long somebody stands still: shorter than a window, about as long, or long. */
  #stillMs(): number {
    const { windowMs } = this.#settings
    const { pick, between } = this.#draw
    const factor = pick(between(0.05, 0.4), between(0.7, 1.4), between(1.4, 3))
    return factor * windowMs
  }

  #downMs(): number {
    return this.#draw.chance(0.3) ? this.#draw.between(0, 20) : this.#draw.between(0, 1_000)
  }

  #fault(at: number, kind: Kind): void {
    const { pick, between, chance } = this.#draw
    const { windowMs, channels } = this.#settings
    const channel = Math.floor(this.#draw.random() * channels)
    const [verb, who] = kind.split(' ') as [string, Who]
    switch (kind) {
      case 'kill primary':
      case 'kill standby':
      case 'close primary':
      case 'close standby': {
        const deed = verb === 'kill' ? 'kill' : 'close'
        return this.#at(at, { do: deed, who, forMs: this.#downMs(), ifSpare: true })
      }
      case 'moved primary': {
        // Its beats are at a new unit when it dies, amid its work.
        const later = at + movedMs + this.#settings.joinMs + between(0, 300)
        this.#at(at, { do: 'unit-kill', who, ifSpare: true })
        this.#feed(later - between(0, 10), 15)
        return this.#at(later, { do: 'kill', who, forMs: this.#downMs(), ifSpare: true })
      }
      case 'both-kill primary':
      case 'both-kill standby':
        return this.#at(at, { do: 'both-kill', who, forMs: this.#downMs(), ifSpare: true })
      case 'unit-kill primary':
      case 'unit-kill standby':
        return this.#at(at, { do: 'unit-kill', who, ifSpare: true })
      case 'unit-cut primary':
      case 'unit-cut standby':
        return this.#at(at, { do: 'unit-cut', who, ifSpare: true })
      case 'unit-stop primary':
      case 'unit-stop standby':
        return this.#at(at, { do: 'unit-stop', who, forMs: this.#stillMs(), ifSpare: true })
      case 'stop primary':
      case 'stop standby':
        return this.#at(at, { do: 'stop', who, forMs: this.#stillMs(), ifSpare: true })
      case 'block primary':
      case 'block standby':
        return this.#at(at, { do: 'block', who, forMs: this.#stillMs(), ifSpare: false })
      case 'slow standby': {
        const eachMs = pick(0.5, 2, 10)
        return this.#at(at, { do: 'slow', who, eachMs, forMs: between(50, 1_000) })
      }
      case 'break':
        return this.#at(at, { do: 'break' })
      case 'flap': {
        for (let count = 0; count < 3; count += 1) this.#at(at + between(0, 60), { do: 'break' })
        return
      }
      case 'blink':
        return this.#at(at, { do: 'cut', from: pick('a', 'b', 'both'), forMs: this.#blinkMs() })
      case 'arbiter-gone':
      case 'arbiter-late': {
        const forMs = pick(between(1, windowMs), between(1, 4) * windowMs)
        return this.#at(at, { do: kind, from: pick('a', 'b', 'both', 'both'), forMs })
      }
      case 'disk-down':
        return this.#at(at, { do: kind, from: pick('a', 'b', 'both'), forMs: this.#downMs() })
      case 'alone': {
        // Whoever starts blank and hears nobody must know that somebody may hold the state.
        const forMs = between(2, 6) * windowMs
        this.#at(at, { do: 'kill', who: 'standby', forMs: between(0, forMs), ifSpare: true })
        const later = at + between(10, windowMs)
        return this.#at(later, { do: 'cut', from: pick('a', 'b', 'both', 'both'), forMs })
      }
      case 'split': {
        const forMs = between(1, 4) * windowMs
        return this.#at(at, { do: 'cut', from: pick('a', 'b', 'both'), forMs })
      }
      case 'deaf':
        return this.#at(at, { do: 'deaf', who: pick('a', 'b'), forMs: between(10, 1_000) })
      case 'receiver down':
      case 'receiver stuck': {
        const how = kind === 'receiver down' ? 'down' : 'stuck'
        return this.#at(at, { do: 'receiver', channel, how, forMs: between(10, 1_000) })
      }
      case 'switchover':
        return this.#at(at, { do: 'switchover', who: 'primary', withinMs: pick(100, 2_000) })
      case 'wall':
        return this.#at(at, {
          do: 'wall',
          who: chance(0.5) ? 'a' : 'b',
          byMs: pick(-3_000, 3_000, -50, 50),
        })
    }
  }

  /** A cut that no window is filled by, whatever is lost around it. */
  #blinkMs(): number {
    const { windowMs, heartbeatMs, beatDelayMs, mostBeatsLostInRow } = this.#settings
    const most = windowMs - (2 + mostBeatsLostInRow) * heartbeatMs - 1.5 * beatDelayMs
    return this.#draw.between(0, Math.max(1, most - 5))
  }
}
