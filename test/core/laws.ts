/**
 * What may happen in the world of two members, around the real `step`.
 *
 * What `step` asks for is done by a model of the server. Beats go through one place each way (a
 * newer one replaces an older one: loss); the data link is a queue each way, in order, that can
 * break with or without what stands in it. Verdicts are true: `process-gone` only of a dead
 * incarnation, `unreachable` only of one that stands still beyond its window, which the beat thread
 * notices on waking, before it says anything else. Inputs are taken by whoever rules.
 *
 * `Broken` is thrown with a sentence as soon as a promise is broken. Decides nothing of lib/core.
 */

import type { Effect, Transition } from '#lib/core/effect.js'
import type { Happening, TimerName } from '#lib/core/event.js'
import { brokenInvariant } from '#lib/core/invariants.js'
import { renounceable } from '#lib/core/presence.js'
import type { CoreConfig, State } from '#lib/core/state.js'
import { initialState, step } from '#lib/core/step.js'
import { epochOf, type Incarnation, incarnationOf, instant, millis } from '#lib/units.js'
import { endRule, handedOver, handOver, mayMissHandover, succeed } from './handing.js'
import {
  type Action,
  actionsOfHung,
  addMiseries,
  addVerdicts,
  type May,
  names,
} from './misfortunes.js'
import {
  acknowledge,
  type Bounds,
  Broken,
  blankSide,
  breakLink,
  drawOf,
  dropFeed,
  numberOf,
  other,
  type Packet,
  postpone,
  pump,
  push,
  type Side,
  sideOf,
  textOf,
  type World,
} from './world.js'
import {
  beatOf,
  begin,
  brokenStandby,
  commit,
  hasNews,
  isEnded,
  isUp,
  mayGiveUp,
  mayStartWindowEnd,
  rule,
  without,
} from './world-rules.js'

/** The rules of one world: what may happen in it, and what does. */
export class Laws {
  readonly bounds: Bounds
  readonly #decide: typeof step
  readonly #answers = new Map<string, Transition<State>>()

  /** `decide`: another `step`, to see that a wrong one is found out. */
  constructor(bounds: Bounds, decide: typeof step = step) {
    this.bounds = bounds
    this.#decide = decide
  }

