/**
 * A member of the pair that is harmed: a process that does nothing but what it is told, and sends
 * one output an input.
 */

import { connect, type Socket } from 'node:net'
import { type Member, type MemberOptions, type Output, openMember } from 'hotpair'
import { serve, tell } from '../support/serve.js'
import { block, holdBallast, litter } from './harm.js'
import { confirmedKind, onPackets, pack } from './wire.js'

export interface OpenOrder {
  readonly worldPort: number
  /** Memory that this process holds besides, touched. */
  readonly ballastMiB: number
  readonly options: Omit<MemberOptions<object>, 'app'>
}

/** What a member tells of itself. */
export interface MemberReport {
  readonly role: string
  readonly mode: string | undefined
  readonly epoch: number
  /** Verdicts on the other member so far, how many of each, `alive` left out. */
  readonly verdicts: Readonly<Record<string, number>>
  readonly takeovers: number
  /** The process of its unit; 0 where that is this one. */
  readonly unitPid: number
}

let world: Socket | undefined
let member: Member<object> | undefined
const verdicts: Record<string, number> = {}
let takeovers = 0
const waiting: { readonly number: number; resolve(): void }[] = []

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
  })
}

function confirmed(number: number): void {
  while (waiting[0] !== undefined && waiting[0].number <= number) waiting.shift()?.resolve()
}

function deliver(socket: Socket, { epoch, data }: Output): Promise<void> {
  const number = Buffer.from(data.buffer, data.byteOffset).readUIntLE(0, 6)
  return new Promise((resolve) => {
    waiting.push({ number, resolve })
    socket.write(pack(1, () => [epoch, number]))
  })
}

async function open({ worldPort, ballastMiB, options }: OpenOrder): Promise<void> {
  holdBallast(ballastMiB)
  const socket = await dial(worldPort)
  world = socket
  const opened = await openMember<object>({
    ...options,
    app: {
      init: () => ({}),
      process: (_state, frame, ctx) => ctx.send(frame.data),
      deliver: (output) => deliver(socket, output),
    },
  })
  member = opened
  const report = () => {
    const { role, mode, epoch } = opened
    const { place, pid } = opened.status().unit
    const unitPid = place === 'process' ? pid : 0
    tell({ role, mode, epoch, verdicts, takeovers, unitPid } satisfies MemberReport)
  }
  opened.on('role', report)
  opened.on('mode', report)
  opened.on('verdict', ({ verdict }) => {
    if (verdict !== 'alive') verdicts[verdict] = (verdicts[verdict] ?? 0) + 1
    report()
  })
  opened.on('takeover', () => {
    takeovers++
    report()
  })
  onPackets(socket, (kind, number) => {
    if (kind === confirmedKind) confirmed(number)
    else take(opened, number)
  })
  socket.write(pack(1, () => [0, process.pid]))
}

const inputBytes = 256

// A refusal means that the other member has it, or that this one is closing: no figure hangs on it.
function take(opened: Member<object>, seq: number): void {
  const data = Buffer.alloc(inputBytes)
  data.writeUIntLE(seq, 0, 6)
  opened.receive(data, { source: 'world', seq }).catch(() => {})
}

serve({
  open,
  block,
  litter,
  async close() {
    await member?.close()
    world?.destroy()
  },
  async switchover() {
    await member?.switchover()
  },
})
