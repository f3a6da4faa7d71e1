/**
 * The connection of a measured load: plain TCP, handed to the native thread as a descriptor.
 */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { SideStream } from '#lib/runtime/ports-region.js'

/** Waits for one connection; `port` is where. */
export async function listen(): Promise<{ port: number; accepted: Promise<SideStream> }> {
  // Nothing may be read here: the bytes are the thread's.
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  const accepted = once(server, 'connection').then(([socket]) => {
    server.close()
    return sideOf(socket)
  })
  return { port: address.port, accepted }
}

export async function dial(port: number): Promise<SideStream> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  await once(socket, 'connect')
  return sideOf(socket)
}

function sideOf(socket: Socket): SideStream {
  socket.on('error', () => {})
  // The descriptor is no public property; the library itself asks for it in the same way.
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle
  return {
    descriptor: fd,
    open: () => {},
    write: () => false,
    pause: () => {},
    resume: () => {},
    close: () => socket.destroySoon(),
  }
}
