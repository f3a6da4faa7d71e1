/**
 * One member of the demo's pair: a process of its own, started and killed by main.
 *
 * This is what a user writes: open a member, give it the application, the source and the sink. The
 * rest is remote control: it parks until it is told to open, so that both members can be started at
 * the same moment and a killed one within a few milliseconds, and it reports the pair's events.
 */

import { type Member, openMember } from 'hotpair'
import { type Statistics, statistics } from '../statistics.js'
import { openIntake } from './intake.js'
import type { MemberSettings, Order, Report } from './messages.js'
import { withPoison } from './poison.js'
import { SinkLink } from './sink-link.js'

/** Refusals that a change of roles brings with it; the source sends the record again. */
const passing = ['ERR_HOTPAIR_DEMOTED', 'ERR_HOTPAIR_CLOSED', 'ERR_HOTPAIR_QUEUE_FULL']

let close: () => Promise<void> = async () => {}
let handOver: () => Promise<void> = async () => {}

async function open(settings: MemberSettings): Promise<void> {
  const sink = new SinkLink(settings.sink)
  const member = await openMember<Statistics>({
    pair: 'demo',
    member: settings.member,
    members: settings.members,
    secret: settings.secret,
    arbiter: settings.arbiter ?? 'none',
    ...(settings.heartbeatMs !== undefined && { heartbeatMs: settings.heartbeatMs }),
    ...(settings.windowMs !== undefined && { windowMs: settings.windowMs }),
    ...(settings.hangAfterMs !== undefined && { hangAfterMs: settings.hangAfterMs }),
    ...(settings.unitFolder !== undefined && {
      unit: 'process',
      unitSocket: `${settings.unitFolder}/${settings.member}.sock`,
    }),
    onSuspect: 'skip',
    app: {
      init: statistics.init,
      process: withPoison(statistics.process),
      deliver: (output, { signal }) => sink.deliver(output, signal),
      prepare: async () => void (await sink.open()),
    },
  })
  forward(member)
  const receive = member.receive.bind(member)
  const intake = await openIntake(settings.intake, receive, (error) => {
    if (!passing.includes(codeOf(error))) trouble(error)
  })
  handOver = async () => {
    try {
      const { epoch, tookMs } = await member.switchover()
      report({ type: 'switchover', at: Date.now(), epoch, tookMs })
    } catch (error) {
      report({ type: 'switchover-refused', at: Date.now(), ...wordsOf(error) })
    }
  }
  close = async () => {
    intake.close()
    await member.close()
    sink.close()
  }
}

// Tells main what the pair tells its user.
function forward(member: Member<Statistics>): void {
  member.on('role', ({ at, role, epoch, cause, verdict }) =>
    report({ type: 'role', at, role, epoch, cause, verdict }),
  )
  member.on('mode', ({ at, mode, epoch }) => report({ type: 'mode', at, mode, epoch }))
  member.on('verdict', ({ at, verdict, silenceMs }) =>
    report({ type: 'verdict', at, verdict, silenceMs }),
  )
  member.on('takeover', ({ at, epoch, verdict, frameNo, inDoubt, tookMs }) =>
    report({ type: 'takeover', at, epoch, verdict, frameNo, inDoubt, tookMs }),
  )
  member.on('skipped', ({ at, frameNo, seq }) => report({ type: 'skipped', at, frameNo, seq }))
  const tellUnit = () => report({ type: 'unit', at: Date.now(), ...member.status().unit })
  member.on('unit', tellUnit)
  member.on('link', ({ at, up, address, reason = '' }) =>
    report({ type: 'link', at, up, address, reason }),
  )
  member.on('refused', ({ at, code, message }) => report({ type: 'trouble', at, code, message }))
  member.on('fault', ({ error }) => trouble(error))
  // A role that was found while the member opened came before anybody could listen.
  const { role, mode, epoch } = member
  const at = Date.now()
  report({ type: 'role', at, role, epoch, cause: 'opened', verdict: undefined })
  if (mode !== undefined) report({ type: 'mode', at, mode, epoch })
  tellUnit()
}

function report(message: Report): void {
  process.send?.(message)
}

function trouble(error: unknown): void {
  report({ type: 'trouble', at: Date.now(), ...wordsOf(error) })
}

function wordsOf(error: unknown): { code: string; message: string } {
  return { code: codeOf(error), message: error instanceof Error ? error.message : String(error) }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

async function obey(order: Order): Promise<void> {
  switch (order.type) {
    case 'open':
      return open(order.settings)
    case 'block':
      return standStill(order.milliseconds)
    case 'switchover':
      return handOver()
    case 'close':
      await close()
      process.disconnect()
  }
}

// Unannounced: what the pair must notice by itself.
function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => {
    trouble(error)
    process.exitCode = 1
    process.disconnect()
  })
})
// Main is gone, however it ended: nobody is left to work for.
process.on('disconnect', () => process.exit())
report({ type: 'parked' })
