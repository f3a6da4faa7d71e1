/**
 * The only caller of `step`: it gives each event its time and randomness, and runs the effects in
 * order.
 *
 * One queue, run to completion: what happens during an effect is queued and decided afterwards. A
 * barrier effect holds back every effect after it until it is done, those of later events too; so
 * "recorded before visible" holds whatever happens meanwhile. In production too each transition is
 * checked against the invariants: a broken one fences this member, it is never passed over.
 *
 * While something is being decided or done the beat thread may renounce nothing: its right to is
 * taken back before each decision and given again after the last effect. What it had renounced by
 * then is decided first, so no decision is made against it (docs/PROTOCOL.md#8).
 */

import { type BarrierEffect, type Effect, type InstantEffect, isBarrier } from '../core/effect.js'
import type { Event, Happening, TimerName } from '../core/event.js'
import { brokenInvariant } from '../core/invariants.js'
import { renounceable } from '../core/presence.js'
import type { CoreConfig, State } from '../core/state.js'
import { initialState, step } from '../core/step.js'
import { PairError } from '../errors.js'
import { after, elapsed, type Millis, millis } from '../units.js'
import type { RuntimePorts } from './ports.js'
import type { Timer } from './ports-clock.js'
import { serve } from './serve.js'
import { tellResync } from './tell-resync.js'

/**
 * Longest that the read-out of a lost primary's connection may take: what has arrived is read
 * within one turn.
 */
const readOutMs = 100

/**
 * Parts in which a timer runs. With one, a member that slept through its whole start window would
 * rule the moment it wakes; with four it has three quarters of the window left to hear who rules.
 */
const slices = 4

/** What a busy event loop may be late without having slept. */
const usualLatenessMs = 5

/** Longest that a closing primary waits for running deliveries. */
const settleMs = 2_000

export class Runtime {
  readonly #config: CoreConfig
  readonly #ports: RuntimePorts
  readonly #happenings: Happening[] = []
  readonly #effects: Effect[] = []
  readonly #timers = new Map<TimerName, Timer>()
  #state: State
  #isRunning = false
  #isHeldBack = false
  readonly #rules: typeof step

  /** `rules`: what decides; a test may put something else in its place. */
  constructor(config: CoreConfig, ports: RuntimePorts, rules: typeof step = step) {
    this.#config = config
    this.#ports = ports
    this.#rules = rules
    this.#state = initialState(BigInt.asUintN(64, ports.entropy()) | 1n)
  }

  get state(): State {
    return this.#state
  }

  /** Something has happened. Decided at once, or after what is being decided. */
  post(happening: Happening): void {
    this.#happenings.push(happening)
    if (!this.#isRunning) this.#run()
  }

  #run(): void {
    this.#isRunning = true
    for (;;) {
      if (!this.#isHeldBack && this.#effects.length > 0) {
        this.#perform()
        continue
      }
      if (this.#happenings.length > 0) this.#disarm()
      const happening = this.#happenings.shift()
      if (happening === undefined) break
      this.#decide(happening)
    }
    if (!this.#isHeldBack) this.#ports.unit.arm(renounceable(this.#state))
    this.#isRunning = false
  }

  #disarm(): void {
    const epoch = this.#ports.unit.disarm()
    if (epoch !== 0) this.#happenings.unshift({ type: 'fenced', epoch })
  }

  #decide(happening: Happening): void {
    const { clock, entropy, trace, unit, store, failed } = this.#ports
    const event: Event = {
      ...happening,
      now: clock.now(),
      wall: clock.wall(),
      entropy: entropy(),
    }
    const from = this.#state
    const { state, effects } = this.#rules(from, event, this.#config)
    const broken = brokenInvariant(from, state, this.#config)
    if (broken !== undefined && happening.type !== 'broken') {
      failed(
        new PairError(
          'ERR_HOTPAIR_INVARIANT',
          `${broken} (${from.role} to ${state.role} by ${event.type})`,
        ),
      )
      this.#fail()
      return
    }
    this.#state = state
    this.#effects.push(...effects)
    if (state !== from) {
      trace(from, happening, state)
      store.note(state.record, state.highest)
    }
    unit.watch('distrustsBefore' in state && state.distrustsBefore !== undefined)
  }

  #perform(): void {
    const effect = this.#effects.shift()
    if (effect === undefined) return
    try {
      if (isBarrier(effect)) this.#holdBack(effect)
      else this.#act(effect)
    } catch (error) {
      this.#ports.failed(error)
      this.#fail()
    }
  }

