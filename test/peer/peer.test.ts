/**
 * Two members on loopback: links come up and go down as promised, plain and with a secret.
 */

import t from 'tap'
import { PairError } from '#lib/errors.js'
import { Link } from '#lib/peer/link.js'
import { systemClock } from '#lib/runtime/clock.js'
import type { ClockPort } from '#lib/runtime/ports-clock.js'
import { incarnationOf } from '#lib/units.js'
import { anyPort, dialling, freePort, openPair, Party, packetOf, secret } from './party.js'

for (const [name, both] of [
  ['plain', {}],
  ['with a secret', { secrets: [secret] }],
] as const) {
  t.test(`${name}: each side learns who the other is, and packets go both ways`, async (t) => {
    const { a, b } = await openPair(t, { both: { ...both, settings: { tz: 'UTC' } } })
    const [atA, atB] = await Promise.all([a.untilUp(), b.untilUp()])
    const same = { protocol: 1, pair: 'line-4', settings: { tz: 'UTC' } }
    t.strictSame(atA.hello, { ...same, member: 'b', incarnation: 2n })
    t.strictSame(atB.hello, { ...same, member: 'a', incarnation: 1n })
    t.equal(atB.address, `127.0.0.1:${a.port}`)
    t.ok(atA.write(packetOf(Buffer.from('to b'))))
    t.ok(atB.write(packetOf(Buffer.alloc(90_000, 'to a'))))
    await Promise.all([a.until((x) => x.bodies.length > 0), b.until((x) => x.bodies.length > 0)])
    t.strictSame(b.bodies, [Buffer.from('\x10to b')])
    t.equal(a.bodies[0]?.length, 90_001)
    t.match(a.peer.counters(), { accepted: 1, links: 1, packetsReceived: 1, strangers: 0 })
    t.match(b.peer.counters(), { dials: 1, links: 1, packetsReceived: 1 })
  })

  t.test(
    `${name}: closing one side takes the link down on both, after all was written`,
    async (t) => {
      const { a, b } = await openPair(t, { both })
      const [atA] = await Promise.all([a.untilUp(), b.untilUp()])
      for (let i = 0; i < 100; i++) atA.write(packetOf(Buffer.alloc(20_000, i)))
      await a.peer.close()
      await b.untilDown()
      t.equal(b.bodies.length, 100)
      t.strictSame(a.story, ['up', 'down: this member is closing'])
      t.strictSame(b.story, ['up', 'down: the other side closed the connection'])
    },
  )

  t.test(`${name}: a member that comes back is dialled again`, async (t) => {
    const { a, b } = await openPair(t, { both })
    await b.untilUp()
    const { port } = a
    await a.peer.close()
    await b.untilDown()
    const again = await new Party({
      ...both,
      listen: [{ host: '127.0.0.1', port }],
      incarnation: incarnationOf(3n),
    }).open(t)
    await Promise.all([again.untilUp(), b.untilUp(2)])
    t.equal(b.link.hello.incarnation, 3n)
  })

  t.test(`${name}: a dialler that was there first finds the other once it listens`, async (t) => {
    const port = await freePort()
    const b = await new Party({ ...both, ...dialling(port) }).open(t)
    const a = await new Party({ ...both, listen: [{ host: '127.0.0.1', port }] }).open(t)
    b.peer.dialNow()
    await Promise.all([a.untilUp(), b.untilUp()])
    t.ok(b.peer.counters().dials >= 1)
  })
}

t.test('the addresses of the other member are dialled in turn', async (t) => {
  const dead = await freePort()
  const a = await new Party({ listen: [anyPort, anyPort] }).open(t)
  const ports = [dead, a.peer.addresses[1]?.port ?? 0]
  const dial = ports.map((port) => ({ host: '127.0.0.1', port }))
  const b = await new Party({ ...dialling(0), dial }).open(t)
  const link = await b.untilUp()
  t.equal(link.address, `127.0.0.1:${ports[1]}`)
  t.match(b.peer.counters(), { dials: 2, dialFailures: 1 })
})

