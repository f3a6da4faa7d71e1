/**
 * What left the pair: S1, S3 and S4 at the moment at which each output is begun, and at the end the
 * strongest test of all, that each channel is what one uninterrupted process would have sent.
 *
 * Knows the envelopes, how each `deliver` ended, and what takeovers listed as in doubt.
 */

import type { Output } from '#lib/options.js'
import type { TakeoverReport } from '#lib/runtime/ports-server.js'
import { channelName, countsOf, divergingChannel, oracle } from '../swarm/app.js'
import type { Inputs } from '../swarm/order.js'
import type { Line } from './inputs.js'
import type { Findings } from './violation.js'

/** One number of one channel of one history. */
interface Numbered {
  readonly digest: number
  /** The newest attempt. */
  by: string
  atMs: number
  hasFailed: boolean
}

interface Channel {
  readonly name: string
  readonly numbers: Map<number, Numbered>
  highest: number
  /** First number of each epoch, as its envelopes say. */
  epoch: number
  firstOfEpoch: number
}

interface Repeat {
  readonly what: string
  readonly by: string
  readonly channel: string
  readonly number: number
}

export interface OutputOptions {
  readonly now: () => number
  readonly inFlight: number
  /** A member that was cut off may still send what its heir holds. */
  readonly hasArbiter: boolean
  /** After so long a sender counts a `deliver` as failed that has not settled. */
  readonly patienceMs: number
}

export class OutputCheck {
  readonly #findings: Findings
  readonly #options: OutputOptions
  readonly #channels = new Map<string, Channel>()
  readonly #inDoubt = new Set<string>()
  /** The same, whoever takes over. */
  readonly #listed = new Set<string>()
  readonly #repeats: Repeat[] = []
  /** In which anybody has ruled. */
  readonly #histories = new Set<string>()
  /** Histories that may have begun: one, and one more for each time that all was lost. */
  allowed = 1
  /** Highest reign that has begun an output, by history. */
  readonly #highestEpochs = new Map<string, number>()
  count = 0
  /** Outputs begun once more, by whomever. */
  repeats = 0

  constructor(findings: Findings, options: OutputOptions) {
    this.#findings = findings
    this.#options = options
  }