  /** Everything that may happen next. */
  actions(world: World): Action[] {
    return [...this.#ofSide(world, 0), ...this.#ofSide(world, 1), ...this.#ofLink(world)]
  }

  /** A sentence for what does not hold in `world`. */
  brokenPromise(world: World): string | undefined {
    const [a, b] = world.sides
    const rulers = [a, b].filter(
      (side) => side.life === 'up' && side.ruling !== undefined && side.isGateOpen,
    )
    if (rulers.length === 2 && rulers.every(({ release }) => release === 'all')) {
      return 'two members may send unacknowledged'
    }
    for (const side of rulers) {
      const isHighest = rulers.every(({ ruling }) => (ruling ?? 0) <= (side.ruling ?? 0))
      if (isHighest && !side.log.startsWith(world.promised)) {
        return 'what was accepted or released is missing in the ruling member'
      }
    }
    return brokenStandby(world, a, b) ?? brokenStandby(world, b, a)
  }

  #ofSide(world: World, index: number): Action[] {
    const side = sideOf(world, index)
    const twin = sideOf(world, other(index))
    const actions: Action[] = []
    const may: May = (name, run, isFault = false) =>
      actions.push({ name: `${names[index]} ${name}`, run, isFault })
    if (side.life === 'dead') {
      may('starts', (next) => this.#start(next, index))
      return actions
    }
    if (side.life === 'still') {
      may('wakes', (next) => {
        const waking = sideOf(next, index)
        waking.life = 'waking'
        waking.isGateOpen = false
      })
      return actions
    }
    if (mayGiveUp(side)) {
      may('gives its reign up natively', (next) => {
        const giving = sideOf(next, index)
        giving.gaveUp = renounceable(giving.state)
        giving.isGateOpen = false
      })
    }
    if (side.isHung) return [...actions, ...actionsOfHung(this, world, index)]
    if (side.inbound.length > 0)
      may(`reads ${side.inbound[0]?.type}`, (next) => this.#read(next, index))
    if (side.life === 'waking') {
      may('notices that it stood still', (next) => this.#notice(next, index))
      return actions
    }
    addMiseries(this, world, index, may)
    if (hasNews(side, twin)) {
      may('beats', (next) => {
        sideOf(next, other(index)).beat = beatOf(sideOf(next, index))
      })
    }
    if (side.beat) may('hears', (next) => this.#hear(next, index))
    addVerdicts(this, world, index, may)
    for (const name of side.timers.split(' ').filter((name) => name !== '')) {
      if (name === 'start' && !mayStartWindowEnd(side, twin)) continue
      if (name === 'handover' && !mayMissHandover(side, twin)) continue
      may(`timer ${name}`, (next) => {
        const due = sideOf(next, index)
        due.timers = without(due.timers, name)
        this.post(next, index, { type: 'timer', name: name as TimerName })
      })
    }
    const { ruling, log, state } = side
    const isOpen = log.length < this.bounds.frames && !side.isHolding
    if (ruling !== undefined && isOpen && state.role === 'primary') {
      may('takes an input', (next) => this.#input(next, index))
    }
    if (side.link !== undefined && world.isLinkBroken && side.inbound.length === 0) {
      may('sees the link down', (next) => this.#linkDown(next, index))
    }
    return actions
  }

  #ofLink(world: World): Action[] {
    const [a, b] = world.sides
    const isDown = a.link === undefined && b.link === undefined
    if (isDown && isUp(a) && isUp(b)) {
      return [{ name: 'link up', run: (next) => this.#linkUp(next), isFault: false }]
    }
    if (world.isLinkBroken || world.cuts >= this.bounds.cuts) return []
    const cut = (isKept: boolean) => (next: World) => {
      next.cuts += 1
      breakLink(next, isKept)
    }
    const actions: Action[] = [{ name: 'link cut', run: cut(true), isFault: true }]
    if (a.inbound.length + b.inbound.length === 0) return actions
    return [...actions, { name: 'link cut, and what was on it', run: cut(false), isFault: true }]
  }

  /** An event for the rules of one side; what its beat thread has given up is decided first. */
  post(world: World, index: number, happening: Happening): void {
    const side = sideOf(world, index)
    const { gaveUp } = side
    side.gaveUp = 0
    if (gaveUp !== 0) this.#decideOn(world, index, { type: 'fenced', epoch: epochOf(gaveUp) })
    this.#decideOn(world, index, happening)
  }

  #decideOn(world: World, index: number, happening: Happening): void {
    const side = sideOf(world, index)
    const { state, effects } = this.#step(side, index, happening, world.histories)
    if (state.role === 'starting' && state.draw !== drawOf(side)) side.draws += 1n
    side.state = state
    for (const effect of effects) this.#do(world, index, effect)
  }

  /** `step` is pure: asked once for each state and event. */
  #step(side: Side, index: number, happening: Happening, histories: number): Transition<State> {
    const { incarnation, state: from } = side
    const asker = `${incarnation} ${side.draws} ${histories} ${numberOf(from)}`
    const question = `${asker} ${textOf(happening)}`
    const known = this.#answers.get(question)
    if (known) return known
    const config = this.#configOf(side, index)
    const entropy = (BigInt(histories + 1) << 64n) | (drawOf(side) + 1n)
    const event = { ...happening, now: instant(0), wall: 0, entropy }
    const { state, effects } = this.#decide(from, event, config)
    const broken = brokenInvariant(from, state, config)
    if (broken) throw new Broken(`${names[index]}: ${broken}`)
    const answer = { state, effects }
    this.#answers.set(question, answer)
    return answer
  }

  #configOf(side: Side, index: number): CoreConfig {
    return {
      self: index === 0 ? 'a' : 'b',
      incarnation: side.incarnation,
      settings: 1n,
      startWindow: millis(1),
      window: millis(1),
      hasArbiter: false,
      headStart: millis(0),
      onLoss: this.bounds.onLoss,
      onSuspect: 'retry',
      onStuckDeliver: 'retry',
    }
  }

  #start(world: World, index: number): void {
    const former = sideOf(world, index)
    const { beat } = former
    const incarnation = incarnationOf(former.incarnation + 1n)
    Object.assign(former, blankSide(incarnation), { life: 'up', beat })
    former.state = initialState(drawOf(former))
    this.post(world, index, { type: 'opened' })
  }

  die(world: World, index: number, isKept: boolean): void {
    const side = sideOf(world, index)
    if (!isEnded(side)) world.deaths += 1
    const { incarnation, beat } = side
    const outbound = sideOf(world, other(index)).inbound
    Object.assign(side, blankSide(incarnation), { beat })
    world.isLinkBroken = true
    if (!isKept) outbound.length = 0
  }

  #notice(world: World, index: number): void {
    const side = sideOf(world, index)
    side.life = 'up'
    side.seq += 1n
    this.post(world, index, { type: 'stalled', seq: side.seq })
  }

  #hear(world: World, index: number): void {
    const side = sideOf(world, index)
    const { beat } = side
    side.beat = undefined
    if (beat === undefined) return
    side.heard = beat.seq
    const { incarnation, presence, answered } = beat
    this.post(world, index, { type: 'heard', incarnation, presence, answered })
  }

  #linkUp(world: World): void {
    const [a, b] = world.sides
    world.isLinkBroken = false
    for (const side of world.sides)
      Object.assign(side, { asked: 0, awaited: undefined, askedBy: 0, inbound: [] })
    a.link = b.incarnation
    b.link = a.incarnation
    this.post(world, 0, { type: 'link-up', incarnation: b.incarnation })
    this.post(world, 1, { type: 'link-up', incarnation: a.incarnation })
  }

