/**
 * A way to an arbiter that can hold up, lose or cut what goes through it, in each direction.
 */

import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

/** What a passage does with the bytes in one direction. */
export type Passing = 'pass' | 'drop' | 'cut'

/** Stands between a client and an arbiter; what it does may change at any time. */
export class Passage {
  /** From the client to the arbiter, and back. `cut` ends the connection at the next bytes. */
  forth: Passing = 'pass'
  back: Passing = 'pass'
  /** Milliseconds that bytes are held up in each direction. */
  delayMs = 0
  /** Resolves when bytes of the direction were dropped, or had a connection cut. */
  onLoss: () => void = () => {}
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(t: Test, target: number): Promise<Passage> {
    const server = createServer()
    const passage = new Passage(server)
    server.on('connection', (client) => passage.#join(client, connect(target, '127.0.0.1')))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    t.teardown(() => passage.close())
    return passage
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Ends every connection that there is. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(client: Socket, arbiter: Socket): void {
    const end = () => {
      client.destroy()
      arbiter.destroy()
    }
    for (const socket of [client, arbiter]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    const pass = (to: Socket, bytes: Buffer, how: () => Passing) => {
      const go = () => {
        if (how() === 'pass') {
          if (!to.destroyed) to.write(bytes)
          return
        }
        if (how() === 'cut') end()
        this.onLoss()
      }
      if (this.delayMs === 0) go()
      else setTimeout(go, this.delayMs)
    }
    client.on('data', (bytes) => pass(arbiter, bytes, () => this.forth))
    arbiter.on('data', (bytes) => pass(client, bytes, () => this.back))
  }
}
