/**
 * The sink: the outside world that takes the outputs, as a receiver should be written.
 *
 * Members connect, send envelopes and get an answer to each. Behind `hotpair/receiver` stands the
 * stream that the verdict is about: everything handed on, in order, with the moment it arrived.
 * The sink never waits for a member and knows nothing of who is primary.
 *
 * To a member: `confirmed HISTORY NUMBER CHANNEL` or `refused HISTORY NUMBER CHANNEL`
 */

import { createServer, type Server, type Socket } from 'node:net'
import {
  createReceiver,
  decodeEnvelope,
  type Envelope,
  envelopeBytes,
  type Verdict,
} from 'hotpair/receiver'

/** An output that was handed on. */
export interface HandedOn {
  readonly number: number
  readonly data: string
  /** On the clock of `performance.now()`. */
  readonly at: number
}

/** What the helper kept from the application, or reported. */
export interface SinkCounts {
  known: number
  gap: number
  stale: number
  fork: number
  newHistory: number
  malformed: number
}

/** Larger envelopes are refused, so that a connection cannot ask for memory without bound. */
const maxEnvelope = 16 * 1024 * 1024

export class Sink {
  readonly handedOn: HandedOn[] = []
  readonly counts: SinkCounts = { known: 0, gap: 0, stale: 0, fork: 0, newHistory: 0, malformed: 0 }
  /** When outputs of a lower epoch than had arrived came, on the clock of `performance.now()`. */
  readonly late: number[] = []
  /** Called when an output is the first of its epoch, and when the helper reports something. */
  readonly #onNote: (note: string) => void
  readonly #receiver = createReceiver()
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #epoch = 0

  /** Called with everything that arrives, and what the helper makes of it. */
  readonly #onTake: (envelope: Envelope, verdict: Verdict) => void

  constructor(
    onNote: (note: string) => void,
    onTake: (envelope: Envelope, verdict: Verdict) => void = () => {},
  ) {
    this.#onNote = onNote
    this.#onTake = onTake
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Listens on a free port and returns it. */
  async listen(host = '127.0.0.1'): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, host, resolve)
    })
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the sink has no port')
    return address.port
  }

  /** Forgets what was handed on, but for the moment of the last: for runs without an end. */
  forget(): void {
    this.handedOn.splice(0, this.handedOn.length - 1)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  /** The longest time without an output between two moments of `performance.now()`. */
  silence(from: number, until: number): number {
    let longest = 0
    let last = from
    for (let i = this.#firstAfter(from); i < this.handedOn.length; i++) {
      const at = Math.min(this.handedOn[i]?.at ?? until, until)
      longest = Math.max(longest, at - last)
      last = at
    }
    return Math.max(longest, until - last)
  }

  #firstAfter(moment: number): number {
    let index = this.handedOn.length
    while (index > 0 && (this.handedOn[index - 1]?.at ?? 0) > moment) index--
    return index
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      try {
        rest = this.#takeAll(socket, rest.length === 0 ? chunk : Buffer.concat([rest, chunk]))
      } catch (error) {
        this.counts.malformed++
        this.#onNote(`closed a connection: ${error instanceof Error ? error.message : error}`)
        socket.destroy()
      }
    })
  }

  // Takes every whole envelope and returns the bytes of the one that is still on its way.
  #takeAll(socket: Socket, bytes: Buffer): Buffer {
    let start = 0
    socket.cork()
    for (;;) {
      const length = envelopeBytes(bytes.subarray(start))
      if (length === undefined || start + length > bytes.length) break
      this.#take(socket, decodeEnvelope(bytes.subarray(start, start + length)))
      start += length
    }
    socket.uncork()
    const rest = bytes.subarray(start)
    if ((envelopeBytes(rest) ?? 0) > maxEnvelope) throw new Error(`more than ${maxEnvelope} bytes`)
    return rest
  }

  #take(socket: Socket, envelope: Envelope): void {
    const { history, number, channel, epoch } = envelope
    const verdict = this.#receiver.take(envelope)
    if (verdict.type === 'new') this.#handOn(envelope)
    else this.counts[verdict.type]++
    this.#onTake(envelope, verdict)
    if (verdict.type === 'new' && verdict.formerHistory !== undefined) {
      this.counts.newHistory++
      this.#onNote(`a new history begins with output ${number}`)
    }
    if (epoch < this.#epoch) this.late.push(performance.now())
    if (verdict.type === 'gap') this.#onNote(`gap: ${number} before ${verdict.expected}`)
    if (verdict.type === 'stale') this.#onNote(`stale: ${number} of epoch ${epoch}`)
    if (verdict.type === 'fork') this.#onNote(`fork: ${number} of epoch ${epoch} has other bytes`)
    const isConfirmed = verdict.type !== 'gap' && verdict.type !== 'stale'
    const answer = isConfirmed ? 'confirmed' : 'refused'
    socket.write(`${answer} ${history} ${number} ${channel}\n`)
  }

  #handOn({ number, epoch, data }: Envelope): void {
    const at = performance.now()
    this.handedOn.push({ number, data: Buffer.from(data).toString('utf8'), at })
    if (epoch <= this.#epoch) return
    this.#epoch = epoch
    this.#onNote(`output ${number} is the first of epoch ${epoch}`)
  }
}
