/**
 * A member's connection to the sink: how `deliver` should be written.
 *
 * An output is delivered when the sink has confirmed its number, and not when a socket took its
 * bytes: those die with the process. The connection is opened on the standby beforehand
 * (`prepare`), so that after a takeover the first output has no handshake to wait for. It keeps
 * nothing: what is not confirmed when it breaks is rejected, and the pair delivers it again.
 */

import { connect, type Socket } from 'node:net'
import type { Output } from 'hotpair'
import { encodeEnvelope } from 'hotpair/receiver'
import { onLines } from './lines.js'
import type { Place } from './ports.js'

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

export class SinkLink {
  readonly #place: Place
  readonly #waiting = new Map<string, Waiting>()
  #opening: Promise<Socket> | undefined
  #socket: Socket | undefined

  constructor(place: Place) {
    this.#place = place
  }

  /** The one connection, opened when there is none. */
  open(): Promise<Socket> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  /** Sends the output and waits for the sink's answer to it. */
  async deliver(output: Output, signal: AbortSignal): Promise<void> {
    // The pair asks its gate right before: where there is a connection, nothing comes in between.
    const socket = this.#socket ?? (await this.open())
    signal.throwIfAborted()
    const key = `${output.history} ${output.number} ${output.channel}`
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(key)
        reject(signal.reason)
      }
      const settled = () => signal.removeEventListener('abort', abort)
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.set(key, {
        resolve: () => {
          settled()
          resolve()
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      })
      socket.write(encodeEnvelope(output))
    })
  }

  close(): void {
    this.#opening?.then((socket) => socket.destroy()).catch(() => {})
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...this.#place, noDelay: true })
      socket.on('connect', () => {
        this.#socket = socket
        resolve(socket)
      })
      socket.on('error', reject)
      onLines(socket, (line) => this.#onAnswer(line))
      socket.on('close', () => {
        this.#opening = undefined
        this.#socket = undefined
        const error = new Error('the connection to the sink ended before it confirmed')
        reject(error)
        for (const waiting of this.#waiting.values()) waiting.reject(error)
        this.#waiting.clear()
      })
    })
  }

  #onAnswer(line: string): void {
    const end = line.indexOf(' ')
    const key = line.slice(end + 1)
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return
    this.#waiting.delete(key)
    if (line.startsWith('confirmed ')) waiting.resolve()
    else waiting.reject(new Error(`the sink refused output ${key}`))
  }
}