  /** The incarnation `by` begins to deliver. */
  begun(by: string, output: Output): void {
    this.count += 1
    if (output.channel === divergingChannel) return
    const channel = this.#channel(output)
    const what = `${output.channel} ${output.number} of reign ${output.epoch}`
    const highest = this.#highestEpochs.get(output.history) ?? 0
    if (output.epoch < highest && this.#isLate(channel, output)) return
    if (output.epoch < highest) {
      this.#findings.report('S1', `${what} was begun by ${by} below reign ${highest}`)
    }
    this.#highestEpochs.set(output.history, Math.max(highest, output.epoch))
    const before = channel.numbers.get(output.number)
    if (before === undefined) this.#first(channel, output, what)
    else this.#again(before, { by, output, what })
    this.#checkFirstOfEpoch(channel, output, what)
    const { digest, number } = output
    channel.numbers.set(number, { digest, by, atMs: this.#options.now(), hasFailed: false })
    channel.highest = Math.max(channel.highest, number)
  }

  /**
   * A former primary that does not know it yet sends what its heir holds too: the same number, the
   * same bytes, and listed as in doubt.
   */
  #isLate({ name, numbers }: Channel, { number, digest }: Output): boolean {
    const known = numbers.get(number)
    if (!this.#options.hasArbiter || !this.#listed.has(`${name} ${number}`)) return false
    return known === undefined || known.digest === digest
  }

  failed(by: string, { history, channel, number }: Output): void {
    const known = this.#channels.get(`${history} ${channel}`)?.numbers.get(number)
    if (known?.by === by) known.hasFailed = true
  }

  takenOver(by: string, { inDoubt, epoch }: TakeoverReport): void {
    const counts = new Map<string, number>()
    for (const { channel, number } of inDoubt) {
      this.#inDoubt.add(`${by} ${channel} ${number}`)
      this.#listed.add(`${channel} ${number}`)
      counts.set(channel, (counts.get(channel) ?? 0) + 1)
    }
    for (const [channel, count] of counts) {
      if (count <= this.#options.inFlight) continue
      this.#findings.report('S3', `${by} lists ${count} of ${channel} in doubt in reign ${epoch}`)
    }
  }

  /** Whether anybody has ruled. */
  get hasBegun(): boolean {
    return this.#histories.size > 0
  }

  /** Whether `history` is the one with which the run began. */
  isFirst(history: string): boolean {
    const [first] = this.#histories
    return first === history
  }

  /** `line`: what rules at the end. `streams`: what the helper let through. */
  atEnd(
    { history, log }: Line,
    inputs: Inputs,
    streams: ReadonlyMap<string, readonly Uint8Array[]>,
  ): void {
    this.checkRepeats()
    const wanted = oracle(log, inputs)
    for (const [index, outputs] of wanted.entries()) {
      const name = channelName(index)
      this.#compare(name, outputs ?? [], streams.get(`${history} ${name}`) ?? [])
    }
  }

  /**
   * `line`: what has just taken over, or rules while receivers still have to take. All that was
   * begun so far in its history is in it, under the numbers that it bears.
   */
  isHeldBy({ history, log }: Line, inputs: Inputs, by: string): void {
    const counts = countsOf(log, inputs)
    for (const [index, count] of counts.entries()) {
      const channel = this.#channels.get(`${history} ${channelName(index)}`)
      if (channel === undefined || channel.highest <= count) continue
      const text = `output ${channel.highest} of ${channel.name} was begun, ${by} holds ${count}`
      this.#findings.report('S1', text)
    }
  }

  /** A member rules in `history`. */
  ruled(history: string, by: string): void {
    if (this.#histories.has(history)) return
    this.#histories.add(history)
    if (this.#histories.size <= this.allowed) return
    this.#findings.report('S1', `${by} has begun a new history`)
  }

  #channel({ history, channel: name, epoch, firstOfEpoch }: Output): Channel {
    const key = `${history} ${name}`
    const known = this.#channels.get(key)
    if (known) return known
    const channel = { name, numbers: new Map(), highest: 0, epoch, firstOfEpoch }
    this.#channels.set(key, channel)
    return channel
  }

  #first(channel: Channel, { number }: Output, what: string): void {
    if (number !== channel.highest + 1) {
      this.#findings.report('S4', `${what} was begun after ${channel.highest}`)
    }
  }

  #again(
    before: Numbered,
    { by, output, what }: { readonly by: string; readonly output: Output; readonly what: string },
  ): void {
    this.repeats += 1
    if (!output.isRepeat) this.#findings.report('S3', `${what} was begun again, and not marked`)
    if (before.digest !== output.digest) this.#findings.report('S3', `${what} has other bytes`)
    // Its own attempt has failed, or has not settled in time; any other must have been listed.
    const { now, patienceMs } = this.#options
    const isOver = before.hasFailed || now() - before.atMs >= patienceMs
    if (before.by === by && isOver) return
    this.#repeats.push({ what, by, channel: output.channel, number: output.number })
  }

  /**
   * A reign sends from the first number that is not known as sent: at most `inFlight` behind all
   * that was begun before it.
   */
  #checkFirstOfEpoch(channel: Channel, output: Output, what: string): void {
    const { epoch, firstOfEpoch, number } = output
    if (epoch > channel.epoch) {
      if (firstOfEpoch <= channel.highest - this.#options.inFlight) {
        const text = `${what} says that its reign began with ${firstOfEpoch}, after ${channel.highest}`
        this.#findings.report('S3', text)
      }
      channel.epoch = epoch
      channel.firstOfEpoch = firstOfEpoch
    }
    const isOther = epoch === channel.epoch && firstOfEpoch !== channel.firstOfEpoch
    if (isOther || firstOfEpoch > number) {
      this.#findings.report('S3', `${what} says that its reign began with ${firstOfEpoch}`)
    }
  }

  /** Lists come after the repeats that they announce: compared at the end. */
  checkRepeats(): void {
    for (const { what, by, channel, number } of this.#repeats) {
      if (this.#inDoubt.has(`${by} ${channel} ${number}`)) continue
      this.#findings.report('S3', `${what} was sent again by ${by}, which had not listed it`)
    }
  }

  #compare(name: string, wanted: readonly Uint8Array[], got: readonly Uint8Array[]): void {
    const wrong = wanted.findIndex((data, at) => Buffer.compare(data, got[at] ?? data) !== 0)
    if (wrong >= 0) this.#findings.report('S3', `${name}: output ${wrong + 1} differs`)
    if (got.length === wanted.length) return
    this.#findings.report('S2', `${name}: ${got.length} outputs arrived, not ${wanted.length}`)
  }
}
