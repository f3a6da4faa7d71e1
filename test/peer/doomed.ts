/**
 * A member b in a process of its own, to be killed. It links to the port given and fills the
 * connection, so that its buffers have grown; at the first packet from the other side it writes its
 * last packets, says so in a file once the operating system has them all, and then stands still: it
 * never reads again.
 *
 * Arguments: port, secret or '-', file, number and size of the last packets.
 */

import { writeFileSync } from 'node:fs'
import { Peer } from '#lib/peer/peer.js'
import { systemClock } from '#lib/runtime/clock.js'
import type { PeerLink } from '#lib/runtime/ports-peer.js'
import { incarnationOf } from '#lib/units.js'
import { packetOf } from './party.js'

const [port = '', secret = '', file = '', count = '', size = ''] = process.argv.slice(2)
const warmingBytes = 16_000_000

function standStill(): void {
  writeFileSync(file, 'written')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

function writeLast(link: PeerLink): void {
  const packets = Array.from({ length: Number(count) }, () =>
    packetOf(Buffer.alloc(Number(size)), 17),
  )
  link.write(Buffer.concat(packets))
  const watch = (): void => {
    if (link.bufferedBytes === 0) standStill()
    else setImmediate(watch)
  }
  watch()
}

const peer = new Peer({
  pair: 'line-4',
  self: 'b',
  incarnation: incarnationOf(2n),
  settings: {},
  secrets: secret === '-' ? [] : [secret],
  listen: [],
  dial: [{ host: '127.0.0.1', port: Number(port) }],
  maxPacketBytes: 100_000,
  clock: systemClock,
  random: () => 0.5,
})
await peer.open({
  linkUp: (link) => {
    for (let sent = 0; sent < warmingBytes; sent += 100_000) {
      link.write(packetOf(Buffer.alloc(99_999 - 4)))
    }
  },
  packet: writeLast,
  drained: () => {},
  linkDown: () => {},
  refused: () => {},
})
