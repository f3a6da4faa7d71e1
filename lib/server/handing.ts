/**
 * The planned switchover at both ends: a primary that holds its intake, drains and gives its rule
 * away, and a standby that checks and takes it (docs/PROTOCOL.md#17).
 *
 * Nothing is loaded: both hold the same, and say so by counts. The former primary follows from the
 * very next frame on. What it had not numbered yet goes to the new one.
 */

import { InputError } from '../errors.js'
import type { HandingPort, ServerEvents } from '../runtime/ports-server.js'
import type { Epoch, Incarnation } from '../units.js'
import type { HandOverMessage } from '../wire/message.js'
import type { Feeding } from './feeding.js'
import type { Following } from './following.js'
import type { Input } from './intake.js'
import type { Replica } from './replica.js'
import type { Ruling } from './ruling.js'

export interface HandingParts<State> {
  readonly replica: Replica<State>
  readonly ruling: Ruling<State>
  readonly feeding: Feeding<State>
  readonly following: Following<State>
}

export class Handing<State> implements HandingPort {
  readonly #parts: HandingParts<State>
  readonly #events: ServerEvents
  /** The newest ask for a load of the one that gave its rule away. */
  #ask = 0

  constructor(parts: HandingParts<State>, events: ServerEvents) {
    this.#parts = parts
    this.#events = events
  }

  holdIntake(): void {
    this.#parts.ruling.settling.hold(() => this.#events.drained())
  }

  releaseIntake(): void {
    const { ruling } = this.#parts
    ruling.settling.release()
    ruling.schedule()
  }

  /** The last word of a reign; from here on this member follows the next one. */
  handOver(former: Epoch, epoch: Epoch): void {
    const { replica, ruling, feeding, following } = this.#parts
    const { frameNo, history } = replica
    const waiting = ruling.end()
    const ask = following.followOn(epoch, frameNo)
    const outputs = replica.ledger.channels.sentCount
    feeding.send({ type: 'hand-over', former, epoch, history, frameNo, outputs, ask })
    for (const input of waiting) this.#pass(input)
    following.forwardHeld()
  }

  /** The primary gives its rule away: is this member where that one says it is? */
  handedOver(message: HandOverMessage, from: Incarnation): void {
    this.#ask = message.ask
    const isExact = this.#isAt(message)
    this.#events.handedOver(from, message.former, message.epoch, isExact)
  }

  /** Rules in `epoch`, with the former primary in sync from the next frame on. */
  succeed(epoch: Epoch, mirror: Incarnation): void {
    const { replica, ruling, feeding, following } = this.#parts
    following.finish()
    ruling.reign(replica.history, epoch, 'acknowledged')
    feeding.takeOn(mirror, { ask: this.#ask, epoch, frameNo: replica.frameNo })
    for (const input of following.drainHeld()) ruling.take(input)
    ruling.commit()
  }

  /**
   * Whether this member holds just what the primary says it holds. What it has not processed of
   * that, it processes now.
   */
  #isAt({ former, history, frameNo, outputs }: HandOverMessage): boolean {
    const { replica, following } = this.#parts
    if (!following.catchUp(former, frameNo) || replica.history !== history) return false
    if (replica.frameNo !== frameNo || replica.ledger.isFull) return false
    const { sentCount, pendingCount } = replica.ledger.channels
    return pendingCount === 0 && sentCount === outputs
  }

  /** Not numbered, so certainly not taken. */
  #pass(input: Input): void {
    if (input.source !== undefined) return this.#parts.following.holdAgain(input, input.source)
    const text =
      'this member has just given its rule away: the input was not taken, give it to the primary'
    input.answer.reject(new InputError('ERR_HOTPAIR_NOT_PRIMARY', text))
  }
}
