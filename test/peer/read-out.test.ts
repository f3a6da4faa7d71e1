/**
 * Takeover reads out what the dead peer's kernel had already handed to ours: every packet, although
 * the connection was reset, and although our own answers can no longer be written.
 *
 * The other member is a process that is killed while this one stands still, so that all of its last
 * packets wait in the kernel when the event loop comes back.
 */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { PeerLink } from '#lib/runtime/ports-peer.js'
import { openPair, Party, packetOf, secret } from './party.js'

const doomed = fileURLToPath(new URL('doomed.js', import.meta.url))
const lastPackets = { count: 800, size: 500 }
const warmingPackets = 160

// A TLS record of a long write: so much payload, so much on the wire.
const record = { payload: 16_384, wire: 16_406 }

// Holds up this process, event loop and all, until `holds`.
function standStillUntil(holds: () => boolean): void {
  const word = new Int32Array(new SharedArrayBuffer(4))
  while (!holds()) Atomics.wait(word, 0, 0, 1)
}

const isDead = (pid: number): boolean => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

// Bytes that have arrived on the one connection to `port` and were not read.
function unreadBytes(port: number): number {
  const local = port.toString(16).toUpperCase().padStart(4, '0')
  const established = new RegExp(`:${local} \\w+:\\w+ 01 \\w+:(\\w+)`)
  const [, unread = ''] = established.exec(readFileSync('/proc/net/tcp', 'utf8')) ?? []
  return Number.parseInt(unread, 16)
}

interface Bereaved {
  readonly a: Party
  readonly link: PeerLink
  /** Packets that had arrived when the peer was killed, and perhaps a few more. */
  readonly arrivedCount: number
}

// A member whose peer has just been killed, with the last packets still unread.
async function bereaved(
  t: Test,
  options: { secret: string | undefined; hasUnreadAnswer: boolean },
): Promise<Bereaved> {
  const a = await new Party({ secrets: options.secret === undefined ? [] : [options.secret] }).open(
    t,
  )
  const file = join(tmpdir(), `hotpair-${process.pid}-${a.port}`)
  t.teardown(() => rmSync(file, { force: true }))
  const { count, size } = lastPackets
  const words = [a.port, options.secret ?? '-', file, count, size].map(String)
  const child = spawn(process.execPath, [doomed, ...words], { stdio: 'inherit' })
  t.teardown(() => child.kill('SIGKILL'))
  await a.until(({ bodies }) => bodies.length === warmingPackets)
  // From here to the end in the check phase of the loop: what is due comes next, and only then
  // reading.
  await new Promise((turn) => setImmediate(turn))
  a.link.write(packetOf(Buffer.from('now')))
  standStillUntil(() => existsSync(file))
  if (options.hasUnreadAnswer) a.link.write(packetOf(Buffer.from('never read')))
  const unread = unreadBytes(a.port)
  child.kill('SIGKILL')
  standStillUntil(() => isDead(child.pid ?? 0))
  const { link } = a
  a.told.length = 0
  const wholeRecords = Math.floor(unread / record.wire) * record.payload
  const payload = options.secret === undefined ? unread : wholeRecords
  const arrivedCount = Math.floor(payload / (size + 5))
  t.ok(arrivedCount > 200, `${arrivedCount} packets wait, more than one read takes`)
  return { a, link, arrivedCount }
}

for (const [name, key] of [
  ['plain', undefined],
  ['with a secret', secret],
] as const) {
  for (const hasUnreadAnswer of [false, true]) {
    const how = hasUnreadAnswer ? 'a reset' : 'an end'

    t.test(`${name}: all that had arrived before ${how} is read out`, async (t) => {
      const { a, link, arrivedCount } = await bereaved(t, { secret: key, hasUnreadAnswer })
      await link.readOut(1_000)
      t.ok(a.bodies.length >= arrivedCount, `${a.bodies.length} of ${arrivedCount}`)
      t.equal(a.story.length, 1)
      t.match(a.story[0], /^down: /)
      await link.readOut(1_000)
      t.pass('and reading out what is down is done at once')
    })

    t.test(`${name}: answers that cannot be written take nothing away, at ${how}`, async (t) => {
      const { a, link, arrivedCount } = await bereaved(t, { secret: key, hasUnreadAnswer })
      a.onPacket = () => link.write(packetOf(Buffer.from('held')))
      link.write(packetOf(Buffer.from('still there?')))
      await a.untilDown()
      t.ok(a.bodies.length >= arrivedCount, `${a.bodies.length} of ${arrivedCount}`)
    })
  }
}

t.test('one that stood still after a failed write still reads all that had arrived', async (t) => {
  const { a, link, arrivedCount } = await bereaved(t, { secret: undefined, hasUnreadAnswer: true })
  link.write(packetOf(Buffer.from('cannot be written')))
  const until = performance.now() + 300
  standStillUntil(() => performance.now() > until)
  await a.untilDown()
  t.ok(a.bodies.length >= arrivedCount, `${a.bodies.length} of ${arrivedCount}`)
})

t.test(
  'a live link is read out until one turn brings nothing more, and is down then',
  async (t) => {
    const { a, b } = await openPair(t)
    await Promise.all([a.untilUp(), b.untilUp()])
    for (let i = 0; i < 1_000; i++) b.link.write(packetOf(Buffer.alloc(5_000)))
    const done = a.link.readOut(1_000)
    t.equal(a.link.readOut(1_000), done, 'asked twice, done once')
    t.equal(a.link.write(packetOf(Buffer.from('x'))), true, 'and nothing is written any more')
    await done
    t.ok(a.bodies.length > 0)
    t.strictSame(a.story, ['up', 'down: it was read out'])
    await b.untilDown()
    t.strictSame(b.bodies, [])
  },
)

t.test('a peer that never stops talking is read out no longer than was allowed', async (t) => {
  const { a, b } = await openPair(t)
  await Promise.all([a.untilUp(), b.untilUp()])
  const talk = (): void => {
    if (b.story.length > 1) return
    b.link.write(packetOf(Buffer.alloc(50_000)))
    setImmediate(talk)
  }
  talk()
  await a.until(({ bodies }) => bodies.length > 0)
  await a.link.readOut(30)
  t.match(a.story, ['up', /^down: it was read out/])
})

t.test('a link that is closed while it is read out ends the wait', async (t) => {
  const { a, b } = await openPair(t)
  await Promise.all([a.untilUp(), b.untilUp()])
  const done = a.link.readOut(1_000)
  a.link.close('no longer wanted')
  await done
  t.strictSame(a.story, ['up', 'down: no longer wanted'])
  b.link.close('gone')
  await b.link.readOut(1_000)
  t.strictSame(
    b.story,
    ['up', 'down: gone'],
    'and of one that is down there is nothing to wait for',
  )
})

t.test('a peer that dies within a packet leaves no part of it', async (t) => {
  const { a, b } = await openPair(t)
  await Promise.all([a.untilUp(), b.untilUp()])
  const whole = packetOf(Buffer.alloc(10_000))
  b.link.write(Buffer.concat([whole, whole.subarray(0, 5_000)]))
  b.link.close('dies')
  await a.untilDown()
  t.strictSame(
    a.bodies.map(({ length }) => length),
    [10_001],
  )
})
