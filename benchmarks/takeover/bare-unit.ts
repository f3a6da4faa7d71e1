/**
 * The bare chain of a takeover with units as processes: the same four processes and the same way of
 * the news (kernel, unit, beat, unit, event loop), and behind it one write to the sink.
 *
 * No rules, no replication, no inputs: what is above it in `takeover` is what hotpair itself takes.
 */

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { configOf } from '#lib/config.js'
import { openBeats } from '#lib/member/beats.js'
import type { BeatsPort } from '#lib/runtime/ports-beats.js'
import { epochOf, incarnationOf, type MemberId } from '#lib/units.js'
import { encodePresence } from '#lib/wire/presence.js'
import { serve, tell } from '../support/serve.js'
import { holdBallast } from './harm.js'
import { pack } from './wire.js'

export interface BareUnitOrder {
  readonly worldPort: number
  readonly self: MemberId
  readonly members: Readonly<Record<MemberId, string>>
  /** Of the reign that this one begins with, or its twin: it writes the one after that. */
  readonly epoch: number
  readonly isPrimary: boolean
  readonly heartbeatMs: number
  readonly windowMs: number
  /** Memory that this process holds besides, touched. */
  readonly ballastMiB: number
}

export interface BareUnitReport {
  readonly isPrimary: boolean
  /** The other one is heard. */
  readonly isPaired: boolean
  readonly epoch: number
  readonly unitPid: number
}

const host = '127.0.0.1'
let beats: (BeatsPort & { readonly unitPid: number }) | undefined
let world: Socket
let epoch = 0
let isPrimary = false
let isPaired = false

function report(): void {
  const unitPid = beats?.unitPid ?? 0
  tell({ isPrimary, isPaired, epoch, unitPid } satisfies BareUnitReport)
}

function announce(): void {
  beats?.announce(
    encodePresence({
      role: isPrimary ? 'primary' : 'standby',
      mode: isPrimary ? 'paired' : undefined,
      isBlank: false,
      epoch: epochOf(epoch),
      history: undefined,
      draw: 0n,
      drawEcho: 0n,
      inSync: undefined,
      renounced: epochOf(0),
      askRenounce: epochOf(0),
      lost: undefined,
      settings: 1n,
    }),
  )
}

function look(): void {
  const view = beats?.view()
  if (view === undefined) return
  const isGone = view.verdict === 'process-gone'
  if (isGone && !isPrimary && isPaired) {
    epoch += 1
    world.write(pack(1, () => [epoch, 0]))
    isPrimary = true
    announce()
    report()
  }
  const isHeard = view.peerIncarnation !== 0n && view.verdict === 'none'
  if (isHeard === isPaired) return
  isPaired = isHeard
  report()
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

async function open(order: BareUnitOrder): Promise<void> {
  holdBallast(order.ballastMiB)
  world = await dial(order.worldPort)
  world.on('error', () => {})
  world.write(pack(1, () => [0, process.pid]))
  const { self: member, members, heartbeatMs, windowMs } = order
  const config = configOf({
    ...{ pair: 'bench-bare', member, members, heartbeatMs, windowMs },
    arbiter: 'none',
    unit: 'process',
    app: { init: () => ({}), process: () => {}, deliver: () => {} },
  })
  const incarnation = incarnationOf(randomBytes(8).readBigUInt64LE() | 1n)
  const stuck = (error: unknown) => {
    throw error
  }
  const owner = { ring: look, moved: () => {}, stuck }
  beats = await openBeats(config, incarnation, { own: [host], other: [host] }, owner)
  ;({ epoch, isPrimary } = order)
  announce()
  report()
  look()
}

serve({ open })
