/**
 * Crowds of strangers at the ports of a pair that works: a thousand connections at once, floods of
 * datagrams, and connections that say one byte at a time. The roles stay, every output comes, and
 * what a member needs for it is bounded: stated below, measured from outside.
 */

import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Outside, type Party } from './outside.js'

if (process.platform !== 'linux') {
  t.comment('skipped: what a process has is read from /proc')
  process.exit(0)
}

t.setTimeout(120_000)

const host = '127.0.0.1'
const isLong = process.env['CI_LONG'] === '1'

// Eight that wait at each of two ports, as many that are being closed, and a few of the library's.
const mostMoreDescriptors = 64
// Eight that wait have some 50 KB each by TLS; the rest is garbage that is not collected yet.
const mostMoreMiB = 64

// The strangers run on the processors of the pair: what a crowded machine alone would make of the
// usual times is no matter of this test (false-alarms.test.ts).
const patience = { windowMs: 2_000, hangAfterMs: 5_000 }

/** What a process has at this moment. */
function held({ pid }: Party): { descriptors: number; mebibytes: number } {
  const descriptors = readdirSync(`/proc/${pid}/fd`).length
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { descriptors, mebibytes: Number(resident?.[1]) / 1024 }
}

/** Looks all the time until it is ended; then says by how much it had more than at first. */
function watch(party: Party): () => { descriptors: number; mebibytes: number } {
  const before = held(party)
  const most = { ...before }
  const timer = setInterval(() => {
    const { descriptors, mebibytes } = held(party)
    most.descriptors = Math.max(most.descriptors, descriptors)
    most.mebibytes = Math.max(most.mebibytes, mebibytes)
  }, 10)
  return () => {
    clearInterval(timer)
    return {
      descriptors: most.descriptors - before.descriptors,
      mebibytes: most.mebibytes - before.mebibytes,
    }
  }
}

function stranger(t: Test, port: number): Socket {
  const socket = connect(port, host)
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.on('data', () => {})
  return socket
}

/** Under load: runs `attack` on the four ports of a pair and demands that it changed nothing. */
async function withstands(
  t: Test,
  attack: (ports: readonly number[]) => Promise<void>,
): Promise<readonly Party[]> {
  const outside = await Outside.open(t, { secret: 'sixteen letters and more', ...patience })
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const parties = [primary, standby]
  const roles = () => parties.map(({ told }) => told.filter(({ type }) => type === 'role').length)
  const verdicts = () => parties.flatMap((party) => party.all('verdict'))
  const rolesBefore = roles()
  const watches = parties.map(watch)
  const feeding = setInterval(() => outside.feed(2), 10)
  t.teardown(() => clearInterval(feeding))
  await attack(outside.ports)
  clearInterval(feeding)
  await outside.untilAll()
  for (const [index, end] of watches.entries()) {
    const { descriptors, mebibytes } = end()
    const who = parties[index]?.member
    t.ok(descriptors <= mostMoreDescriptors, `${who} had ${descriptors} more descriptors`)
    t.ok(mebibytes <= mostMoreMiB, `${who} had ${mebibytes.toFixed(1)} MiB more`)
  }
  t.same(roles(), rolesBefore, 'no role has changed')
  t.same(verdicts(), [], 'and nobody was thought gone or hung')
  t.same(outside.handedOn, outside.expected, 'every output came, in order and as it should be')
  t.same(outside.offences, [])
  await outside.until(
    () => parties.every((party) => party.all('refused').length > 0),
    'both tell of it',
  )
  for (const party of parties) {
    const told = party.all('refused')
    t.same([...new Set(told.map(({ code }) => code))], ['ERR_HOTPAIR_STRANGERS'])
    t.ok(told.length <= 2, 'and not for each')
    t.match(told[0]?.address, /^127\.0\.0\.1/)
  }
  return parties
}

t.test('a thousand connections at once', async (t) => {
  await withstands(t, async (ports) => {
    const crowd = ports.flatMap((port) => Array.from({ length: 250 }, () => stranger(t, port)))
    // As much as TLS would take for the beginning of something.
    for (const [index, socket] of crowd.entries()) {
      if (index % 2 === 0) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
    }
    await Promise.all(
      crowd.map((socket) => socket.closed || new Promise((done) => socket.once('close', done))),
    )
    t.pass('and every one of them is turned out')
  })
})

t.test('a flood of datagrams', async (t) => {
  await withstands(t, async (ports) => {
    const socket = createSocket('udp4')
    const control = ports.filter((_, index) => index % 2 === 0)
    const sizes = [0, 1, 271, 272, 273, 1_200]
    for (let round = 0; round < (isLong ? 200 : 20); round += 1) {
      const sent = control.flatMap((port) =>
        Array.from({ length: 600 }, (_, index) => {
          const packet = Buffer.alloc(sizes[index % sizes.length] ?? 0, index)
          // The magic and the version of a beat, so that it is looked at longer.
          if (index % 2 === 0) Buffer.from('HPB1\u0001').copy(packet)
          return new Promise((done) => socket.send(packet, port, host, done))
        }),
      )
      await Promise.all(sent)
    }
    socket.close()
  })
})

t.test('connections that say one byte at a time', async (t) => {
  await withstands(t, async (ports) => {
    const end = Date.now() + (isLong ? 30_000 : 3_000)
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, ...Buffer.alloc(500)])
    let closed = 0
    await Promise.all(
      ports.flatMap((port) =>
        Array.from({ length: 20 }, async () => {
          while (Date.now() < end) {
            const socket = stranger(t, port)
            for (const byte of hello) {
              if (socket.destroyed) break
              socket.write(Buffer.from([byte]))
              await new Promise((later) => setTimeout(later, 100))
            }
            closed += 1
          }
        }),
      ),
    )
    t.ok(closed >= 80, `${closed} of them were turned out in time`)
  })
})
