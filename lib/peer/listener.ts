/**
 * Listens on the data addresses of a member; whoever comes is handed to the waiting room. It must
 * not know of links.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { ClosedError, NativeError } from '../errors.js'
import { type DataAddress, formatAddress, type Resolver, unresolvable } from './address.js'
import type { GreetingContext } from './greeting.js'
import { WaitingRoom, type WaitingRoomOwner } from './waiting-room.js'

/** What a listener tells. */
export interface ListenerOwner extends WaitingRoomOwner {
  /** A connection has come. */
  accepted(): void
}

/** The listening side. */
export class Listener {
  readonly #room: WaitingRoom
  readonly #owner: ListenerOwner
  readonly #servers: Server[] = []
  #listening: Promise<void> | undefined
  #isClosed = false

  constructor(context: GreetingContext, owner: ListenerOwner) {
    this.#room = new WaitingRoom(context, owner)
    this.#owner = owner
  }

  /** Where it listens, with the ports that the system chose where 0 was asked for. */
  get addresses(): DataAddress[] {
    return this.#servers.flatMap((server) => {
      const address = server.address()
      if (address === null || typeof address === 'string') return []
      return [{ host: address.address, port: address.port }]
    })
  }

  /** Listens on each of `addresses`. When it rejects, some may be listening: close it. */
  async open(addresses: readonly DataAddress[], resolver: Resolver): Promise<void> {
    for (const address of addresses) {
      const [host] = await resolveOwn(address, resolver)
      if (this.#isClosed) throw new ClosedError()
      this.#listening = this.#listen({ host: host ?? address.host, port: address.port }, address)
      await this.#listening
    }
  }

  /** Turns everybody away; resolves when every socket that it still has is closed. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#room.close()
    // A server that is still about to listen cannot be closed; `open` tells its error.
    await this.#listening?.catch(() => {})
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))))
  }

  #listen({ host, port }: DataAddress, named: DataAddress): Promise<void> {
    const server = createServer((socket) => this.#accept(socket))
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      // Once it listens, errors are of single connections that the system could not give us.
      server.on('error', (error) => reject(listenError(error, named)))
      server.listen({ host, port, exclusive: true }, resolve)
    })
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress
    if (this.#isClosed || address === undefined) {
      socket.destroy()
      return
    }
    this.#owner.accepted()
    this.#room.enter(socket, address)
  }
}

async function resolveOwn(address: DataAddress, resolver: Resolver): Promise<readonly string[]> {
  try {
    return await resolver.resolve(address.host)
  } catch (cause) {
    throw unresolvable(address, cause)
  }
}

function listenError(error: NodeJS.ErrnoException, address: DataAddress): NativeError {
  const where = formatAddress(address)
  if (error.code === 'EADDRINUSE') {
    const message = `the data address ${where} is in use by another process`
    return new NativeError('ERR_HOTPAIR_ADDRESS_IN_USE', message, { cause: error })
  }
  const message = `cannot listen on the data address ${where}: ${error.message}`
  return new NativeError('ERR_HOTPAIR_ADDRESS', message, { cause: error })
}
