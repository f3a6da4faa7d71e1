/**
 * A hot-standby pair as most engineers write it first: the standby connects to the primary, which
 * sends it a beat by `setInterval`; when the connection closes, or nothing has come for a window,
 * the standby begins to send.
 *
 * Both are given every input and count. There is no replication, no acknowledgement, no epoch to
 * stop a primary that was only stopped: this is what takes over, and nothing more. With `isBare` it
 * has no beats and is given no inputs: the bare chain of processes that every takeover needs, from
 * the end of a connection to the first byte at the sink.
 */

import { connect, createServer, type Socket } from 'node:net'
import { serve, tell } from '../support/serve.js'
import { block, holdBallast, litter } from './harm.js'
import { inputKind, onPackets, pack } from './wire.js'

export interface HandRolledOrder {
  readonly worldPort: number
  /** Where this one listens, should it be primary. */
  readonly port: number
  /** The primary; undefined for the first one. */
  readonly primaryPort: number | undefined
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly isBare: boolean
  /** Memory that this process holds besides, touched. */
  readonly ballastMiB: number
}

export interface HandRolledReport {
  readonly isPrimary: boolean
  readonly isPaired: boolean
  readonly takeovers: number
}

let world: Socket
let epoch = 1
let isPrimary = false
let isPaired = false
let takeovers = 0
let standby: Socket | undefined

function report(): void {
  tell({ isPrimary, isPaired, takeovers } satisfies HandRolledReport)
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

function rule({ port, heartbeatMs, isBare }: HandRolledOrder): void {
  isPrimary = true
  createServer({ noDelay: true }, (socket) => {
    standby = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      isPaired = false
      report()
    })
    socket.write(pack(1, () => [epoch, 0]))
    isPaired = true
    report()
  }).listen(port, '127.0.0.1', report)
  if (!isBare) setInterval(() => standby?.write(pack(1, () => [epoch, 0])), heartbeatMs)
}

async function follow(order: HandRolledOrder, primaryPort: number): Promise<void> {
  const { heartbeatMs, windowMs, isBare } = order
  const primary = await dial(primaryPort)
  let heardAt = performance.now()
  const check = isBare
    ? undefined
    : setInterval(() => {
        if (performance.now() - heardAt > windowMs) takeOver()
      }, heartbeatMs)
  const takeOver = () => {
    if (isPrimary) return
    clearInterval(check)
    epoch += 1
    takeovers += 1
    world.write(pack(1, () => [epoch, 0]))
    rule(order)
    report()
  }
  onPackets(primary, (first) => {
    heardAt = performance.now()
    epoch = first
    if (isPaired) return
    isPaired = true
    report()
  })
  primary.on('error', () => {})
  primary.on('close', takeOver)
}

async function open(order: HandRolledOrder): Promise<void> {
  holdBallast(order.ballastMiB)
  world = await dial(order.worldPort)
  world.on('error', () => {})
  onPackets(world, (kind, number) => {
    if (kind === inputKind && isPrimary) world.write(pack(1, () => [epoch, number]))
  })
  world.write(pack(1, () => [0, process.pid]))
  if (order.primaryPort === undefined) rule(order)
  else await follow(order, order.primaryPort)
}

serve({ open, block, litter })
