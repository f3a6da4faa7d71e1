/**
 * The demo's outside world over real sockets: what the source keeps and sends again, what the sink
 * confirms, and what a member's two connections do when the other end is slow, wrong or gone.
 */

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import type { Output } from '#lib/options.js'
import { checksum, encodeEnvelope } from '#lib/receiver.js'
import { historyId } from '#lib/units.js'
import { openIntake } from '../../examples/demo/intake.js'
import { onLines } from '../../examples/demo/lines.js'
import { freePorts, onLoopback } from '../../examples/demo/ports.js'
import { Sink } from '../../examples/demo/sink.js'
import { SinkLink } from '../../examples/demo/sink-link.js'
import { Source } from '../../examples/demo/source.js'

const history = historyId('f'.repeat(32))

function output(number: number, text = `output ${number}`): Output {
  const data = Buffer.from(text)
  const reign = { pair: 'p', epoch: 3, firstOfEpoch: 1, channel: 'c' }
  const rest = { frameNo: 0, isRepeat: false }
  return { ...reign, ...rest, history, number, digest: checksum(data), data }
}

// Listens where the source expects a member; `onLine` sees every line and may answer.
async function listen(onLine: (line: string, socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    onLines(socket, (line) => onLine(line, socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function settled(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}

t.test(
  'the source sends everything in order to each, and from the first unaccepted again',
  async (t) => {
    const records = Array.from({ length: 500 }, (_, i) => `{"n":${i + 1}}`)
    const connections: string[][] = []
    let answers = 0
    const server = await listen((line, socket) => {
      if (line.startsWith('source ')) connections.push([])
      connections.at(-1)?.push(line)
      const seq = Number(line.split(' ', 1)[0])
      // Accepts 200, then the connection breaks; the second one accepts the rest.
      if (connections.length === 1 && seq === 300) socket.destroy()
      else if (connections.length === 2 || seq <= 200) {
        answers++
        socket.write(`${seq}\n`)
      }
    })
    const silent: string[] = []
    const other = await listen((line) => silent.push(line))
    const doors = [portOf(server), portOf(other)].map(onLoopback)
    const source = new Source({ name: 'run-1', records, rate: 100_000, doors })
    source.start()
    await source.finished
    await settled(() => silent.at(-1) === '500 {"n":500}')
    source.close()
    server.close()
    other.close()
    t.ok(answers >= 500)
    t.equal(source.accepted, 500)
    const [first = [], second = []] = connections
    t.equal(first[0], 'source run-1')
    t.equal(first[1], '1 {"n":1}')
    t.equal(second[0], 'source run-1')
    t.equal(second[1], '201 {"n":201}')
    t.equal(second.at(-1), '500 {"n":500}')
  },
)

t.test('the source gives again what a member wants that another has accepted', async (t) => {
  const records = Array.from({ length: 30 }, (_, i) => `${i}`)
  const other = await listen((line, socket) => {
    if (!line.startsWith('source ')) socket.write(`${line.split(' ', 1)[0]}\n`)
  })
  const seen: number[][] = []
  const server = await listen((line, socket) => {
    const seq = Number(line.split(' ', 1)[0])
    if (line.startsWith('source ')) seen.push([])
    else seen.at(-1)?.push(seq)
    if (seen.length === 1 && seq === 30) socket.end('wants 8\n')
  })
  const doors = [portOf(other), portOf(server)].map(onLoopback)
  const source = new Source({ name: 's', records, rate: 100_000, doors })
  source.start()
  await source.finished
  await settled(() => seen[1]?.at(-1) === 30)
  t.equal(seen[1]?.[0], 8)
  t.equal(seen[1]?.length, 23)
  source.close()
  server.close()
  other.close()
})

t.test('the source stops producing when too much is unaccepted, and goes on after', async (t) => {
  const records = Array.from({ length: 300 }, (_, i) => `${i}`)
  const seen: number[] = []
  let accepts: Socket | undefined
  const server = await listen((line, socket) => {
    accepts = socket
    if (!line.startsWith('source ')) seen.push(Number(line.split(' ', 1)[0]))
  })
  const source = new Source({
    name: 's',
    records,
    rate: 100_000,
    doors: [onLoopback(portOf(server))],
    window: 50,
  })
  source.start()
  await settled(() => seen.length === 50)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(source.produced, 50)
  accepts?.write('10\nnonsense\n99999\n')
  await settled(() => seen.length === 60)
  t.equal(source.accepted, 10, 'what was never sent is not accepted')
  source.close()
  server.close()
})

async function sinkWith(notes: string[]): Promise<{ sink: Sink; socket: Socket; lines: string[] }> {
  const sink = new Sink((note) => notes.push(note))
  const socket = connect(await sink.listen(), '127.0.0.1')
  const lines: string[] = []
  onLines(socket, (line) => lines.push(line))
  await once(socket, 'connect')
  return { sink, socket, lines }
}

t.test('the sink confirms what it has or had, and refuses what is too early', async (t) => {
  const notes: string[] = []
  const { sink, socket, lines } = await sinkWith(notes)
  for (const n of [1, 3, 2, 2, 3]) socket.write(encodeEnvelope(output(n)))
  await settled(() => lines.length === 5)
  const answer = (word: string, number: number) => `${word} ${history} ${number} c`
  const words = ['confirmed', 'refused', 'confirmed', 'confirmed', 'confirmed']
  t.strictSame(
    lines,
    [1, 3, 2, 2, 3].map((n, i) => answer(words[i] ?? '', n)),
  )
  t.same(
    sink.handedOn.map(({ number, data }) => `${number} ${data}`),
    ['1 output 1', '2 output 2', '3 output 3'],
  )
  t.match(sink.counts, { known: 1, gap: 1, stale: 0, fork: 0 })
  t.strictSame(notes, ['output 1 is the first of epoch 3', 'gap: 3 before 2'])
  sink.close()
})

t.test('envelopes that come in pieces or together are the same', async (t) => {
  const { sink, socket, lines } = await sinkWith([])
  const bytes = Buffer.concat([1, 2, 3].map((n) => encodeEnvelope(output(n))))
  for (let start = 0; start < bytes.length; start += 7) {
    socket.write(bytes.subarray(start, start + 7))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await settled(() => lines.length === 3)
  t.equal(sink.handedOn.length, 3)
  sink.close()
})

t.test('what is no envelope costs its connection and nothing else', async (t) => {
  const notes: string[] = []
  const { sink, socket } = await sinkWith(notes)
  socket.write(encodeEnvelope(output(1)))
  socket.write('GET / HTTP/1.1\r\n\r\n')
  await once(socket, 'close')
  t.equal(sink.handedOn.length, 1)
  t.equal(sink.counts.malformed, 1)
  t.match(notes.at(-1), /closed a connection: .*does not begin/)
  sink.close()
})

t.test('silence is the longest time without an output between two moments', async (t) => {
  const sink = new Sink(() => {})
  const arrive = (at: number) => sink.handedOn.push({ number: 0, data: '', at })
  for (const at of [10, 20, 50, 55]) arrive(at)
  t.equal(sink.silence(12, 60), 30)
  t.equal(sink.silence(15, 25), 5)
  t.equal(sink.silence(52, 100), 45)
  t.equal(sink.silence(56, 57), 1)
  t.equal(new Sink(() => {}).silence(0, 7), 7)
})

t.test('an output is delivered when it is confirmed, and not otherwise', async (t) => {
  const { sink, socket } = await sinkWith([])
  const address = socket.remotePort ?? 0
  const link = new SinkLink(onLoopback(address))
  const never = new AbortController().signal
  await link.deliver(output(1), never)
  t.equal(sink.handedOn.length, 1)
  await t.rejects(link.deliver(output(3), never), /the sink refused output f+ 3 c/)
  await link.deliver(output(2), never)
  const closed = AbortSignal.abort(new Error('the gate is closed'))
  await t.rejects(link.deliver(output(3), closed), /the gate is closed/)
  sink.close()
  await once(socket, 'close')
  await t.rejects(link.deliver(output(3), never), /ECONNREFUSED|ended before/)
  t.equal(sink.handedOn.length, 2)
})

t.test('a delivery that waits ends when its signal aborts', async (t) => {
  const abort = new AbortController()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => abort.abort(new Error('the gate closed')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const link = new SinkLink(onLoopback(portOf(server)))
  await t.rejects(link.deliver(output(1), abort.signal), /the gate closed/)
  link.close()
  server.close()
})

t.test('a connection to the sink that breaks rejects what waits', async (t) => {
  const server = createServer((socket) => socket.once('data', () => socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const link = new SinkLink(onLoopback(portOf(server)))
  const signal = new AbortController().signal
  const waits = link.deliver(output(1), signal)
  await t.rejects(waits, /ended before it confirmed/)
  const again = link.deliver(output(1), signal)
  await t.rejects(again, /ended before it confirmed/, 'it connects again and fails again')
  server.close()
})

interface Held {
  readonly seq: number
  resolve(): void
  reject(error: Error): void
}

async function intakeWith(held: Held[], refusals: unknown[]) {
  const port = await freePorts(1, [])
  const receive = (_: Uint8Array, { seq }: { seq: number }) =>
    new Promise<void>((resolve, reject) => held.push({ seq, resolve, reject }))
  const intake = await openIntake(onLoopback(port), receive, (error) => refusals.push(error))
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const lines: string[] = []
  onLines(socket, (line) => lines.push(line))
  await once(socket, 'connect')
  socket.write('source s\n')
  return { intake, socket, lines }
}

t.test('records are answered in order, up to the first that still waits', async (t) => {
  const held: Held[] = []
  const { intake, socket, lines } = await intakeWith(held, [])
  socket.write('1 {}\n2 {}\n3 {}\n')
  await settled(() => held.length === 3)
  held[1]?.resolve()
  held[2]?.resolve()
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.strictSame(lines, [])
  held[0]?.resolve()
  await settled(() => lines.length > 0)
  t.strictSame(lines, ['3'])
  intake.close()
})

t.test('a refused record ends the connection, once', async (t) => {
  const held: Held[] = []
  const refusals: unknown[] = []
  const { intake, socket } = await intakeWith(held, refusals)
  socket.write('1 {}\n2 {}\n')
  await settled(() => held.length === 2)
  const reason = new Error('role lost')
  held[0]?.reject(reason)
  held[1]?.reject(reason)
  await once(socket, 'close')
  t.strictSame(refusals, [reason])
  intake.close()
})

t.test('a member takes no more than it can wait for', async (t) => {
  const held: Held[] = []
  const { intake, socket } = await intakeWith(held, [])
  const text = 'x'.repeat(2000)
  for (let seq = 1; seq <= 5000; seq++) socket.write(`${seq} ${text}\n`)
  await settled(() => held.length >= 1024)
  await new Promise((resolve) => setTimeout(resolve, 50))
  // The bound, and what one chunk of the connection held beyond it.
  t.ok(held.length < 1024 + 64, `${held.length} wait`)
  for (let next = held.shift(); next; next = held.shift()) next.resolve()
  await settled(() => held.length > 0)
  intake.close()
})