  /**
   * Order can no longer be kept: nothing that was decided is carried out, and this member stops
   * speaking.
   */
  #fail(): void {
    this.#effects.length = 0
    this.#isHeldBack = false
    this.#happenings.unshift({ type: 'broken' })
  }

  #holdBack(effect: BarrierEffect): void {
    const done = this.#await(effect)
    if (done === undefined) return
    this.#isHeldBack = true
    const goOn = () => {
      this.#isHeldBack = false
      if (!this.#isRunning) this.#run()
    }
    done.then(goOn, (error) => {
      this.#ports.failed(error)
      this.#fail()
      if (!this.#isRunning) this.#run()
    })
  }

  #await(effect: BarrierEffect): Promise<void> | undefined {
    switch (effect.type) {
      case 'store-record':
        return this.#ports.store.save(effect.record)
      case 'read-out':
        return this.#ports.server.readOut(readOutMs)
      case 'settle':
        return this.#ports.server.settle(settleMs)
    }
  }

  #act(effect: InstantEffect): void {
    const { server, unit, tell, clock } = this.#ports
    switch (effect.type) {
      case 'announce':
        return unit.announce(effect.presence)
      case 'set-timer':
        return this.#setTimer(effect.name, effect)
      case 'clear-timer':
        return this.#clearTimer(effect.name)
      case 'open-gate':
        unit.openGate()
        return server.openGate()
      case 'close-gate':
        unit.closeGate()
        return server.closeGate()
      case 'read-arbiter':
        return this.#ports.arbiter?.read()
      case 'claim':
        return this.#ports.arbiter?.claim(effect.expected, effect.next, effect.delay)
      case 'stop':
        this.#ports.arbiter?.close()
        for (const name of [...this.#timers.keys()]) this.#clearTimer(name)
        return this.#ports.stopped()
      case 'tell-role': {
        const { role, from, epoch, history, cause, verdict } = effect
        return tell({ type: 'role', role, from, epoch, history, cause, verdict })
      }
      case 'tell-mode':
        return tell({ type: 'mode', mode: effect.mode, epoch: effect.epoch })
      case 'tell-resync':
        return tellResync(effect, tell)
      case 'tell-switchover': {
        const { outcome, epoch, tookMs } = effect
        return tell({ type: 'switchover', outcome, epoch, tookMs })
      }
      default:
        return serve(server, effect, this.#state, clock.now())
    }
  }

  #setTimer(name: TimerName, { delay }: Extract<Effect, { type: 'set-timer' }>): void {
    this.#clearTimer(name)
    this.#runSlices(name, millis(delay / slices), slices)
  }

  /**
   * A delay is time in which something may be heard. A slice that ends late was slept through, in
   * part at least: what came meanwhile is still to be read, so it does not count.
   */
  #runSlices(name: TimerName, slice: Millis, left: number): void {
    const { clock } = this.#ports
    const due = after(clock.now(), slice)
    const timer = clock.setTimer(slice, () => {
      const isLate = elapsed(due, clock.now()) > Math.max(slice / 2, usualLatenessMs)
      const stillLeft = isLate ? left : left - 1
      if (stillLeft > 0) return this.#runSlices(name, slice, stillLeft)
      this.#timers.delete(name)
      this.post({ type: 'timer', name })
    })
    this.#timers.set(name, timer)
  }

  #clearTimer(name: TimerName): void {
    this.#timers.get(name)?.clear()
    this.#timers.delete(name)
  }
}
