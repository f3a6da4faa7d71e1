/**
 * When a member dials: at once, then after waits that double, anew after `dialNow`, slower after a
 * refusal; and what it does with names. Connections are real, on loopback; time is moved by hand.
 */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { formatAddress, Resolver } from '#lib/peer/address.js'
import { Backoff } from '#lib/peer/backoff.js'
import { Dialer, isConnectedToItself } from '#lib/peer/dialer.js'
import { incarnationOf, millis } from '#lib/units.js'
import { encodeHello, encodeRefusal, type Hello } from '#lib/wire/hello.js'
import { HandClock } from './hand-clock.js'
import { freePort, waitUntil } from './party.js'

const own: Hello = {
  protocol: 1,
  oldestProtocol: 1,
  pair: 'line-4',
  member: 'b',
  incarnation: incarnationOf(2n),
  settings: {},
}

// A resolver that is answered by the test.
class HandResolver extends Resolver {
  readonly asked: { host: string; answer: (host: string) => void; fail: (error: Error) => void }[] =
    []

  override resolve(host: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.asked.push({ host, answer: (found) => resolve([found]), fail: reject })
    })
  }
}

function setUp(
  t: Test,
  port: number,
  resolver = new Resolver(),
  host = '127.0.0.1',
  { more = [], heard = [] }: { more?: readonly string[]; heard?: readonly number[] } = {},
) {
  const clock = new HandClock()
  const told: string[] = []
  const dialer = new Dialer({
    addresses: [host, ...more].map((each) => ({ host: each, port })),
    resolver,
    random: () => 0.5,
    context: { own, security: undefined, clock },
    paths: { windowMs: 500, heard: () => [...heard] },
    owner: {
      cut: () => told.push('cut'),
      dialled: () => told.push('dialled'),
      failed: () => told.push('failed'),
      greeted: (outcome) => {
        told.push(outcome.kind)
        if (outcome.kind === 'welcome') outcome.channel.destroy()
      },
      unresolved: (message) => told.push(message),
    },
  })
  t.teardown(() => dialer.stop())
  // The wait before the next round, once this one is over. Waits of a second and more are deadlines
  // of steps.
  const wait = async (): Promise<number> => {
    await waitUntil(() => clock.delays.length === 1 && (clock.delays[0] ?? 0) !== 1_000)
    return clock.delays[0] ?? 0
  }
  return { clock, told, dialer, wait }
}

// A listener that answers every connection with `bytes`.
async function answering(t: Test, bytes: Uint8Array): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    socket.write(bytes)
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

t.test('waits double up to a second, and begin anew after dialNow', async (t) => {
  const { clock, told, dialer, wait } = setUp(t, await freePort())
  dialer.dialNow()
  const waits: number[] = []
  for (let i = 0; i < 10; i++) {
    waits.push(await wait())
    clock.move(millis(1_000))
  }
  t.strictSame(waits, [3.75, 7.5, 15, 30, 60, 120, 240, 480, 750, 750])
  await wait()
  t.equal(told.length, 22)
  dialer.dialNow()
  t.equal(await wait(), 3.75)
})

t.test('dialNow during a round makes the next one follow at once', async (t) => {
  const { told, dialer, wait } = setUp(t, await freePort())
  dialer.dialNow()
  dialer.dialNow()
  dialer.dialNow()
  await wait()
  t.strictSame(told, ['dialled', 'failed', 'dialled', 'failed'])
})

t.test('one that was refused waits longer', async (t) => {
  const refusal = encodeRefusal({ code: 'ERR_HOTPAIR_PEER_SETTINGS', message: 'x' })
  const { clock, told, dialer, wait } = setUp(t, await answering(t, refusal))
  dialer.dialNow()
  let longest = 0
  for (let i = 0; i < 12; i++) {
    longest = Math.max(longest, await wait())
    clock.move(millis(5_000))
  }
  t.equal(longest, 3_750)
  t.equal(told[1], 'refused')
})

t.test('a listener that accepts and says nothing is given up after a second', async (t) => {
  const { clock, told, dialer, wait } = setUp(t, await answering(t, new Uint8Array()))
  dialer.dialNow()
  await waitUntil(() => told.length === 1 && clock.delays.length === 1)
  while (told.length === 1) {
    clock.move(millis(1_000))
    await new Promise((turn) => setImmediate(turn))
  }
  t.ok(['broken', 'failed'].includes(told[1] ?? ''))
  t.equal(await wait(), 3.75)
})

t.test('while a link is up nothing is dialled; a lasting one begins the waits anew', async (t) => {
  const { clock, told, dialer, wait } = setUp(
    t,
    await answering(t, encodeHello({ ...own, member: 'a' })),
  )
  const linked = (count: number) =>
    waitUntil(() => told.filter((x) => x === 'welcome').length === count)
  dialer.dialNow()
  await linked(1)
  dialer.dialNow()
  t.strictSame(clock.delays, [])
  dialer.linkDown(false)
  t.equal(await wait(), 3.75)
  clock.move(millis(10))
  await linked(2)
  dialer.linkDown(false)
  t.equal(await wait(), 7.5)
  clock.move(millis(10))
  await linked(3)
  dialer.linkDown(true)
  t.equal(await wait(), 3.75)
})

