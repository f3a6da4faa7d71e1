/**
 * A member process with the smallest pair that can be told from one server by nobody outside:
 * replicate, acknowledge, release, notice; a dead connection is a dead peer, and that is all.
 *
 * The demo's faults, source, sink and judge are tried with it without the library, so that a demo
 * that fails says which of the two is wrong. It has no detector, no epochs on disk, no bounds and
 * no defence against a cut link: never mistake it for a pair. With `SMALL_PAIR_FLAW` it breaks one
 * rule, so that the judge can be seen to find what it is there to find.
 */

import { connect, createServer, type Socket } from 'node:net'
import { checksum } from '#lib/receiver.js'
import { historyId } from '#lib/units.js'
import { openIntake } from '../../examples/demo/intake.js'
import { onLines } from '../../examples/demo/lines.js'
import type { MemberSettings, Order, Report } from '../../examples/demo/messages.js'
import { SinkLink } from '../../examples/demo/sink-link.js'
import { statistics } from '../../examples/statistics.js'

const { SMALL_PAIR_FLAW: flaw } = process.env
const history = historyId('0123456789abcdef'.repeat(2))
const never = new AbortController().signal

interface Queued {
  readonly number: number
  readonly data: string
}

let settings: MemberSettings
let sink: SinkLink
let state = statistics.init()
let role: 'starting' | 'standby' | 'primary' = 'starting'
let epoch = 0
let firstOfEpoch = 1
let produced = 0
let sent = 0
let outbox: Queued[] = []
// The connection to the other member while it is paired, and the last frame it acknowledged.
let link: Socket | undefined
let acknowledged = 0
let waiting: { readonly seq: number; resolve(): void }[] = []
let isDelivering = false

function tell(report: Report): void {
  process.send?.(report)
}

function change(next: typeof role, cause: string): void {
  role = next
  tell({ type: 'role', at: Date.now(), role, epoch, cause, verdict: undefined })
}

// A primary alone has acknowledged everything itself.
function held(): number {
  return link === undefined ? state.records : acknowledged
}

function processFrame(seq: number, json: string): void {
  const call = { frameNo: seq, now: 0, random: Math.random, uuid: () => '' }
  const send = (data: Uint8Array) => {
    produced++
    outbox.push({ number: produced, data: Buffer.from(data).toString() })
  }
  const frame = { ...call, source: 'test', seq, timer: undefined, data: Buffer.from(json) }
  statistics.process(state, frame, { ...call, setTimer: () => {}, clearTimer: () => {}, send })
}

function receive(data: Uint8Array, { seq }: { readonly seq: number }): Promise<void> {
  if (role === 'primary' && seq === state.records + 1) {
    processFrame(seq, Buffer.from(data).toString())
    link?.write(`frame ${seq} ${Buffer.from(data)}\n`)
  }
  return new Promise((resolve) => {
    waiting.push({ seq, resolve })
    release()
  })
}

// Accepts what both hold, and sends the outputs of it.
function release(): void {
  if (role === 'starting') return
  const until = role === 'primary' ? held() : state.records
  while ((waiting[0]?.seq ?? Infinity) <= until) waiting.shift()?.resolve()
  if (role === 'primary' && !isDelivering) void deliverAll()
}

async function deliverAll(): Promise<void> {
  isDelivering = true
  for (let next = outbox[0]; next && JSON.parse(next.data).record <= held(); next = outbox[0]) {
    const { number, data } = next
    const bytes = Buffer.from(flaw === 'other-bytes' && number === 700 ? `${data} ` : data)
    const reign = { pair: 'demo', history, epoch, firstOfEpoch, isRepeat: false }
    const identity = { channel: 'outlier', number, frameNo: 0, digest: checksum(bytes) }
    await sink.deliver({ ...reign, ...identity, data: bytes }, never)
    outbox.shift()
    sent = number
    link?.write(`sent ${number}\n`)
  }
  isDelivering = false
}

function rule(cause: string): void {
  const at = Date.now()
  const isTakeover = role === 'standby'
  epoch += settings.member === (epoch % 2 === 0 ? 'a' : 'b') ? 1 : 2
  firstOfEpoch = outbox[0]?.number ?? produced + 1
  change('primary', cause)
  if (isTakeover) {
    const found = { verdict: 'process-gone', frameNo: state.records, tookMs: 0 }
    tell({ type: 'takeover', at, epoch, ...found, inDoubt: outbox.slice(0, 1).map(doubtOf) })
  }
  tell({ type: 'mode', at, mode: 'solo', epoch })
  // A record that only this member's own source has brought is next.
  waiting = []
  intakeReset()
  release()
}

let intakeReset = (): void => {}

// The primary's end: a joiner gets the state, then every frame on the same connection.
function admit(socket: Socket): void {
  if (role !== 'primary') {
    socket.end()
    return
  }
  const fields = [...state.fields]
  const image = { state: { ...state, fields }, epoch, produced, sent, outbox, firstOfEpoch }
  socket.write(`load ${JSON.stringify(image)}\n`)
  acknowledged = state.records
  link = socket
  socket.on('error', () => {})
  socket.on('close', () => {
    link = undefined
    tell({ type: 'mode', at: Date.now(), mode: 'solo', epoch })
    release()
  })
  onLines(socket, (line) => {
    acknowledged = Number(line)
    release()
  })
  tell({ type: 'mode', at: Date.now(), mode: 'paired', epoch })
}

// The joiner's end.
function follow(line: string, socket: Socket): void {
  const [word = '', first = ''] = line.split(' ', 2)
  if (word === 'load') {
    const image = JSON.parse(line.slice(5))
    state = { ...image.state, fields: new Map(image.state.fields) }
    ;({ epoch, produced, sent, outbox, firstOfEpoch } = image)
    change('standby', 'paired')
    void sink.open()
  } else if (word === 'frame') {
    processFrame(Number(first), line.slice(word.length + first.length + 2))
    socket.write(`${state.records}\n`)
  } else {
    sent = Number(first)
    if (flaw !== 'repeats') outbox = outbox.filter(({ number }) => number > sent)
  }
  release()
}

function doubtOf({ number }: Queued) {
  return { channel: 'outlier', number }
}

function portOf(member: 'a' | 'b'): number {
  return Number(settings.members[member][0]?.split(':').at(-1))
}

function join(attempts: number): void {
  const { member } = settings
  const socket = connect(portOf(member === 'a' ? 'b' : 'a'), '127.0.0.1')
  onLines(socket, (line) => follow(line, socket))
  socket.on('error', () => {})
  socket.on('close', () => {
    if (role === 'standby') rule('takeover')
    else if (member === 'a' && attempts === 0) rule('first-up')
    else setTimeout(() => join(Math.max(0, attempts - 1)), 10)
  })
}

async function open(given: MemberSettings): Promise<void> {
  settings = given
  sink = new SinkLink(given.sink)
  change('starting', 'opened')
  createServer(admit).listen(portOf(given.member), '127.0.0.1')
  const refuse = (error: unknown) => {
    throw error
  }
  let intake = await openIntake(given.intake, receive, refuse)
  intakeReset = () => {
    intake.close()
    void openIntake(given.intake, receive, refuse).then((next) => {
      intake = next
    })
  }
  join(20)
}

process.on('message', (order: Order) => {
  if (order.type === 'open') void open(order.settings)
  else process.disconnect()
})
process.on('disconnect', () => process.exit())
tell({ type: 'parked' })
