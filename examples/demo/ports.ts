/**
 * Where the parts of a run find each other: places, and free ports for them on loopback.
 *
 * A member that is started again must find its ports free. They are therefore drawn from below the
 * range that the system gives to outgoing connections (32,768 on Linux), where one of the demo's
 * own connections could otherwise have taken a port while its member was dead.
 */

import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** Where somebody listens. */
export interface Place {
  readonly host: string
  readonly port: number
}

export function onLoopback(port: number): Place {
  return { host: '127.0.0.1', port }
}

const least = 15_000
const most = 32_000

/** The first of `count` neighbouring ports that are free for TCP and UDP. */
export async function freePorts(count: number, taken: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = least + Math.floor(Math.random() * (most - least))
    const ports = Array.from({ length: count }, (_, index) => first + index)
    if (ports.some((port) => taken.some((other) => Math.abs(other - port) < count))) continue
    const free = await Promise.all(ports.flatMap((port) => [isFreeTcp(port), isFreeUdp(port)]))
    if (!free.includes(false)) return first
  }
  throw new Error(`no ${count} neighbouring free ports were found from ${least} to ${most}`)
}

function isFreeTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function isFreeUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}
