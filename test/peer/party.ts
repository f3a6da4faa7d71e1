/**
 * One side of a data connection for tests: the real transport on loopback, with ports that the
 * system chose, and all that it told in the order in which it was told.
 */

import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { Test } from 'tap'
import type { DataAddress } from '#lib/peer/address.js'
import { Peer, type PeerOptions } from '#lib/peer/peer.js'
import { systemClock } from '#lib/runtime/clock.js'
import type { PeerHandlers, PeerLink, PeerRefusal } from '#lib/runtime/ports-peer.js'
import { incarnationOf } from '#lib/units.js'
import { PacketWriter } from '#lib/wire/packet.js'

export const secret = 'sixteen letters and more'
export const anyPort: DataAddress = { host: '127.0.0.1', port: 0 }

/** One thing that the transport told. */
export type Told =
  | { what: 'up' | 'down'; link: PeerLink; reason: string }
  | { what: 'drained'; link: PeerLink }
  | { what: 'packet'; link: PeerLink; body: Buffer }
  | { what: 'refused'; refusal: PeerRefusal }

/** One side. */
export class Party {
  readonly told: Told[] = []
  readonly peer: Peer
  /** Called with each packet after it was noted. */
  onPacket: (link: PeerLink, body: Buffer) => void = () => {}
  #wake: () => void = () => {}

  constructor(options: Partial<PeerOptions> = {}) {
    this.peer = new Peer({
      pair: 'line-4',
      self: 'a',
      incarnation: incarnationOf(1n),
      settings: {},
      secrets: [],
      listen: [anyPort],
      dial: [],
      maxPacketBytes: 100_000,
      clock: systemClock,
      random: () => 0.5,
      ...options,
    })
  }

  get port(): number {
    return this.peer.addresses[0]?.port ?? 0
  }

  /** The newest link. */
  get link(): PeerLink {
    const up = this.told.findLast((told) => told.what === 'up')
    if (up?.what !== 'up') throw new Error('no link was up')
    return up.link
  }

  get refusals(): PeerRefusal[] {
    return this.told.flatMap((told) => (told.what === 'refused' ? [told.refusal] : []))
  }

  get bodies(): Buffer[] {
    return this.told.flatMap((told) => (told.what === 'packet' ? [told.body] : []))
  }

  /** `up`, `down: reason`, … without the packets. */
  get story(): string[] {
    return this.told.flatMap((told) => {
      if (told.what === 'packet') return []
      if (told.what === 'refused') return [`refused: ${told.refusal.code}`]
      return [told.what === 'down' ? `down: ${told.reason}` : told.what]
    })
  }

  async open(t: Test): Promise<this> {
    t.teardown(() => this.peer.close())
    await this.peer.open(this.#handlers())
    return this
  }

  /** Waits until `holds`; looks after each thing told. The test's own timeout is the guard. */
  async until(holds: (party: this) => boolean): Promise<void> {
    while (!holds(this)) {
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
  }

  async untilUp(count = 1): Promise<PeerLink> {
    await this.until(({ told }) => told.filter(({ what }) => what === 'up').length >= count)
    return this.link
  }

  async untilDown(count = 1): Promise<void> {
    await this.until(({ told }) => told.filter(({ what }) => what === 'down').length >= count)
  }

  async untilRefused(count = 1): Promise<PeerRefusal | undefined> {
    await this.until(({ refusals }) => refusals.length >= count)
    return this.refusals[count - 1]
  }

  #handlers(): PeerHandlers {
    const tell = (told: Told): void => {
      this.told.push(told)
      this.#wake()
    }
    return {
      linkUp: (link) => tell({ what: 'up', link, reason: '' }),
      linkDown: (link, reason) => tell({ what: 'down', link, reason }),
      drained: (link) => tell({ what: 'drained', link }),
      packet: (link, body) => {
        const copy = Buffer.from(body)
        tell({ what: 'packet', link, body: copy })
        this.onPacket(link, copy)
      },
      refused: (refusal) => tell({ what: 'refused', refusal }),
    }
  }
}

/** A member a that listens and a member b that dials it, both open. */
export async function openPair(
  t: Test,
  options: { a?: Partial<PeerOptions>; b?: Partial<PeerOptions>; both?: Partial<PeerOptions> } = {},
): Promise<{ a: Party; b: Party }> {
  const a = await new Party({ ...options.both, ...options.a }).open(t)
  const b = await new Party({ ...dialling(a.port), ...options.both, ...options.b }).open(t)
  return { a, b }
}

/** What makes a member b that dials `port`. */
export function dialling(port: number): Partial<PeerOptions> {
  return { self: 'b', incarnation: incarnationOf(2n), dial: [{ host: '127.0.0.1', port }] }
}

/** One packet of a link. */
export function packetOf(body: Uint8Array, type = 16): Uint8Array {
  return new PacketWriter(2 ** 31).begin(type).raw(body).end().take()
}

/** A port of the system on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

/** A plain connection of somebody who is not the transport. */
export async function strangerTo(t: Test, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await new Promise((connected) => socket.once('connect', connected))
  return socket
}

/** All that the other side says until it closes. */
export async function heardBy(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!socket.closed) await new Promise((closed) => socket.once('close', closed))
  return Buffer.concat(chunks)
}

/** Waits until `holds`, looking once a turn. The test's own timeout is the guard. */
export async function waitUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((turn) => setImmediate(turn))
}

/** Lets `party` dial `count` times more. */
export async function dialAgain(party: Party, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { dials } = party.peer.counters()
    party.peer.dialNow()
    await waitUntil(() => party.peer.counters().dials > dials)
  }
}