  #linkDown(world: World, index: number): void {
    const side = sideOf(world, index)
    const { link } = side
    side.link = undefined
    if (link !== undefined) this.post(world, index, { type: 'link-down', incarnation: link })
  }

  #input(world: World, index: number): void {
    const side = sideOf(world, index)
    side.log += String.fromCharCode(64 + (side.ruling ?? 0))
    pump(world, index)
    commit(world, side)
  }

  #do(world: World, index: number, effect: Effect): void {
    const side = sideOf(world, index)
    switch (effect.type) {
      case 'announce':
        side.presence = effect.presence
        return
      case 'set-timer':
        side.timers = `${without(side.timers, effect.name)}${effect.name} `
        return
      case 'clear-timer':
        side.timers = without(side.timers, effect.name)
        return
      case 'open-gate':
      case 'close-gate':
        side.isGateOpen = effect.type === 'open-gate'
        return
      case 'store-record':
      case 'settle':
      case 'stop-intake':
      case 'stop':
      case 'tell-role':
      case 'tell-mode':
      case 'tell-resync':
      case 'tell-switchover':
        return
      default:
        this.#serve(world, index, effect)
    }
  }

  #serve(world: World, index: number, effect: Effect): void {
    const side = sideOf(world, index)
    switch (effect.type) {
      case 'begin':
        return begin(world, index, effect.epoch, effect.over)
      case 'take-over':
      case 'go-solo':
        return rule(world, side, effect.epoch)
      case 'demote':
        return endRule(side)
      case 'hold-intake':
        side.isHolding = true
        return this.#checkDrained(world, index)
      case 'release-intake':
        side.isHolding = false
        return
      case 'hand-over':
        return handOver(world, index, effect)
      case 'succeed':
        return succeed(world, index, effect)
      case 'read-out':
        while (side.inbound.length > 0) this.#read(world, index)
        breakLink(world, true)
        return this.#linkDown(world, index)
      case 'ask-load':
        side.follow = undefined
        side.asked += 1
        side.awaited = side.asked
        return push(world, index, { type: 'ask-load', ask: side.asked })
      case 'drop-load':
        side.follow = undefined
        side.awaited = undefined
        return
      case 'stop-acknowledging':
        side.awaited = undefined
        if (side.follow) side.follow = { ...side.follow, mayAcknowledge: false }
        return
      case 'ask-resume': {
        const { state, log } = side
        if (state.role !== 'standby') return
        const { epoch, history } = state
        return push(world, index, { type: 'ask-resume', epoch, history, frames: log.length })
      }
      default:
        return this.#feed(world, index, effect)
    }
  }

  #feed(world: World, index: number, effect: Effect): void {
    const side = sideOf(world, index)
    switch (effect.type) {
      case 'send-load':
        return this.#sendLoad(world, index, effect.to)
      case 'postpone-load':
        return postpone(world, index)
      case 'refuse-resume':
        return push(world, index, { type: 'refuse-resume' })
      case 'resume-feed':
        return this.#resumeFeed(world, index, effect.to)
      case 'drop-feed':
        return dropFeed(world, index)
      case 'hold':
        side.release = 'acknowledged'
        if (side.feed) side.feed.barrier = side.log.length
        return this.#checkBarrier(world, index)
      case 'release':
        side.release = 'all'
        return commit(world, side)
      case 'tell-in-sync':
        if (side.feed === undefined) return
        return push(world, index, {
          type: 'in-sync',
          epoch: effect.epoch,
          incarnation: side.feed.to,
        })
      default:
        throw new Broken(`no such effect: ${effect.type}`)
    }
  }

  #sendLoad(world: World, index: number, to: Incarnation): void {
    const side = sideOf(world, index)
    const { log, ruling, state } = side
    const ask = side.askedBy
    if (side.link !== to || ruling === undefined || state.role !== 'primary' || ask === 0) return
    side.askedBy = 0
    side.feed = {
      to,
      ask,
      epoch: ruling,
      sent: log.length,
      acked: log.length,
      isNear: false,
      barrier: undefined,
    }
    push(world, index, { type: 'load', ask, epoch: ruling, history: state.history, log })
  }

  #resumeFeed(world: World, index: number, to: Incarnation): void {
    const side = sideOf(world, index)
    const { feed, resumeFrom, ruling } = side
    if (feed?.to !== to || ruling === undefined) return
    if (resumeFrom < feed.acked || resumeFrom > side.log.length) {
      return push(world, index, { type: 'refuse-resume' })
    }
    feed.sent = resumeFrom
    push(world, index, { type: 'resume', epoch: ruling, frames: resumeFrom })
    pump(world, index)
  }

  /** Whether all that was numbered is acknowledged; deliveries are none of this world. */
  #checkDrained(world: World, index: number): void {
    const { isHolding, feed, log } = sideOf(world, index)
    if (isHolding && feed?.acked === log.length) this.post(world, index, { type: 'drained' })
  }

  #checkBarrier(world: World, index: number): void {
    const { feed } = sideOf(world, index)
    if (feed?.barrier === undefined || feed.acked < feed.barrier) return
    feed.barrier = undefined
    this.post(world, index, { type: 'covered', incarnation: feed.to })
  }

  #read(world: World, index: number): void {
    const side = sideOf(world, index)
    const packet = side.inbound.shift()
    const from = side.link
    if (packet === undefined || from === undefined) return
    switch (packet.type) {
      case 'ask-load':
        side.askedBy = packet.ask
        return this.post(world, index, { type: 'load-asked', incarnation: from })
      case 'ask-resume': {
        side.resumeFrom = packet.frames
        const { history } = packet
        const epoch = epochOf(packet.epoch)
        return this.post(world, index, { type: 'resume-asked', incarnation: from, epoch, history })
      }
      case 'acknowledge':
        return this.#acknowledged(world, index, packet.epoch, packet.frames)
      case 'refuse-load':
        if (packet.ask === side.asked) this.post(world, index, { type: 'load-failed' })
        return
      case 'refuse-resume':
        return this.post(world, index, { type: 'resume-refused', incarnation: from })
      case 'in-sync': {
        if (packet.incarnation !== side.incarnation) return
        const epoch = epochOf(packet.epoch)
        return this.post(world, index, { type: 'told-in-sync', incarnation: from, epoch })
      }
      case 'load': {
        if (packet.ask !== side.awaited) return
        side.awaited = undefined
        side.follow = { epoch: packet.epoch, mayAcknowledge: true }
        side.log = packet.log
        const { history } = packet
        this.post(world, index, { type: 'load-installed', epoch: epochOf(packet.epoch), history })
        return acknowledge(world, index)
      }
      case 'frame':
        return this.#frame(world, index, packet)
      case 'hand-over':
        return this.post(world, index, handedOver(side, from, packet))
      case 'resume':
        if (side.follow?.epoch !== packet.epoch || packet.frames !== side.log.length) {
          return breakLink(world, false)
        }
        return acknowledge(world, index)
    }
  }

  #frame(world: World, index: number, packet: Extract<Packet, { type: 'frame' }>): void {
    const side = sideOf(world, index)
    const { follow } = side
    if (follow === undefined || packet.epoch < follow.epoch) return
    if (packet.epoch > follow.epoch) throw new Broken('a frame of a reign that was not announced')
    if (packet.frameNo !== side.log.length + 1) {
      return this.post(world, index, { type: 'out-of-step', reason: 'gap' })
    }
    side.log += packet.letter
    acknowledge(world, index)
  }

  #acknowledged(world: World, index: number, epoch: number, frames: number): void {
    const side = sideOf(world, index)
    const { feed } = side
    if (feed === undefined || feed.epoch !== epoch) return
    feed.acked = Math.max(feed.acked, frames)
    commit(world, side)
    if (!feed.isNear) {
      feed.isNear = true
      this.post(world, index, { type: 'near', incarnation: feed.to })
    }
    this.#checkBarrier(world, index)
    this.#checkDrained(world, index)
  }
}
