/**
 * A member's side of the source: takes records over TCP and answers each when it is accepted.
 *
 * Both members run it. Calls of `receive` are pipelined up to a bound; beyond it the connection is
 * not read, so that waiting is the source's back-pressure. Answers are cumulative, so they go out
 * only up to the first record that is still waiting. When one is refused the connection is ended:
 * the source comes back and sends from the first that nobody has accepted, or from the one that
 * this member wants next, if it says so.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { InputError } from 'hotpair'
import { onLines } from './lines.js'
import type { Place } from './ports.js'

/** Hands one record to the pair; resolves when it is accepted. */
export type Receive = (data: Uint8Array, id: { source: string; seq: number }) => Promise<unknown>

/** Records handed to the pair and not yet accepted. 200 ms of the default rate. */
const maxOutstanding = 1024

export interface Intake {
  close(): void
}

/** Listens at `place`. `onRefused` hears why a connection was ended. */
export async function openIntake(
  { host, port }: Place,
  receive: Receive,
  onRefused: (error: unknown) => void,
): Promise<Intake> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    serve(socket, receive, onRefused)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function serve(socket: Socket, receive: Receive, onRefused: (error: unknown) => void): void {
  let source: string | undefined
  let answered = 0
  // In the order of arrival; the head is the first that is not accepted yet.
  const outstanding: { readonly seq: number; isAccepted: boolean }[] = []

  function answer(): void {
    let last = 0
    while (outstanding[0]?.isAccepted) last = outstanding.shift()?.seq ?? last
    if (last > answered && socket.writable) {
      answered = last
      socket.write(`${last}\n`)
    }
    if (outstanding.length < maxOutstanding) socket.resume()
  }

  function take(seq: number, json: string): void {
    const entry = { seq, isAccepted: false }
    outstanding.push(entry)
    receive(Buffer.from(json), { source: source ?? '', seq }).then(
      () => {
        entry.isAccepted = true
        if (entry === outstanding[0]) answer()
      },
      (error: unknown) => {
        if (socket.destroyed || socket.writableEnded) return
        onRefused(error)
        const wanted = error instanceof InputError ? error.expectedSeq : undefined
        if (wanted === undefined) socket.destroy()
        else socket.end(`wants ${wanted}\n`)
      },
    )
  }

  onLines(socket, (line) => {
    if (socket.destroyed || socket.writableEnded) return
    const end = line.indexOf(' ')
    const word = line.slice(0, end)
    if (source === undefined && word === 'source') source = line.slice(end + 1)
    else take(Number(word), line.slice(end + 1))
    if (outstanding.length >= maxOutstanding) socket.pause()
  })
}
