/**
 * Two members in a world small enough to be walked through whole: what is in it, and when two
 * worlds are the same.
 *
 * A member is its rules' state and what its server and beat thread hold: a log of frames with one
 * letter each, a feed, a load that was asked for, one beat under way, a queue of packets. There is
 * no time. What may happen in it stands in `laws.ts`.
 */

import type { Presence, State } from '#lib/core/state.js'
import { initialState } from '#lib/core/step.js'
import { type HistoryId, type Incarnation, incarnationOf } from '#lib/units.js'

/** How often what may happen at all. */
export interface Bounds {
  readonly frames: number
  readonly deaths: number
  readonly stalls: number
  readonly cuts: number
  readonly closes: number
  readonly switchovers: number
  /** An event loop that hangs, for as long as it likes. */
  readonly hangs: number
  /**
   * A mirror that finds itself out of step, or is told to renounce because it acknowledges too
   * late.
   */
  readonly renouncements: number
  readonly onLoss: 'wait' | 'go'
}

/** A promise of the pair is broken in this world. */
export class Broken extends Error {}

export type Packet =
  | { readonly type: 'refuse-resume' }
  | { readonly type: 'ask-load' | 'refuse-load'; readonly ask: number }
  | {
      readonly type: 'ask-resume'
      readonly epoch: number
      readonly history: HistoryId
      readonly frames: number
    }
  | {
      readonly type: 'load'
      readonly ask: number
      readonly epoch: number
      readonly history: HistoryId
      readonly log: string
    }
  | {
      readonly type: 'frame'
      readonly epoch: number
      readonly frameNo: number
      readonly letter: string
    }
  | { readonly type: 'acknowledge' | 'resume'; readonly epoch: number; readonly frames: number }
  | { readonly type: 'in-sync'; readonly epoch: number; readonly incarnation: Incarnation }
  | {
      readonly type: 'hand-over'
      readonly former: number
      readonly epoch: number
      readonly frames: number
      readonly ask: number
    }

export interface Beat {
  readonly incarnation: Incarnation
  readonly presence: Presence
  readonly seq: bigint
  readonly answered: bigint
}

export interface Feed {
  readonly to: Incarnation
  /** The ask that its load answers. */
  readonly ask: number
  readonly epoch: number
  sent: number
  acked: number
  isNear: boolean
  barrier: number | undefined
}

/** One member: its rules, and what its server and beat thread hold. */
export interface Side {
  life: 'up' | 'still' | 'waking' | 'dead'
  incarnation: Incarnation
  state: State
  presence: Presence | undefined
  /** Own beats are numbered by the stalls before them; `heard`: the newest of the other's. */
  seq: bigint
  heard: bigint
  /** Numbers for the draw that were used up: no two are alike. */
  draws: bigint
  isGateOpen: boolean
  isHung: boolean
  /** The reign that the beat thread has given up and the rules do not know of yet; 0: none. */
  gaveUp: number
  timers: string
  log: string
  ruling: number | undefined
  release: 'all' | 'acknowledged'
  /** Intake is held for a switchover. */
  isHolding: boolean
  /** The newest ask of the one that handed its rule over. */
  askOfFormer: number
  feed: Feed | undefined
  follow: { readonly epoch: number; readonly mayAcknowledge: boolean } | undefined
  /** Asks for a load so far on this link; `awaited`: the one that was not given up since. */
  asked: number
  awaited: number | undefined
  /** The newest ask of the other that is not answered; 0: none. */
  askedBy: number
  resumeFrom: number
  /** The incarnation at the other end, while this side takes the link for up. */
  link: Incarnation | undefined
  /** The last beat that the other one sent, not heard yet. */
  beat: Beat | undefined
  /** Packets on their way to this side. */
  inbound: Packet[]
}

export interface World {
  readonly sides: readonly [Side, Side]
  isLinkBroken: boolean
  /** The letter of each frame that was accepted or released in this history. */
  promised: string
  histories: number
  deaths: number
  stalls: number
  cuts: number
  closes: number
  switchovers: number
  hangs: number
  renouncements: number
}

const longestQueue = 4
const mostAsks = 2

export function other(side: number): 0 | 1 {
  return side === 0 ? 1 : 0
}

export function sideOf(world: World, side: number): Side {
  return side === 0 ? world.sides[0] : world.sides[1]
}

export function blankSide(incarnation: Incarnation): Side {
  return {
    life: 'dead',
    incarnation,
    state: initialState(1n),
    presence: undefined,
    seq: 0n,
    heard: 0n,
    draws: 0n,
    isGateOpen: false,
    isHung: false,
    gaveUp: 0,
    timers: '',
    log: '',
    ruling: undefined,
    release: 'all',
    isHolding: false,
    askOfFormer: 0,
    feed: undefined,
    follow: undefined,
    asked: 0,
    awaited: undefined,
    askedBy: 0,
    resumeFrom: 0,
    link: undefined,
    beat: undefined,
    inbound: [],
  }
}

export function drawOf({ incarnation, draws }: Side): bigint {
  return incarnation * 16n + draws
}