t.test('a name that cannot be resolved while running is told, and asked for again', async (t) => {
  const resolver = new HandResolver()
  const port = await freePort()
  const { clock, told, dialer, wait } = setUp(t, port, resolver, 'control-a')
  dialer.dialNow()
  resolver.asked[0]?.fail(new Error('EAI_AGAIN'))
  t.equal(await wait(), 3.75)
  t.strictSame(told, [`the data address control-a:${port} cannot be resolved: EAI_AGAIN`])
  clock.move(millis(10))
  resolver.asked[1]?.answer('127.0.0.1')
  await waitUntil(() => told.length === 3)
  t.strictSame(told.slice(1), ['dialled', 'failed'])
})

t.test(
  'a resolver that does not answer is not waited for, and its late answer is dropped',
  async (t) => {
    const resolver = new HandResolver()
    const { clock, told, dialer, wait } = setUp(t, await freePort(), resolver, 'control-a')
    dialer.dialNow()
    t.strictSame(clock.delays, [1_000])
    clock.move(millis(1_000))
    t.equal(await wait(), 3.75)
    resolver.asked[0]?.answer('127.0.0.1')
    t.equal(await wait(), 3.75)
    t.strictSame(told, [])
  },
)

t.test('a path on which no beat comes is left, and dialled last', async (t) => {
  const resolver = new HandResolver()
  const port = await answering(t, encodeHello({ ...own, member: 'a' }))
  const heard = [0, 0, 0]
  const links = { more: ['link-1', 'link-2'], heard }
  const { clock, told, dialer, wait } = setUp(t, port, resolver, 'link-0', links)
  dialer.dialNow()
  resolver.asked[0]?.answer('127.0.0.1')
  await waitUntil(() => told.includes('welcome'))
  heard[1] = 10
  clock.move(millis(500))
  t.equal(told.at(-1), 'cut')
  dialer.linkDown(false)
  await wait()
  clock.move(millis(10))
  for (let asked = 1; asked <= 3; asked++) {
    await waitUntil(() => resolver.asked.length > asked)
    resolver.asked[asked]?.fail(new Error('EAI_AGAIN'))
  }
  const dialled = resolver.asked.map(({ host }) => host)
  t.strictSame(dialled, ['link-0', 'link-1', 'link-2', 'link-0'])
})

t.test('stopping ends every step, and nothing is dialled after it', async (t) => {
  const resolver = new HandResolver()
  const resolving = setUp(t, 1, resolver, 'control-a')
  resolving.dialer.dialNow()
  await resolving.dialer.stop()
  resolver.asked[0]?.fail(new Error('late'))
  t.strictSame([resolving.clock.delays, resolving.told], [[], []])

  const greeting = setUp(t, await answering(t, new Uint8Array()))
  greeting.dialer.dialNow()
  await waitUntil(() => greeting.told.length === 1)
  await greeting.dialer.stop()
  greeting.dialer.dialNow()
  greeting.dialer.linkDown(true)
  t.strictSame(greeting.clock.delays, [])
  t.notOk(greeting.told.includes('welcome'))
})

t.test('the waits of a back-off lie between half and the whole of their span', async (t) => {
  const low = new Backoff(() => 0)
  const high = new Backoff(() => 0.999)
  const longest = millis(1_000)
  t.strictSame([low.next(longest), low.next(longest)], [2.5, 5])
  t.ok(high.next(longest) < 5 && high.next(longest) > 9.9)
})

t.test('a name that is being resolved is not asked for again', async (t) => {
  const resolver = new Resolver()
  const first = resolver.resolve('localhost')
  t.equal(resolver.resolve('localhost'), first)
  const found = await first
  t.ok(found.includes('127.0.0.1') || found.includes('::1'))
  t.not(resolver.resolve('localhost'), first, 'but anew once it is done')
  t.strictSame(await resolver.resolve('::1'), ['::1'])
})

t.test('addresses are written so that they can be read', async (t) => {
  t.equal(formatAddress({ host: '::1', port: 7_401 }), '[::1]:7401')
  t.equal(formatAddress({ host: 'control-a', port: 7_401 }), 'control-a:7401')
})

t.test('a socket that has met itself is known', async (t) => {
  const port = await freePort()
  const itself = connect({ host: '127.0.0.1', port, localPort: port })
  t.teardown(() => itself.destroy())
  await once(itself, 'connect')
  t.ok(isConnectedToItself(itself))
  const other = connect({ host: '127.0.0.1', port: await answering(t, new Uint8Array()) })
  t.teardown(() => other.destroy())
  await once(other, 'connect')
  t.notOk(isConnectedToItself(other))
})
