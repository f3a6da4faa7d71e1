/**
 * Somebody between the members of a pair: member b reaches member a only through him, and he hears,
 * keeps, plays back and breaks off whatever passes. He has no secret.
 *
 * What a says by UDP goes to b directly; all connections pass here, for b dials them.
 */

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { freePorts } from '../../examples/demo/ports.js'
import type { Ports } from './support.js'

const host = '127.0.0.1'

/** One connection that b has dialled, and what b has said on it. */
interface Passage {
  readonly port: number
  readonly ends: readonly [Socket, Socket]
  readonly said: Buffer[]
}

export class InTheMiddle {
  /** What `members` is for b: the name of a stands for him. */
  readonly membersOfB: { readonly a: string; readonly b: string }
  /** Packets of b to a, by UDP, in order. */
  readonly packets: Buffer[] = []
  readonly passages: Passage[] = []
  readonly #ports: Ports
  readonly #servers: Server[] = []
  #inside: UdpSocket | undefined
  #outside: UdpSocket | undefined
  #isClosed = false

  private constructor(ports: Ports, own: number) {
    this.#ports = ports
    this.membersOfB = { a: `${host}:${own}`, b: `${host}:${ports.b}` }
  }

  static async open(t: Test, ports: Ports): Promise<InTheMiddle> {
    const own = await freePorts(2, [ports.a, ports.b])
    const middle = new InTheMiddle(ports, own)
    t.teardown(() => middle.close())
    await middle.#listen(own, ports.a)
    await middle.#listen(own + 1, ports.a + 1)
    await middle.#listenUdp(own)
    return middle
  }

  /** What b has said on connections to the data port, each. */
  get sessions(): Buffer[] {
    return this.passages
      .filter(({ port }) => port === this.#ports.a + 1)
      .map(({ said }) => Buffer.concat(said))
  }

  /** Sends one datagram to the control port of `to`. */
  inject(to: 'a' | 'b', packet: Uint8Array): Promise<void> {
    return new Promise((sent) => {
      if (this.#isClosed) return sent()
      this.#outside?.send(packet, this.#ports[to], host, () => sent())
    })
  }

  /** Breaks every connection off, as a forged reset would. */
  reset(): number {
    const open = this.passages.filter(({ ends }) => !ends[0].destroyed)
    for (const { ends } of open) for (const end of ends) end.resetAndDestroy()
    return open.length
  }

  /** Says `bytes` on a connection of his own and waits until the other side has closed it. */
  async playBack(port: number, bytes: Uint8Array): Promise<Buffer> {
    const socket = connect(port, host)
    const heard: Buffer[] = []
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => heard.push(chunk))
    socket.write(bytes)
    if (!socket.closed) await new Promise((closed) => socket.once('close', closed))
    return Buffer.concat(heard)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.reset()
    this.#inside?.close()
    this.#outside?.close()
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))))
  }

  async #listen(from: number, port: number): Promise<void> {
    const server = createServer((near) => {
      const far = connect(port, host)
      const passage: Passage = { port, ends: [near, far], said: [] }
      this.passages.push(passage)
      near.on('data', (chunk: Buffer) => passage.said.push(Buffer.from(chunk)))
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.setNoDelay(true)
        one.on('error', () => {})
        one.on('close', () => other.destroy())
        one.pipe(other)
      }
    })
    this.#servers.push(server)
    server.listen(from, host)
    await once(server, 'listening')
  }

  async #listenUdp(from: number): Promise<void> {
    this.#outside = createSocket('udp4')
    this.#outside.on('error', () => {})
    this.#inside = createSocket('udp4')
    this.#inside.on('message', (packet: Buffer) => {
      this.packets.push(Buffer.from(packet))
      void this.inject('a', packet)
    })
    this.#inside.bind(from, host)
    await once(this.#inside, 'listening')
  }
}
