/**
 * Who is not let in: a member that does not fit is refused by name on both sides and once; the
 * member that refuses goes on; a stranger learns nothing.
 */

import { createServer } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import type { PeerOptions } from '#lib/peer/peer.js'
import { incarnationOf } from '#lib/units.js'
import { encodeHello, encodeRefusal, type Hello } from '#lib/wire/hello.js'
import {
  dialAgain,
  dialling,
  heardBy,
  openPair,
  Party,
  packetOf,
  secret,
  strangerTo,
  waitUntil,
} from './party.js'

const withSecret = { secrets: [secret] }

const helloOfA: Hello = {
  protocol: 1,
  oldestProtocol: 1,
  pair: 'line-4',
  member: 'a',
  incarnation: incarnationOf(5n),
  settings: {},
}

// Made for this test, of a key that nobody else has: valid for a hundred years and worth nothing.
const selfSigned = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYUrmvXqAL9Tt0Tno
+KqM8kvJaP2zBWB/VGxafp4gZ16hRANCAARS2nIX20Ib7g8qB3pR+tfYMQb5+tz8
JxWwlusW4HCI0wOcdG9IyuwFKNv0CIRZzOyxq2IX/zBaQVsivE1TFoOx
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUKlbFeIv41Vi02ZpCJgx+areFvYIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjIxNDI0MloYDzIxMjYxMDI5
MjE0MjQyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARS2nIX20Ib7g8qB3pR+tfYMQb5+tz8JxWwlusW4HCI0wOcdG9IyuwF
KNv0CIRZzOyxq2IX/zBaQVsivE1TFoOxo1MwUTAdBgNVHQ4EFgQUj72+F/1eMNLA
SJ3nnQ+FYLysW+AwHwYDVR0jBBgwFoAUj72+F/1eMNLASJ3nnQ+FYLysW+AwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEArR1vqOoML/4irCTfrdHd
Z5mZGtMoO9oJaNVrr01V5Q8CIGdeJyFr5vZgaVIIa4EreSKsGmkPGXexCHrPZUC3
vHLJ
-----END CERTIFICATE-----`,
}

// After a refusal, `a` still lets in the member that fits.
async function goesOn(t: Test, a: Party, options: Partial<PeerOptions> = {}): Promise<void> {
  await (await new Party({ ...dialling(a.port), ...options }).open(t)).untilUp()
  t.pass('and the member that fits is let in')
}

for (const [name, both] of [
  ['plain', {}],
  ['with a secret', withSecret],
] as const) {
  t.test(`${name}: settings that differ are named key by key on both sides, once`, async (t) => {
    const a = { settings: { heartbeatMs: '100', node: '20.1.0', tz: 'UTC' } }
    const b = { settings: { heartbeatMs: '50', node: '20.1.0' } }
    const pair = await openPair(t, { both, a, b })
    const wanted = {
      code: 'ERR_HOTPAIR_PEER_SETTINGS',
      message: 'heartbeatMs is "100" on a and "50" on b; tz is "UTC" on a and not set on b',
    }
    t.match(await pair.a.untilRefused(), { ...wanted, address: '127.0.0.1' })
    t.match(await pair.b.untilRefused(), { ...wanted, address: `127.0.0.1:${pair.a.port}` })
    await dialAgain(pair.b, 3)
    t.strictSame(pair.a.story, ['refused: ERR_HOTPAIR_PEER_SETTINGS'])
    await pair.b.peer.close()
    await goesOn(t, pair.a, { ...both, ...a })
  })

  t.test(`${name}: a version from the future is refused on both sides`, async (t) => {
    const { a, b } = await openPair(t, { both, b: { protocol: { newest: 9, oldest: 8 } } })
    const wanted = {
      code: 'ERR_HOTPAIR_PEER_VERSION',
      message: /"a" speaks 1 to 1.*"b" speaks 8 to 9/,
    }
    t.match(await a.untilRefused(), wanted)
    t.match(await b.untilRefused(), wanted)
    await b.peer.close()
    await goesOn(t, a, both)
  })

  t.test(`${name}: a later version that still understands ours is let in`, async (t) => {
    const { a } = await openPair(t, { both, b: { protocol: { newest: 9, oldest: 1 } } })
    t.equal((await a.untilUp()).hello.protocol, 1)
  })

  t.test(`${name}: a second member of the same name is refused on both sides`, async (t) => {
    const a = await new Party({ ...both, ...dialling(1), dial: [] }).open(t)
    const b = await new Party({ ...both, ...dialling(a.port) }).open(t)
    const wanted = { code: 'ERR_HOTPAIR_PEER_MEMBER', message: /both named "b"/ }
    t.match(await a.untilRefused(), wanted)
    t.match(await b.untilRefused(), wanted)
  })
}

t.test('plain: one of another pair is named to us and is told nothing', async (t) => {
  const { a, b } = await openPair(t, { b: { pair: 'line-5' } })
  t.match(await a.untilRefused(), { code: 'ERR_HOTPAIR_PEER_PAIR', message: /"line-4".*"line-5"/ })
  t.match(await b.untilRefused(), {
    code: 'ERR_HOTPAIR_PEER_PROTOCOL',
    message: /does not answer.*another pair/,
  })
  t.notMatch(JSON.stringify(b.refusals), /line-4/)
  await b.peer.close()
  await goesOn(t, a)
})

for (const [name, b] of [
  ['another secret', { secrets: ['another of enough letters'] }],
  ['another pair', { pair: 'line-5' }],
] as const) {
  t.test(`with a secret: one with ${name} is refused on both sides, once`, async (t) => {
    const pair = await openPair(t, { both: withSecret, b: { ...withSecret, ...b } })
    const wanted = { code: 'ERR_HOTPAIR_PEER_SECRET', message: /secrets of the two sides differ/ }
    t.match(await pair.a.untilRefused(), wanted)
    t.match(await pair.b.untilRefused(), wanted)
    await dialAgain(pair.b, 3)
    t.equal(pair.a.refusals.length, 1)
    t.equal(pair.b.refusals.length, 1)
    await pair.b.peer.close()
    await goesOn(t, pair.a, withSecret)
  })
}

for (const [name, a, b] of [
  ['listens', withSecret, {}],
  ['dials', {}, withSecret],
] as const) {
  t.test(
    `a secret only on the member that ${name}: no link, and the other says what may be wrong`,
    async (t) => {
      const pair = await openPair(t, { a, b })
      t.match(await pair.b.untilRefused(), {
        code: 'ERR_HOTPAIR_PEER_PROTOCOL',
        message: /only one of the members has a secret/,
      })
      t.ok(pair.a.peer.counters().strangers >= 3)
      t.equal(pair.a.peer.counters().links, 0)
    },
  )
}

t.test('a certificate is no proof, whoever signed it', async (t) => {
  const server = createTlsServer({ ...selfSigned, minVersion: 'TLSv1.3' })
  server.on('tlsClientError', () => {})
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  let secured = 0
  server.on('secureConnection', (socket) => {
    secured++
    socket.on('error', () => {})
    socket.write(encodeHello(helloOfA))
  })
  const b = await new Party({ ...withSecret, ...dialling(port) }).open(t)
  t.match(await b.untilRefused(), { code: 'ERR_HOTPAIR_PEER_PROTOCOL' })
  t.strictSame(b.story, ['refused: ERR_HOTPAIR_PEER_PROTOCOL'], `${secured} handshakes were tried`)
})

t.test('a stranger who speaks TLS without the key is turned away and told nothing', async (t) => {
  const a = await new Party(withSecret).open(t)
  const socket = connectTls({ host: '127.0.0.1', port: a.port, rejectUnauthorized: false })
  socket.on('error', () => {})
  t.equal((await heardBy(socket)).length, 0)
  await waitUntil(() => a.peer.counters().strangers === 1)
  t.strictSame(a.story, [])
  await goesOn(t, a, withSecret)
})

t.test('what a listener answers to a stranger: nothing', async (t) => {
  const a = await new Party().open(t)
  const hello = Buffer.from(encodeHello({ ...helloOfA, member: 'b', pair: 'line-5' }))
  const cases: [string, Uint8Array][] = [
    ['noise', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a hello of another pair', hello],
    ['a packet that is no hello', packetOf(Buffer.from('x'))],
    ['a refusal', encodeRefusal({ code: 'ERR_HOTPAIR_PEER_PAIR', message: 'x' })],
    ['an empty packet', Uint8Array.of(0, 0, 0, 0)],
    ['a length over the bound', Uint8Array.of(1, 64, 0, 0)],
  ]
  for (const [name, bytes] of cases) {
    const socket = await strangerTo(t, a.port)
    socket.write(bytes)
    t.equal((await heardBy(socket)).toString(), '', name)
  }
  t.match(a.peer.counters(), { links: 0, refusals: 1, strangers: cases.length - 1 })
  await goesOn(t, a)
})

t.test(
  'a member that accepts and then breaks off, or says something else, is no link',
  async (t) => {
    const a = await new Party().open(t)
    const hello = encodeHello({ ...helloOfA, member: 'b', incarnation: incarnationOf(2n) })
    const broken = await strangerTo(t, a.port)
    broken.write(hello)
    await new Promise((answered) => broken.once('data', answered))
    broken.destroy()
    const odd = await strangerTo(t, a.port)
    odd.write(Buffer.concat([hello, packetOf(Buffer.from('frame'))]))
    await heardBy(odd)
    const refusing = await strangerTo(t, a.port)
    refusing.write(hello)
    refusing.write(encodeRefusal({ code: 'ERR_HOTPAIR_PEER_VERSION', message: 'later rules' }))
    t.match(await a.untilRefused(), { code: 'ERR_HOTPAIR_PEER_VERSION', message: 'later rules' })
    await waitUntil(() => a.peer.counters().strangers === 2)
    t.strictSame(a.story, ['refused: ERR_HOTPAIR_PEER_VERSION'])
  },
)

t.test('the member that dials is not dialled', async (t) => {
  const b = await new Party({ ...dialling(1), dial: [] }).open(t)
  const socket = await strangerTo(t, b.port)
  socket.write(Buffer.concat([encodeHello(helloOfA), Uint8Array.of(1, 0, 0, 0, 3)]))
  await heardBy(socket)
  t.match(b.peer.counters(), { strangers: 1, links: 0 })
  t.strictSame(b.story, [])
})

t.test('a dialler that meets garbage, a wrong answer or silence goes on dialling', async (t) => {
  const answers = [Buffer.from('SSH-2.0-x\r\n'), encodeHello({ ...helloOfA, pair: 'line-5' })]
  let count = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    const answer = answers[count++]
    if (answer !== undefined) socket.write(answer)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const b = await new Party(dialling(port)).open(t)
  t.match(await b.untilRefused(), { code: 'ERR_HOTPAIR_PEER_PAIR' })
  await waitUntil(() => count === 3)
  await b.peer.close()
  t.strictSame(b.story, ['refused: ERR_HOTPAIR_PEER_PAIR'], 'silence is given up with the member')
})

t.test('of strangers that make up new faults, only so many are told', async (t) => {
  const a = await new Party().open(t)
  for (let i = 0; i < 20; i++) {
    const socket = await strangerTo(t, a.port)
    socket.write(encodeHello({ ...helloOfA, pair: `line-${i + 10}` }))
    await heardBy(socket)
  }
  t.equal(a.refusals.length, 16)
  t.equal(a.peer.counters().refusals, 20)
  await goesOn(t, a)
  await (await strangerTo(t, a.port)).end(encodeHello({ ...helloOfA, pair: 'line-5' }))
  await a.untilRefused(17)
})

t.test('silent connectors make place for the member, and are closed', async (t) => {
  const a = await new Party().open(t)
  const silent = await Promise.all(Array.from({ length: 50 }, () => strangerTo(t, a.port)))
  await waitUntil(() => a.peer.counters().accepted === 50)
  t.equal(a.peer.counters().evicted, 42)
  await goesOn(t, a)
  await Promise.all(silent.map(heardBy))
  t.pass('the last eight within the second that a greeting may take')
  t.match(a.peer.counters(), { strangers: 0, links: 1 })
})
