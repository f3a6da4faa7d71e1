/**
 * Garbage on every port of a pair, at every stage of its life: it is dropped and counted, its
 * connections are closed, and the pair does its work as if nothing had come.
 */

import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import type { Member } from 'hotpair'
import t, { type Test } from 'tap'
import { incarnationOf } from '#lib/units.js'
import { encodeHello } from '#lib/wire/hello.js'
import {
  type Count,
  collect,
  echo,
  eventually,
  open,
  optionsOf,
  type Ports,
  portsOfPair,
  soon,
  textOf,
} from './support.js'

/** Bytes that look like chance and are the same in every run. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed | 1
  for (let index = 0; index < length; index += 1) {
    state = Math.imul(state, 1_103_515_245) + 12_345
    bytes[index] = state >>> 16
  }
  return bytes
}

const hello = encodeHello({
  protocol: 1,
  oldestProtocol: 1,
  pair: 'test',
  member: 'b',
  incarnation: incarnationOf(5n),
  settings: {},
})

/** What a stranger may say first on a connection. */
const openings: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]),
  Buffer.from(hello).subarray(0, hello.length - 1),
  Buffer.concat([hello, hello]),
  Buffer.from([0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0x00, 0x00, 0x00, 0x00]),
  noise(100_000, 7),
]

/** Sends datagrams of all lengths around that of a beat, and none of them one. */
async function flood(port: number): Promise<void> {
  const socket = createSocket('udp4')
  for (let length = 0; length < 300; length += 1) {
    await new Promise((sent) => socket.send(noise(length, length), port, '127.0.0.1', sent))
  }
  await new Promise<void>((closed) => socket.close(closed))
}

/** Connects often, says something wrong or nothing, and never closes. */
function crowd(t: Test, port: number): Socket[] {
  return Array.from({ length: 24 }, (_, index) => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.write(openings[index % openings.length] ?? '')
    return socket
  })
}

/** Everything at once, at every port of both. Resolves when nobody of the crowd is left inside. */
async function assail(t: Test, ports: Ports): Promise<void> {
  const control = [ports.a, ports.b]
  const data = control.map((port) => port + 1)
  const sockets = [...control, ...data].flatMap((port) => crowd(t, port))
  await Promise.all(control.map(flood))
  // A quarter may stay: the waiting room of each port has eight places.
  const left = () => sockets.filter((socket) => !socket.closed).length
  await eventually(() => left() <= 4 * 8, 'strangers are turned out')
}

async function work(t: Test, members: readonly Member<Count>[], seqs: number[]): Promise<void> {
  for (const seq of seqs) {
    const given = members.map((member) =>
      member.receive(Buffer.from(`${seq}`), { source: 's', seq }),
    )
    await soon(Promise.all(given), `input ${seq} is accepted`)
  }
  t.pass('inputs are accepted')
}

t.test('garbage at every port and stage changes nothing', async (t) => {
  const ports = await portsOfPair()
  const app = echo([])
  const outputs: string[] = []
  const deliver: typeof app.deliver = (output) => void outputs.push(textOf(output))
  const one = await open(t, optionsOf('a', ports, { ...app, deliver }))
  const faults = collect(one, 'fault')
  // At the first stage only a is there; whoever dials b is refused by the system.
  await assail(t, { a: ports.a, b: ports.a })
  await soon(one.until('primary'), 'it rules')
  await work(t, [one], [1])
  const loading = assail(t, { a: ports.a, b: ports.a })
  const two = await open(t, optionsOf('b', ports, { ...app, deliver }))
  faults.push(...collect(two, 'fault'))
  await soon(two.until('standby'), 'it pairs in the crowd')
  await loading
  const verdicts = [...collect(one, 'verdict'), ...collect(two, 'verdict')]
  const paired = assail(t, ports)
  await work(t, [one, two], [2, 3, 4, 5])
  await paired
  t.equal(one.mode, 'paired', 'the pair is whole')
  t.same(verdicts, [], 'and nobody was thought gone')
  for (const member of [one, two]) {
    const { beats, connections } = member.status().refused
    t.ok(beats > 100, `${beats} packets were counted as no beats`)
    t.ok(connections > 8, `${connections} connections were counted as strangers`)
  }
  const after = assail(t, { a: ports.b, b: ports.b })
  await soon(one.close(), 'the primary is closed')
  await soon(two.until('primary'), 'the standby takes over')
  await work(t, [two], [6])
  await after
  await eventually(() => outputs.length === 6, 'every output arrives')
  t.same(outputs, ['1', '2', '3', '4', '5', '6'])
  t.same(faults, [])
})