t.test('names are resolved; an unknown one is an error only where it is our own', async (t) => {
  const a = await new Party({ listen: [{ host: 'localhost', port: 0 }] }).open(t)
  const dial = [{ host: 'localhost', port: a.port }]
  const b = await new Party({ ...dialling(0), dial }).open(t)
  await b.untilUp()
  const nowhere = { host: 'nowhere.invalid', port: 7_401 }
  const code = 'ERR_HOTPAIR_ADDRESS'
  const message = /nowhere\.invalid:7401 cannot be resolved/
  await t.rejects(new Party({ listen: [nowhere] }).open(t), { code, message })
  const patient = await new Party({ ...dialling(0), dial: [nowhere] }).open(t)
  t.match(await patient.untilRefused(), { code, message })
})

t.test(
  'an address that another process holds, or that is not ours, is an error at open',
  async (t) => {
    const first = await new Party().open(t)
    const listen = [anyPort, { host: '127.0.0.1', port: first.port }]
    const second = new Party({ listen })
    await t.rejects(second.open(t), {
      code: 'ERR_HOTPAIR_ADDRESS_IN_USE',
      message: new RegExp(`127\\.0\\.0\\.1:${first.port} is in use`),
    })
    t.strictSame(second.peer.addresses, [], 'and nothing is left open')
    await t.rejects(new Party({ listen: [{ host: '192.0.2.1', port: 7_401 }] }).open(t), {
      code: 'ERR_HOTPAIR_ADDRESS',
      message: /192\.0\.2\.1:7401/,
    })
  },
)

t.test('a link that is dialled anew replaces the one that was there', async (t) => {
  const { a, b } = await openPair(t)
  const [old] = await Promise.all([a.untilUp(), b.untilUp()])
  const other = await new Party({ ...dialling(a.port), incarnation: incarnationOf(9n) }).open(t)
  await Promise.all([a.untilUp(2), other.untilUp(), b.untilDown()])
  t.strictSame(a.story.slice(0, 3), ['up', 'down: replaced', 'up'])
  t.equal(old.write(packetOf(Buffer.from('lost'))), true, 'and the old one takes nothing any more')
  t.equal(old.bufferedBytes, 0)
})

t.test(
  'two processes that think they are one member do not replace each other in a storm',
  async (t) => {
    const waits: number[] = []
    const clock: ClockPort = {
      ...systemClock,
      setTimer: (delay, fire) => {
        if (delay < 250) waits.push(delay)
        return systemClock.setTimer(delay, fire)
      },
    }
    const { a } = await openPair(t, { b: { clock } })
    await new Party({ ...dialling(a.port), incarnation: incarnationOf(9n) }).open(t)
    await a.untilUp(8)
    t.strictSame(waits.slice(0, 3), [3.75, 7.5, 15], 'the waits grow although every dial succeeds')
  },
)

t.test('a packet that breaks the protocol closes the link, and is counted', async (t) => {
  const { a, b } = await openPair(t)
  a.onPacket = () => {
    throw new PairError('ERR_HOTPAIR_PEER_PROTOCOL', 'frame 9 came after frame 7')
  }
  const link = await b.untilUp()
  link.write(Buffer.concat([packetOf(Buffer.from('1')), packetOf(Buffer.from('2'))]))
  await Promise.all([a.untilDown(), b.untilDown()])
  t.strictSame(a.story.slice(0, 2), ['up', 'down: frame 9 came after frame 7'])
  t.equal(a.bodies.length, 1, 'and no packet comes after it')
  t.equal(a.peer.counters().protocolFaults, 1)
})

t.test('a mistake of our own within a packet closes the link and is not swallowed', async (t) => {
  const { a } = await openPair(t)
  const link = await a.untilUp()
  if (!(link instanceof Link)) throw new Error('the transport makes its links from Link')
  a.onPacket = () => {
    throw new TypeError('undefined is not a function')
  }
  t.throws(() => link.body(Uint8Array.of(16)), { name: 'TypeError' })
  t.strictSame(a.story, ['up', 'down: undefined is not a function'])
  t.equal(a.peer.counters().protocolFaults, 0)
})

