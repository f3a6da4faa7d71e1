/**
 * A socket seen as packets, in both directions; the greeting uses it first, then the link.
 *
 * What is particular: a failed write does not end reading. When the other process dies, its last
 * packets lie in our kernel, and the first thing that we notice is often that our own answer cannot
 * be written; the platform would then close the socket and throw away what has arrived. Here the
 * writing side falls silent and the reading side goes on to its end. It must not know what packets
 * mean.
 */

import type { Socket } from 'node:net'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'
import { PacketDecoder, type PacketFault } from '../wire/packet.js'
import { type DataAddress, formatAddress } from './address.js'

/** Who hears of a channel. */
export interface ChannelReceiver {
  /** One packet body, valid during the call. */
  body(body: Uint8Array): void
  /** The stream makes no sense any more; no body follows. */
  fault(fault: PacketFault): void
  /** All that was written has left, after `bufferedBytes` had been above the socket's own mark. */
  drained(): void
  /** Once, after the last body: the connection has ended by itself. */
  ended(reason: string): void
}

// How long an ending connection may take to hand over what was written, and how long one that
// cannot be written is left to end by itself: on a live network both are done within a round trip.
const lingerMs = millis(250)

/** One connection. */
export class Channel {
  /** The other end of the connection. */
  readonly remote: DataAddress
  receiver: ChannelReceiver
  readonly #socket: Socket
  readonly #clock: ClockPort
  readonly #decoder: PacketDecoder
  #linger: Timer | undefined
  #chunkCount = 0
  #reason = 'the connection was closed'
  #isOver = false
  readonly #onBody = (body: Uint8Array): void => this.receiver.body(body)
  readonly #onData = (chunk: Buffer): void => this.#read(chunk)
  readonly #onDrain = (): void => void (this.#isOver || this.receiver.drained())
  readonly #onError = (error: Error): void => this.#note(error)
  readonly #onEnd = (): void => this.#end('the other side closed the connection')
  readonly #onClose = (): void => this.#closed()

  /** `limit` is the longest packet body taken at first. */
  constructor(socket: Socket, limit: number, clock: ClockPort, receiver: ChannelReceiver) {
    this.#socket = socket
    this.#clock = clock
    this.#decoder = new PacketDecoder(limit)
    this.receiver = receiver
    this.remote = { host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 }
    this.#keepReadingAfterFailedWrite()
    socket.on('data', this.#onData).on('drain', this.#onDrain).on('error', this.#onError)
    socket.on('end', this.#onEnd).on('close', this.#onClose)
  }

  /** `host:port` of the other end. */
  get address(): string {
    return formatAddress(this.remote)
  }

  /** Longest packet body from the next packet on. */
  set limit(limit: number) {
    this.#decoder.limit = limit
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  /** Whether `drained` will be called. */
  get willDrain(): boolean {
    return this.#socket.writableNeedDrain
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /**
   * Calls `done` once a full turn of the event loop has brought nothing; whatever comes restarts
   * the wait. Between two nested turns all that the kernel holds has been looked at.
   */
  whenQuiet(done: () => void): void {
    const seen = this.#chunkCount
    this.#clock.nextTurn(() =>
      this.#clock.nextTurn(() => {
        if (this.#chunkCount === seen) done()
        else this.whenQuiet(done)
      }),
    )
  }

  /**
   * Gives the socket away, which reads nothing until it is resumed. What has come behind the last
   * body is lost: the other side must not have sent any.
   */
  release(): Socket {
    const socket = this.#socket
    this.#silence()
    socket.pause()
    socket.off('data', this.#onData).off('drain', this.#onDrain).off('error', this.#onError)
    socket.off('end', this.#onEnd).off('close', this.#onClose)
    return socket
  }

  /**
   * The receiver hears nothing any more. What was written is flushed for a short while, what
   * arrives is thrown away.
   */
  finish(): void {
    if (this.#isOver) return
    this.#silence()
    // Read on to the other side's end: closing over unread data would make the kernel drop what is
    // still to be sent.
    this.#socket.resume()
    this.#socket.end()
    this.#linger ??= this.#clock.setTimer(lingerMs, () => this.#socket.destroy())
  }

  /** The receiver hears nothing any more, and the connection is closed at once. */
  destroy(): void {
    this.#silence()
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#chunkCount++
    const fault = this.#decoder.push(chunk, this.#onBody)
    if (fault !== undefined && !this.#isOver) this.receiver.fault(fault)
  }

  #note(error: Error): void {
    this.#reason = error.message
  }

  #closed(): void {
    this.#linger?.clear()
    this.#end(this.#reason)
  }

  #silence(): void {
    this.#isOver = true
    this.#decoder.stop()
  }

  #end(reason: string): void {
    if (this.#isOver) return
    this.destroy()
    this.receiver.ended(reason)
  }

  #keepReadingAfterFailedWrite(): void {
    const socket = this.#socket
    const write = socket._write.bind(socket)
    const writev = socket._writev?.bind(socket)
    type Done = (error?: Error | null) => void
    // A write that never completes holds back all later ones, and the stream stays alive.
    const guard = (done: Done): Done => {
      return (error) => {
        if (error === undefined || error === null) done()
        else this.#onFailedWrite(error)
      }
    }
    socket._write = (chunk, encoding, done) => write(chunk, encoding, guard(done))
    if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, guard(done))
  }

  // A connection that cannot be written is dead in the kernel too, and reading ends by itself;
  // should it not, it is ended here, but never before what had arrived is read: this process may
  // have stood still.
  #onFailedWrite(error: Error): void {
    this.#reason = error.message
    const endWhenQuiet = (): void => this.whenQuiet(() => this.#socket.destroy())
    this.#linger ??= this.#clock.setTimer(lingerMs, endWhenQuiet)
  }
}
