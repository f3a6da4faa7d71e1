/**
 * Passes the bytes of a load on between a side stream and the native thread that sends or receives
 * it, where the thread cannot have the connection itself: it has one end of a socket pair.
 *
 * Nothing is kept but what the two streams hold: whoever is full makes the other one pause.
 */

import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { SideStream } from '../runtime/ports-region.js'
import type { Binding } from './binding.js'

export class SidePipe {
  readonly #near: Socket
  #isDry = false
  #onDry: () => void = () => {}

  /** `start` takes a duplicate of the descriptor that it gets; what it throws goes on. */
  constructor(binding: Binding, side: SideStream, start: (descriptor: number) => void) {
    const [near = -1, far = -1] = binding.socketPair()
    try {
      start(far)
    } catch (error) {
      closeSync(near)
      throw error
    } finally {
      closeSync(far)
    }
    const socket = new Socket({ fd: near, allowHalfOpen: true })
    this.#near = socket
    socket.on('data', (bytes: Buffer) => {
      if (!side.write(bytes)) socket.pause()
    })
    socket.on('drain', () => side.resume())
    // The thread has ended its end: nothing more comes from it.
    socket.on('end', () => this.#dry())
    // That the thread has gone shows in the phase of its load.
    socket.on('error', () => {})
    socket.on('close', () => this.#dry())
    side.open({
      data: (bytes) => {
        if (socket.destroyed) return
        // They are the stream's own, and valid only now.
        if (!socket.write(Uint8Array.prototype.slice.call(bytes))) side.pause()
      },
      drained: () => socket.resume(),
      ended: () => {
        if (!socket.destroyed) socket.end()
      },
    })
  }

  /** Calls `then` when all that the thread has written was passed on. */
  flushed(then: () => void): void {
    if (this.#isDry) return queueMicrotask(then)
    this.#onDry = then
  }

  close(): void {
    this.#onDry = () => {}
    this.#near.destroy()
  }

  #dry(): void {
    if (this.#isDry) return
    this.#isDry = true
    this.#onDry()
  }
}