t.test('packets of a link that its protocol does not know close it', async (t) => {
  const cases: [Uint8Array, RegExp][] = [
    [packetOf(Buffer.from('x'), 3), /type 3 out of place/],
    [Uint8Array.of(0, 0, 0, 0), /an empty packet/],
    [packetOf(Buffer.alloc(100_000)), /over the limit/],
  ]
  for (const [bytes, reason] of cases) {
    const { a, b } = await openPair(t)
    await a.untilUp()
    ;(await b.untilUp()).write(bytes)
    await a.untilDown()
    t.match(a.story[1], reason)
    t.equal(a.peer.counters().protocolFaults, 1)
    await Promise.all([a.peer.close(), b.peer.close()])
  }
})

t.test('a link that the owner closes is down at once, and is dialled again', async (t) => {
  const { a, b } = await openPair(t)
  await Promise.all([a.untilUp(), b.untilUp()])
  b.link.close('another incarnation was heard')
  t.strictSame(b.story, ['up', 'down: another incarnation was heard'])
  b.link.close('twice')
  await Promise.all([a.untilUp(2), b.untilUp(2)])
  t.equal(b.story.length, 3)
})

t.test('what is written while the other side does not read is bounded and told', async (t) => {
  const limits = { highWaterBytes: 200_000, writeLimitBytes: 100_000_000 }
  const { a, b } = await openPair(t, { b: { limits } })
  await Promise.all([a.untilUp(), b.untilUp()])
  let count = 0
  let isWritable = true
  while (isWritable) {
    isWritable = b.link.write(packetOf(Buffer.alloc(50_000)))
    count++
  }
  t.ok(b.link.bufferedBytes > limits.highWaterBytes)
  await b.until(({ told }) => told.some(({ what }) => what === 'drained'))
  t.equal(b.link.bufferedBytes, 0)
  await a.until(({ bodies }) => bodies.length === count)
  t.strictSame(b.story, ['up', 'drained'])
})

t.test('a link that is written to beyond every bound is closed', async (t) => {
  const limits = { highWaterBytes: 100_000, writeLimitBytes: 20_000_000 }
  const { b } = await openPair(t, { b: { limits } })
  const link = await b.untilUp()
  for (let i = 0; i < 300; i++) link.write(packetOf(Buffer.alloc(99_000)))
  t.strictSame(b.story, ['up'], 'nobody is told within write')
  await b.untilDown()
  t.match(b.story[1], /over the limit of 20000000/)
})

t.test(
  'a name or a setting that no hello can carry is refused before anything is opened',
  async (t) => {
    t.throws(() => new Party({ pair: 'x'.repeat(257) }), { name: 'RangeError' })
    t.throws(() => new Party({ settings: { appVersion: 'x'.repeat(257) } }), { name: 'RangeError' })
  },
)

t.test('a transport is opened once', async (t) => {
  const a = await new Party().open(t)
  await t.rejects(a.open(t), { message: /already open/ })
  t.equal(a.peer.addresses.length, 1)
})

t.test('close is the same for everybody, at any time', async (t) => {
  const idle = new Party()
  await idle.peer.close()
  await t.rejects(idle.open(t), { code: 'ERR_HOTPAIR_CLOSED' })

  const opening = new Party({ ...dialling(await freePort()), listen: [anyPort, anyPort] })
  const opened = opening.open(t)
  const closed = opening.peer.close()
  t.equal(opening.peer.close(), closed)
  await t.rejects(opened, { code: 'ERR_HOTPAIR_CLOSED' })
  await closed
  t.strictSame(opening.peer.addresses, [])

  const dialler = await new Party(dialling(await freePort())).open(t)
  await dialler.peer.close()
  dialler.peer.dialNow()
  t.strictSame(dialler.story, [])

  const { a, b } = await openPair(t, { both: { secrets: [secret] } })
  await Promise.all([a.peer.close(), b.peer.close()])
  for (const { story } of [a, b]) t.ok(story.length === 0 || story.length === 2, `${story}`)
})
