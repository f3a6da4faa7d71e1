/**
 * The receivers of a simulated pair: each confirms after a while what its helper takes.
 *
 * A receiver may be down (refuses) or stuck (never answers); a confirmation may be lost. What a
 * sender had written when it died may still arrive, or not: its kernel decides.
 */

import type { Output } from '#lib/options.js'
import { createReceiver } from '#lib/receiver.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import type { VirtualClock } from '#lib/testing/virtual-clock.js'
import { millis } from '#lib/units.js'
import type { DoubtCheck } from '../check/doubts.js'
import type { OutputCheck } from '../check/outputs.js'
import type { Findings } from '../check/violation.js'
import { divergingChannel, type State } from './app.js'
import type { Settings } from './settings.js'

export interface SinkParts {
  readonly clock: VirtualClock
  readonly random: () => number
  readonly settings: Settings
  readonly check: OutputCheck
  readonly doubts: DoubtCheck
  readonly findings: Findings
}

export class Sink {
  /** What the helper let through, by history and channel. */
  readonly streams = new Map<string, Uint8Array[]>()
  /** Channels whose receiver refuses, and whose receiver never answers. */
  readonly down = new Set<string>()
  readonly stuck = new Set<string>()
  readonly #parts: SinkParts
  readonly #receiver = createReceiver()
  /** When the last output of a channel of a member arrives: one connection each, in order. */
  readonly #arrivals = new Map<string, number>()

  constructor(parts: SinkParts) {
    this.#parts = parts
  }

  /** `deliver` of the application. */
  deliver(output: Output, member: SimMember<State>): Promise<void> | undefined {
    const { random, settings, check, doubts } = this.#parts
    const by = member.name
    check.begun(by, output)
    doubts.begun(output)
    const kind = settings.throwing + settings.synchronous > 0 ? random() : 1
    if (kind < settings.throwing) {
      check.failed(by, output)
      throw new Error('thrown in the call')
    }
    if (kind < settings.throwing + settings.synchronous && !this.stuck.has(output.channel)) {
      if (this.#take(output)) {
        doubts.sent(by, output)
        return undefined
      }
      check.failed(by, output)
      throw new Error('refused in the call')
    }
    return this.#send(output, member)
  }

  #send(output: Output, member: SimMember<State>): Promise<void> {
    const { clock, random, settings, check, doubts } = this.#parts
    const by = member.name
    const delay = () => settings.deliverMs * (0.5 + random())
    const key = `${by} ${output.channel}`
    const now = clock.now()
    const arrival = Math.max(this.#arrivals.get(key) ?? 0, now + delay())
    this.#arrivals.set(key, arrival)
    return new Promise((resolve, reject) => {
      clock.setQuietTimer(millis(arrival - now), () => {
        if (this.stuck.has(output.channel)) return
        const isLost = !member.isAlive && random() < 0.5
        const isTaken = !isLost && this.#take(output) && random() >= settings.lost
        clock.setTimer(millis(delay()), () =>
          member.act(() => {
            if (isTaken) {
              doubts.sent(by, output)
              return resolve()
            }
            check.failed(by, output)
            reject(new Error('not confirmed'))
          }),
        )
      })
    })
  }

  /** True: confirmed. */
  #take(output: Output): boolean {
    if (this.down.has(output.channel)) return false
    const verdict = this.#receiver.take(output)
    if (verdict.type === 'fork' && output.channel !== divergingChannel) {
      this.#parts.findings.report('S3', `fork at ${output.channel} ${output.number}`)
    }
    if (verdict.type === 'new') {
      const key = `${output.history} ${output.channel}`
      const stream = this.streams.get(key)
      if (stream) stream.push(output.data)
      else this.streams.set(key, [output.data])
    }
    return verdict.type === 'new' || verdict.type === 'known'
  }
}
