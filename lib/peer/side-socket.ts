/**
 * A socket that was proved to be the other member's, given away as the stream of one load.
 *
 * Of a plain TCP connection the descriptor can be had, so that a native thread moves the bytes:
 * this process then stops reading, before the other side is told that it may send. The platform has
 * no public way to either; where its inner one is not as expected, and through TLS, the bytes pass
 * through here.
 */

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { SideHandlers, SideStream } from '../runtime/ports-region.js'

/** Bytes that may wait to be written: what a line of 10 Gbit/s takes in some milliseconds. */
const highWaterBytes = 4_194_304

export class SideSocket implements SideStream {
  readonly descriptor: number | undefined
  readonly #socket: Socket
  #isHeldBack = false

  /** Requires: `socket` is paused. */
  constructor(socket: Socket) {
    this.#socket = socket
    this.descriptor = socket instanceof TLSSocket ? undefined : takeDescriptor(socket)
  }

  open(handlers: SideHandlers): void {
    const socket = this.#socket
    let reason = 'the other side closed the connection'
    socket.on('data', (bytes: Buffer) => handlers.data(bytes))
    socket.on('drain', () => {
      if (!this.#isHeldBack) return
      this.#isHeldBack = false
      handlers.drained()
    })
    socket.on('error', (error: Error) => {
      reason = error.message
    })
    const ended = (): void => {
      if (socket.listenerCount('data') === 0) return
      socket.removeAllListeners('data')
      handlers.ended(reason)
      socket.destroy()
    }
    socket.once('end', ended)
    socket.once('close', ended)
    socket.resume()
  }

  write(bytes: Uint8Array): boolean {
    this.#socket.write(bytes)
    const isAbove = this.#socket.writableLength > highWaterBytes && this.#socket.writableNeedDrain
    this.#isHeldBack ||= isAbove
    return !isAbove
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.removeAllListeners('data')
    this.#socket.destroy()
  }
}

/** Has the platform read no more from `socket`; its descriptor, or undefined if it will not. */
function takeDescriptor(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null) return undefined
  const descriptor: unknown = Reflect.get(handle, 'fd')
  const readStop: unknown = Reflect.get(handle, 'readStop')
  if (typeof descriptor !== 'number' || descriptor < 0) return undefined
  if (typeof readStop !== 'function' || Reflect.apply(readStop, handle, []) !== 0) return undefined
  // It would begin again by itself where it does not believe that it reads.
  Reflect.set(handle, 'reading', true)
  return descriptor
}
