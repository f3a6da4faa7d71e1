/**
 * One member as a process of its own, told by its parent what to take in, and telling it all.
 *
 * An output goes to the parent and counts as sent when the parent has confirmed it, so the test is
 * the receiver. The options come as JSON in the first argument. It ends when its parent is gone.
 */

import { readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { type App, isPairError, type Member, type MemberOptions, openMember } from 'hotpair'
import { type Order, poison, type Report, type Sum, step } from './messages.js'

const parent = process.ppid
const confirmations = new Map<number, () => void>()
let attempts = 0
let frameMs = 0

function report(message: Report): void {
  if (process.connected) process.send?.(message)
}

const app: App<Sum> = {
  init: () => ({ seen: 0, total: 0 }),
  process(state, { source = '', seq = 0 }, ctx) {
    if (frameMs > 0) standStill(frameMs)
    // A loop that is stuck does not hear that its parent is gone, so it looks.
    while (source === poison && process.ppid === parent) standStill(100)
    const said = step(state, source, seq)
    if (said !== undefined) ctx.send(Buffer.from(said))
  },
  deliver(output, { signal }) {
    const begunAt = Date.now()
    attempts += 1
    const attempt = attempts
    return new Promise((resolve, reject) => {
      confirmations.set(attempt, resolve)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      report({ type: 'output', output, attempt, begunAt })
    })
  },
}

function take(member: Member<Sum>, source: string, seq: number): void {
  member.receive(new Uint8Array(), { source, seq }).then(
    () => report({ type: 'accepted', source, seq }),
    (error) => {
      const code = isPairError(error) ? error.code : String(error)
      report({ type: 'refused', source, seq, code })
    },
  )
}

async function run(options: Omit<MemberOptions<Sum>, 'app'>): Promise<void> {
  const member = await openMember({ ...options, app })
  void listen(member)
  process.on('message', (order: Order) => {
    switch (order.type) {
      case 'input':
        return take(member, order.source, order.seq)
      case 'confirmed':
        confirmations.get(order.attempt)?.()
        confirmations.delete(order.attempt)
        return
      case 'block':
        return standStill(order.milliseconds)
      case 'slow':
        frameMs = order.milliseconds
        return
      case 'switchover':
        // How it ended is told by its event.
        return void member.switchover().catch(() => {})
      case 'litter':
        return litter(order.milliseconds)
      case 'break-unit':
        return breakUnit()
      case 'close':
        void member.close().then(() => {
          report({ type: 'closed' })
          process.disconnect()
        })
    }
  })
}

/**
 * Writes rubbish on every Unix socket of this process above that of the parent (3): the connection
 * to the unit, and the pipe by which a unit that was started here could say why it ends.
 */
function breakUnit(): void {
  const isUnix = new Set(
    readFileSync('/proc/self/net/unix', 'utf8')
      .split('\n')
      .map((line) => `socket:[${line.split(/\s+/)[6]}]`),
  )
  for (const fd of readdirSync('/proc/self/fd')
    .map(Number)
    .filter((each) => each > 3)) {
    try {
      if (isUnix.has(readlinkSync(`/proc/self/fd/${fd}`)))
        writeSync(fd, new Uint8Array(64).fill(255))
    } catch {
      // The descriptor of the listing itself is closed by now.
    }
  }
}

function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/** Half of what was made last is kept for a while, so that every generation is collected. */
function litter(milliseconds: number): void {
  const end = Date.now() + milliseconds
  const kept: object[] = []
  while (Date.now() < end) {
    const heap = Array.from({ length: 1000 }, (_, index) => ({ index, text: `${index}` }))
    kept[Math.floor(Math.random() * 200)] = heap
  }
}

async function listen(member: Member<Sum>): Promise<void> {
  for await (const event of member.events()) {
    if (event.type !== 'fault') report({ type: 'event', event })
    else {
      const { code, message } = event.error
      report({ type: 'event', event: { type: 'fault', code, message } })
    }
  }
}

process.on('disconnect', () => process.exit())
await run(JSON.parse(process.argv[2] ?? ''))
