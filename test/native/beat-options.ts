/**
 * What the heartbeat tests share: options of a member on loopback, free ports, waiting for a
 * condition.
 */

import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { HeartbeatOptions } from '#lib/native/heartbeat.js'
import { epochOf } from '#lib/units.js'
import { encodePresence } from '#lib/wire/presence.js'

/** Interval and window of both, in microseconds: a window that a busy machine does not miss. */
export const intervalMicros = 20_000
export const windowMicros = 500_000
export const hangAfterMs = 500

/** Options of `member`; what is given by `change` replaces the rest. */
export function heartbeatOptions(
  member: 'a' | 'b',
  ownPort: number,
  otherPort: number,
  change: Partial<HeartbeatOptions> = {},
): HeartbeatOptions {
  return {
    pair: 0x686f747061697221n,
    self: member === 'a' ? 0 : 1,
    incarnation: randomBytes(8).readBigUInt64LE() | 1n,
    keys: new Uint8Array(32).fill(7),
    intervalMicros,
    windowMicros,
    hangAfterMs,
    dials: member === 'b',
    killsHung: false,
    firstSeq: 0n,
    links: [
      {
        selfHost: '127.0.0.1',
        selfPort: ownPort,
        peerHost: '127.0.0.1',
        peerPort: otherPort,
        peerDataPort: otherPort + 1,
      },
    ],
    ...change,
  }
}

/** What a member of `role` in `epoch` says of itself, asking the other to renounce it or not. */
export function rulingIn(epoch: number, role: 'primary' | 'standby', isAsking = false): Uint8Array {
  const none = epochOf(0)
  return encodePresence({
    role,
    mode: role === 'primary' ? 'paired' : undefined,
    isBlank: false,
    epoch: epochOf(epoch),
    history: undefined,
    draw: 0n,
    drawEcho: 0n,
    inSync: undefined,
    renounced: none,
    askRenounce: isAsking ? epochOf(epoch) : none,
    settings: 0n,
    lost: undefined,
  })
}

/** A port that is free for TCP and UDP, with the next one free for TCP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const first = createServer().listen(0, '127.0.0.1')
    await once(first, 'listening')
    const address = first.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const isFree = port < 65_000 && (await isUdpFree(port)) && (await isTcpFree(port + 1))
    first.close()
    await once(first, 'close')
    if (isFree) return port
  }
}

async function isTcpFree(port: number): Promise<boolean> {
  const server = createServer()
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  if (isFree) server.close()
  return isFree
}

async function isUdpFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  const isFree = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => resolve(true))
  })
  socket.close()
  return isFree
}

/** Resolves when `holds` does; rejects after ten seconds, which only a failing test takes. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const guard = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > guard) throw new Error(`waited in vain: ${what}`)
    await wait(1)
  }
}
