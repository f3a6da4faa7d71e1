/**
 * The near end of the plain programs, under the same loads as the pair.
 *
 *   echo      writes bytes and counts those that come back, without a promise in between: the floor
 *   answer    a promise for each message, resolved by the answer with its id: what a program does
 *             that has to know that its message has arrived; all messages of a run of code leave
 *             together
 *   simple    the same as most would write it: a write for each message
 */

import { connect, type Socket } from 'node:net'
import { serve } from '../support/serve.js'
import { message } from './messages.js'
import { type Block, pipeline, type Send } from './work.js'

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

let echoes: Socket | undefined
let gathered: Send | undefined
let single: Send | undefined

function sender(socket: Socket, isGathering: boolean): Send {
  const waiting = new Map<number, () => void>()
  let lastId = 0
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; buffer.length - at >= 4; at += 4) {
      const id = buffer.readUInt32LE(at)
      waiting.get(id)?.()
      waiting.delete(id)
    }
    rest = buffer.subarray(at)
  })
  return (data) =>
    new Promise<void>((resolve) => {
      lastId = (lastId + 1) % 2 ** 32
      waiting.set(lastId, resolve)
      // All messages of one run of code leave in one system call.
      if (isGathering && socket.writableCorked === 0) {
        socket.cork()
        process.nextTick(() => socket.uncork())
      }
      socket.write(message(lastId, data))
    })
}

// One write, its bytes back, the next write: no promise, no framing.
function pingEchoes(socket: Socket, { count, bytes }: Block): Promise<Float64Array> {
  const data = Buffer.alloc(bytes, 'p')
  const took = new Float64Array(count)
  return new Promise((resolve) => {
    let index = 0
    let missing = bytes
    let began = performance.now()
    const onData = (chunk: Buffer) => {
      missing -= chunk.length
      if (missing > 0) return
      const now = performance.now()
      took[index] = (now - began) * 1000
      index++
      if (index === count) {
        socket.off('data', onData)
        return resolve(took)
      }
      missing = bytes
      began = performance.now()
      socket.write(data)
    }
    socket.on('data', onData)
    socket.write(data)
  })
}

function streamEchoes(socket: Socket, { count, bytes, depth }: Block): Promise<number> {
  const data = Buffer.alloc(bytes, 'p')
  return new Promise((resolve) => {
    const began = performance.now()
    let written = 0
    let back = 0
    const fill = () => {
      socket.cork()
      while (written < count && written * bytes - back < depth * bytes) {
        socket.write(data)
        written++
      }
      socket.uncork()
    }
    const onData = (chunk: Buffer) => {
      back += chunk.length
      if (back < count * bytes) return fill()
      socket.off('data', onData)
      resolve((count / (performance.now() - began)) * 1000)
    }
    socket.on('data', onData)
    fill()
  })
}

function required<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error('not connected')
  return thing
}

serve({
  echo: async (port: number) => {
    echoes = await dial(port)
  },
  answer: async (port: number) => {
    gathered = sender(await dial(port), true)
  },
  simple: async (port: number) => {
    single = sender(await dial(port), false)
  },
  pingEchoes: (block: Block) => pingEchoes(required(echoes), block),
  streamEchoes: (block: Block) => streamEchoes(required(echoes), block),
  stream: (block: Block) => pipeline(required(gathered), block.count, block),
  streamSingly: (block: Block) => pipeline(required(single), block.count, block),
})
