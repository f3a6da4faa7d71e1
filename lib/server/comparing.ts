/**
 * Whether this member's state and outputs are those of the primary: what a mirror finds out, and
 * says in sentences when they are not.
 */

import type { OutOfStep } from '../core/event.js'
import { PairError } from '../errors.js'
import type { ClockPort } from '../runtime/ports-clock.js'
import type { ServerEvents } from '../runtime/ports-server.js'
import { type Epoch, elapsed } from '../units.js'
import type { Replica } from './replica.js'

export class Comparing<State> {
  readonly #replica: Replica<State>
  readonly #clock: ClockPort
  readonly #events: Pick<ServerEvents, 'fault'>
  #equalAt = 0

  constructor(replica: Replica<State>, clock: ClockPort, events: Pick<ServerEvents, 'fault'>) {
    this.#replica = replica
    this.#clock = clock
    this.#events = events
  }

  /** The last frame after which both states were found equal: by a load, or by digests. */
  get equalAt(): number {
    return this.#equalAt
  }

  /** As of the last frame both are equal. */
  found(epoch: Epoch): void {
    this.#equalAt = this.#replica.frameNo
    this.#replica.markEqual(epoch)
  }

  /** The primary's state after `frameNo`, processed last, had this digest. */
  state(frameNo: number, digest: bigint, epoch: Epoch): OutOfStep | undefined {
    const begun = this.#clock.now()
    const own = this.#replica.digest()
    this.#replica.digestMs = elapsed(begun, this.#clock.now())
    if (own === digest) {
      this.found(epoch)
      return undefined
    }
    const error = new PairError(
      'ERR_HOTPAIR_DIVERGED',
      `the states of the members differ after frame ${frameNo}, they were equal after ${this.#equalAt}; this one loads again. Look for a clock, randomness or I/O in process().`,
    )
    this.#events.fault(error, frameNo)
    return 'state'
  }

  /** Whether an output differs from the one that the primary has sent under its number. */
  outputs(): OutOfStep | undefined {
    const found = this.#replica.ledger.divergence
    if (found === undefined) return undefined
    const { channel, number, frameNo } = found
    const where = frameNo === undefined ? 'not produced here' : `of frame ${frameNo}`
    const error = new PairError(
      'ERR_HOTPAIR_DIVERGED',
      `output ${number} of channel ${JSON.stringify(channel)}, ${where}, differs between the members; this one loads again. Look for a clock, randomness or I/O in process().`,
    )
    this.#events.fault(error, frameNo ?? this.#replica.frameNo, channel)
    return 'divergence'
  }
}
