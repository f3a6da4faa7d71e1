/**
 * Side streams for tests of regions: two ends of a TCP connection over loopback, as descriptors or
 * as bytes that pass through JavaScript.
 */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { SideStream } from '#lib/runtime/ports-region.js'

/** Two connected sockets on which nothing has been read, until the test is over. */
export async function connectedSockets(t: Test): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const near = connect({ port, host: '127.0.0.1' })
  near.pause()
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')])
  server.close()
  for (const socket of [near, far]) {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
  }
  return [near, far]
}

/** Of a plain TCP connection: only its descriptor is used. */
export function bySocket(socket: Socket): SideStream {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  return {
    descriptor: fd,
    open: () => {
      throw new Error('the descriptor is the whole stream')
    },
    write: () => false,
    pause: () => {},
    resume: () => {},
    // destroy() would only take our descriptor away, and the duplicate would go on.
    close: () => socket.destroySoon(),
  }
}

/** As TLS would be: the bytes pass through here. */
export function byBytes(socket: Socket): SideStream {
  return {
    descriptor: undefined,
    open: ({ data, drained, ended }) => {
      socket.on('data', data)
      socket.on('drain', drained)
      socket.once('close', () => ended('the connection has ended'))
      socket.resume()
    },
    write: (bytes) => !socket.destroyed && socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => socket.destroySoon(),
  }
}

export type Way = 'descriptor' | 'bytes'

/** The two ends of a new connection, and what cuts it. */
export async function sideStreams(
  t: Test,
  way: Way,
): Promise<{ readonly sides: readonly [SideStream, SideStream]; cut(): void }> {
  const [near, far] = await connectedSockets(t)
  const of = way === 'descriptor' ? bySocket : byBytes
  return { sides: [of(near), of(far)], cut: () => near.destroySoon() }
}
