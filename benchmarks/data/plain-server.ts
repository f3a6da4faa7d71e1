/**
 * The far end of the plain programs: it answers over TCP, and that is all.
 *
 *   echo      sends back every byte as it comes: the floor
 *   answer    takes messages `u32 length, u32 id, bytes` and answers each with its id
 */

import { createServer, type Socket } from 'node:net'
import { serve } from '../support/serve.js'
import { Messages } from './messages.js'

function listen(port: number, use: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, use)
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

function echo(socket: Socket): void {
  socket.on('error', () => {})
  socket.on('data', (chunk) => socket.write(chunk))
}

// What an engineer writes who knows that a system call costs more than a message: the answers to
// one chunk leave together.
function answer(socket: Socket): void {
  socket.on('error', () => {})
  const messages = new Messages()
  socket.on('data', (chunk) => {
    socket.cork()
    messages.push(chunk, (id) => {
      const reply = Buffer.allocUnsafe(4)
      reply.writeUInt32LE(id)
      socket.write(reply)
    })
    socket.uncork()
  })
}

serve({
  echo: (port: number) => listen(port, echo),
  answer: (port: number) => listen(port, answer),
  simple: (port: number) => listen(port, answer),
})
