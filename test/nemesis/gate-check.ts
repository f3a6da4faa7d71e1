/**
 * Whether two gates were open at once, as a receiver can see it.
 *
 * After a takeover an output of a lower epoch may still arrive: it was on its way, or its `deliver`
 * had begun. Then the new primary knew of it: the number lies below the first of the new reign, so
 * it was noticed as sent, or the takeover has listed it as in doubt. Any other was sent by somebody
 * whose right had ended, and so was one whose bytes are not those of the stream.
 *
 * A reign that goes on from a former one of the same member opens no second gate.
 */

import type { Envelope } from 'hotpair/receiver'

interface Reign {
  readonly epoch: number
  /** By channel: the first number that this reign sends. */
  readonly firsts: Map<string, number>
  /** `channel number`, as its takeover has listed them. */
  readonly inDoubt: Set<string>
}

/** An output of a reign that another member had already followed. */
interface Late {
  readonly epoch: number
  readonly channel: string
  readonly number: number
  readonly digest: number
}

/** Outputs whose digests are remembered: far more than may be on their way. */
const mostDigests = 16_384
/** Reigns that are remembered: an output that is later than so many takeovers is told as it is. */
const mostReigns = 64

export class GateCheck {
  /** Outputs that nobody might have sent any more, in words. */
  readonly offences: string[] = []
  readonly #reigns = new Map<number, Reign>()
  /** Of what was handed on, by `channel number`. */
  readonly #digests = new Map<string, number>()
  #late: Late[] = []
  #highest = 0

  /** A member has told of its takeover. */
  onTakeover(epoch: number, inDoubt: readonly { channel: string; number: number }[]): void {
    const reign = this.#reignOf(epoch)
    for (const { channel, number } of inDoubt) reign.inDoubt.add(`${channel} ${number}`)
  }

  /** Everything that arrives; `isNew`: the helper hands it on. */
  onArrival(envelope: Envelope, isNew: boolean): void {
    const { epoch, channel, number, digest, firstOfEpoch } = envelope
    if (isNew) this.#remember(`${channel} ${number}`, digest)
    const { firsts } = this.#reignOf(epoch)
    if (!firsts.has(channel)) firsts.set(channel, firstOfEpoch)
    if (epoch < this.#highest) this.#late.push({ epoch, channel, number, digest })
    this.#highest = Math.max(this.#highest, epoch)
  }

  /**
   * Judges what came late, when every takeover up to now has been told. With `isExcused` nothing
   * is: nobody promises one sender while no link was whole.
   */
  judge(isExcused = false): void {
    for (const late of isExcused ? [] : this.#late) this.#judge(late)
    this.#late = []
  }

  #judge({ epoch, channel, number, digest }: Late): void {
    const said = this.#digests.get(`${channel} ${number}`)
    if (said !== undefined && said !== digest) {
      this.offences.push(`${channel} ${number} of epoch ${epoch} has other bytes`)
      return
    }
    for (const reign of this.#reigns.values()) {
      const isOther = reign.epoch % 2 !== epoch % 2
      const first = reign.firsts.get(channel)
      if (reign.epoch <= epoch || !isOther || first === undefined || number < first) continue
      if (reign.inDoubt.has(`${channel} ${number}`)) continue
      const words = `${channel} ${number} of epoch ${epoch} came after epoch ${reign.epoch}`
      this.offences.push(`${words} had begun, neither noticed nor in doubt`)
      return
    }
  }

  #remember(output: string, digest: number): void {
    this.#digests.set(output, digest)
    const [oldest = output] = this.#digests.keys()
    if (this.#digests.size > mostDigests) this.#digests.delete(oldest)
  }

  #reignOf(epoch: number): Reign {
    const known = this.#reigns.get(epoch)
    if (known !== undefined) return known
    const reign = { epoch, firsts: new Map<string, number>(), inDoubt: new Set<string>() }
    this.#reigns.set(epoch, reign)
    const [oldest = epoch] = this.#reigns.keys()
    if (this.#reigns.size > mostReigns) this.#reigns.delete(oldest)
    return reign
  }
}
