/**
 * What travels between the outside world and a member of any pair that is measured: small packets
 * of fixed size, so that taking them apart costs nothing that would be measured with them.
 *
 *     to a member:    u48 kind, u48 number      kind 0: an input; 1: its output has arrived
 *     to the world:   u48 epoch, u48 number     the output of an input; epoch 0: who speaks
 */

import type { Socket } from 'node:net'

const wordBytes = 6
const packetBytes = 2 * wordBytes

export const inputKind = 0
export const confirmedKind = 1

/** Puts `count` packets into one piece: `fill` says the two words of each. */
export function pack(count: number, fill: (index: number) => readonly [number, number]): Buffer {
  const bytes = Buffer.allocUnsafe(count * packetBytes)
  for (let index = 0; index < count; index++) {
    const [first, second] = fill(index)
    bytes.writeUIntLE(first, index * packetBytes, wordBytes)
    bytes.writeUIntLE(second, index * packetBytes + wordBytes, wordBytes)
  }
  return bytes
}

/** Calls `onChunk` when something arrives, then `onPacket` for each packet in it. */
export function onPackets(
  socket: Socket,
  onPacket: (first: number, second: number) => void,
  onChunk: () => void = () => {},
): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    onChunk()
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; buffer.length - at >= packetBytes; at += packetBytes) {
      onPacket(buffer.readUIntLE(at, wordBytes), buffer.readUIntLE(at + wordBytes, wordBytes))
    }
    rest = buffer.subarray(at)
  })
}