/** Both members are down; nothing was ever promised. */
export function firstWorld(): World {
  return {
    sides: [blankSide(incarnationOf(10n)), blankSide(incarnationOf(20n))],
    isLinkBroken: true,
    promised: '',
    histories: 0,
    deaths: 0,
    stalls: 0,
    cuts: 0,
    closes: 0,
    switchovers: 0,
    hangs: 0,
    renouncements: 0,
  }
}

/** A copy that can be changed without touching `world`. */
export function copyOf(world: World): World {
  const [a, b] = world.sides
  return { ...world, sides: [copyOfSide(a), copyOfSide(b)] }
}

function copyOfSide(side: Side): Side {
  const feed = side.feed && { ...side.feed }
  return { ...side, feed, inbound: [...side.inbound] }
}

export function acknowledge(world: World, index: number): void {
  const { follow, log } = sideOf(world, index)
  if (!follow?.mayAcknowledge) return
  push(world, index, { type: 'acknowledge', epoch: follow.epoch, frames: log.length })
}

export function pump(world: World, index: number): void {
  const side = sideOf(world, index)
  const { feed, log } = side
  if (feed === undefined || side.link !== feed.to) return
  for (; feed.sent < log.length; feed.sent += 1) {
    const letter = log.charAt(feed.sent)
    push(world, index, { type: 'frame', epoch: feed.epoch, frameNo: feed.sent + 1, letter })
  }
}

export function push(world: World, from: number, packet: Packet): void {
  if (sideOf(world, from).link === undefined || world.isLinkBroken) return
  const { inbound } = sideOf(world, other(from))
  inbound.push(packet)
}

export function postpone(world: World, index: number): void {
  const side = sideOf(world, index)
  if (side.askedBy !== 0) push(world, index, { type: 'refuse-load', ask: side.askedBy })
  side.askedBy = 0
}

export function dropFeed(world: World, index: number): void {
  const side = sideOf(world, index)
  const { feed } = side
  side.feed = undefined
  if (feed && side.link === feed.to) push(world, index, { type: 'refuse-load', ask: feed.ask })
}

export function breakLink(world: World, isKept: boolean): void {
  world.isLinkBroken = true
  if (isKept) return
  for (const side of world.sides) side.inbound.length = 0
}

/** Whether more stands on the link than this world looks at. */
export function isBeyond(world: World): boolean {
  return world.sides.some(({ inbound, asked }) => inbound.length > longestQueue || asked > mostAsks)
}

const numbers = new WeakMap<object, number>()
const numbersByText = new Map<string, number>()

/** The same number for equal values. */
export function numberOf(value: object): number {
  const known = numbers.get(value)
  if (known !== undefined) return known
  const text = textOf(value)
  const number = numbersByText.get(text) ?? numbersByText.size
  numbersByText.set(text, number)
  numbers.set(value, number)
  return number
}

/**
 * The same text for equal values: fields in the order in which they were made, the same for one
 * type.
 */
export function textOf(value: object): string {
  let text = ''
  for (const [name, part] of Object.entries(value)) {
    // The count of failed loads sets a delay and nothing else; here it would only count up.
    if (name === 'failures' || part === undefined) continue
    const isPlain = typeof part !== 'object' || part === null
    text += `${name}:${isPlain ? part : numberOf(part)} `
  }
  return text
}

/** The same text for equal worlds. */
export function keyOf(world: World): string {
  const { sides, isLinkBroken, promised, histories } = world
  const { deaths, stalls, cuts, closes, switchovers, hangs, renouncements } = world
  const happened = `${deaths}${stalls}${cuts}${closes}${switchovers}${hangs}${renouncements}`
  const counts = `${happened}${isLinkBroken ? '-' : '+'}`
  return `${counts}${promised} ${histories}|${keyOfSide(sides[0])}|${keyOfSide(sides[1])}`
}

function keyOfSide(side: Side): string {
  const {
    life,
    incarnation,
    state,
    presence,
    seq,
    heard,
    draws,
    isGateOpen,
    isHung,
    gaveUp,
    timers,
    log,
  } = side
  const { ruling, release, feed, follow, asked, awaited, askedBy } = side
  const { resumeFrom, link, beat, inbound } = side
  const own = `${life} ${incarnation} ${seq} ${heard} ${draws} ${numberOf(state)} ${log}`
  const gate = `${isGateOpen ? '+' : '-'}${isHung ? '!' : ''}${gaveUp || ''}${side.isHolding ? 'h' : ''}${side.askOfFormer} `
  const duties = `${gate}${timers}${ruling} ${release} ${resumeFrom} ${asked} ${awaited} ${askedBy}`
  const ends = `${feed ? numberOf({ ...feed }) : ''} ${follow ? numberOf(follow) : ''} ${link}`
  const beats = `${presence ? numberOf(presence) : ''} ${beat ? numberOf(beat) : ''}`
  const moving = `${beats} ${inbound.map(numberOf)}`
  return `${own},${duties},${ends},${moving}`
}
