/**
 * A witness and its clients over loopback: the contract, with and without a secret; pairs that do
 * not see each other; and strangers, who get nothing and cost little.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { Keeper } from '#lib/arbiter/witness/keeper.js'
import { keyOf } from '#lib/arbiter/witness/names.js'
import { secureAsMember } from '#lib/arbiter/witness/secure.js'
import { Session } from '#lib/arbiter/witness/session.js'
import { systemClock } from '#lib/runtime/clock.js'
import { encodeRecord } from '#lib/wire/record.js'
import { decodeAnswer, encodeWitness, type WitnessQuestion } from '#lib/wire/witness.js'
import { ModelDisk } from '../../store/model-disk.js'
import { arbiterContract } from '../contract.js'
import { recordOf } from '../records.js'
import { clientOf, openWitness, secret, type TestWitness } from './world.js'

const line4 = { name: 'line-4', secrets: [secret] }
const line5 = { name: 'line-5', secrets: ['another secret altogether'] }

const worlds = new Map<readonly string[], Promise<TestWitness>>()
const pairNames = Array.from({ length: 40 }, (_, index) => `pair-${index + 1}`)
for (const secrets of [[], [secret]]) {
  arbiterContract(secrets.length === 0 ? 'witness' : 'witness with a secret', {
    open: async (_, pair) => {
      const pairs = pairNames.map((name) => ({ name, secrets }))
      const world = worlds.get(secrets) ?? openWitness(t, pairs)
      worlds.set(secrets, world)
      return clientOf(t, (await world).port, pair, { secret: secrets[0] })
    },
  })
}
/** Resolves when `witness` has told an event that matches. */
async function told(witness: TestWitness, matches: RegExp): Promise<void> {
  while (!witness.events.some((event) => matches.test(JSON.stringify(event, bigints))))
    await new Promise(setImmediate)
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)

t.test('two pairs do not see each other', async (t) => {
  const { port } = await openWitness(t, [line4, line5])
  const four = clientOf(t, port, 'line-4', { secret })
  const five = clientOf(t, port, 'line-5', { secret: line5.secrets[0] })
  const seen: unknown[] = []
  five.watch((sight) => seen.push(sight))
  const record = recordOf({ epoch: 9 })
  t.same(await four.swap(undefined, record), { isSwapped: true })
  t.equal(await five.read(), undefined)
  t.same(await four.read(), record)
  t.notMatch(seen, [{ kind: 'record', record: { epoch: 9 } }])
})

t.test('a wrong secret is refused as such, a pair that is not served too', async (t) => {
  const witness = await openWitness(t, [line4])
  const lied = clientOf(t, witness.port, 'line-4', { secret: 'a guess that is wrong' })
  const wrong = { code: 'ERR_HOTPAIR_ARBITER_REFUSED', message: /the secret is not the one/ }
  await t.rejects(lied.read(), wrong)
  await t.rejects(lied.swap(undefined, recordOf({})), wrong)
  const other = clientOf(t, witness.port, 'line-5', { secret })
  const unknown = { code: 'ERR_HOTPAIR_ARBITER_REFUSED', message: /does not serve this pair/ }
  await t.rejects(other.read(), unknown)
  await told(witness, /ERR_HOTPAIR_PEER_SECRET/)
  t.equal(await clientOf(t, witness.port, 'line-4', { secret }).read(), undefined)
})

t.test('while a secret is changed both are taken', async (t) => {
  const both = { name: 'line-4', secrets: [secret, 'the next secret of all'] }
  const { port } = await openWitness(t, [both])
  const record = recordOf({})
  await clientOf(t, port, 'line-4', { secret }).swap(undefined, record)
  t.same(await clientOf(t, port, 'line-4', { secret: both.secrets[1] }).read(), record)
  const ahead = clientOf(t, port, 'line-4', { secret: ['one that comes too early', secret] })
  t.same(await ahead.read(), record, 'a member that has two offers the other one')
  const neither = clientOf(t, port, 'line-4', { secret: ['one that is wrong', 'another one, too'] })
  await t.rejects(neither.read(), { code: 'ERR_HOTPAIR_ARBITER_REFUSED' })
  const third = clientOf(t, port, 'line-4', { secret: 'neither of the two' })
  await t.rejects(third.read(), { code: 'ERR_HOTPAIR_ARBITER_REFUSED', message: /the secret/ })
})

t.test('the key of one pair does not open another', async (t) => {
  const witness = await openWitness(t, [line4, line5])
  const raw = connect(witness.port, '127.0.0.1')
  await once(raw, 'connect')
  const socket = await new Promise<Socket>((done, fail) => {
    secureAsMember(raw, keyOf(secret, 'line-4'), (outcome) => {
      if (typeof outcome === 'string') fail(new Error(outcome))
      else done(outcome)
    })
  })
  socket.write(encodeWitness({ type: 'ask', protocol: 1, pair: 'line-5', member: 'a' }))
  const [bytes] = await once(socket, 'data')
  t.match(decodeAnswer(bytes.subarray(4)), { type: 'refuse', code: 'ERR_HOTPAIR_PEER_PAIR' })
  await once(socket, 'close')
  await told(witness, /ERR_HOTPAIR_PEER_PAIR/)
})

/** Says `bytes` to the witness and waits until the connection is closed; returns what came. */
async function say(t: Test, port: number, ...bytes: Uint8Array[]): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const came: Buffer[] = []
  socket.on('data', (chunk) => came.push(chunk)).on('error', () => {})
  for (const each of bytes) socket.write(each)
  await once(socket, 'close')
  return Buffer.concat(came)
}

const ask = encodeWitness({ type: 'ask', protocol: 1, pair: 'line-4', member: 'a' })
const read: WitnessQuestion = { type: 'read', number: 1 }

t.test('who does not speak as a member does is closed, and changes nothing', async (t) => {
  const witness = await openWitness(t, [{ name: 'line-4', secrets: [] }])
  const { port } = witness
  const record = encodeRecord(recordOf({}))
  const none = new Uint8Array(0)
  const half = record.subarray(0, 30)
  const swap = (next: Uint8Array) =>
    encodeWitness({ type: 'swap', number: 1, expected: none, next })
  t.equal((await say(t, port, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).length, 0)
  t.equal((await say(t, port, Buffer.alloc(4))).length, 0, 'an empty packet')
  t.equal((await say(t, port, Buffer.from([255, 255, 255, 255, 1]))).length, 0, 'an endless one')
  t.equal((await say(t, port, encodeWitness(read))).length, 0, 'a question before the greeting')
  t.equal((await say(t, port, ask, ask)).length, 5, 'a second greeting')
  t.equal((await say(t, port, ask, swap(half))).length, 5, 'a record that is none')
  t.equal((await say(t, port, ask, swap(none))).length, 5, 'no record in place of one')
  const many = Array.from({ length: 17 }, () => encodeWitness(read))
  const answers = await say(t, port, ask, Buffer.concat(many))
  t.ok(answers.length < 17 * 13, 'more questions at once than are taken')
  const old = encodeWitness({ type: 'ask', protocol: 9, pair: 'line-4', member: 'a' })
  const refusal = await say(t, port, old)
  t.match(decodeAnswer(refusal.subarray(4)), { code: 'ERR_HOTPAIR_PEER_VERSION' })
  t.equal(await clientOf(t, port, 'line-4').read(), undefined)
})

t.test('a silent stranger is closed after a second, or when eight more come', async (t) => {
  const witness = await openWitness(t, [line4])
  const strangers = Array.from({ length: 9 }, () => connect(witness.port, '127.0.0.1'))
  for (const each of strangers) each.on('error', () => {})
  t.teardown(() => strangers.forEach((each) => void each.destroy()))
  const [first] = strangers
  if (first === undefined) throw new Error('no stranger')
  const begun = Date.now()
  await once(first, 'close')
  t.ok(Date.now() - begun < 900, 'the oldest makes place')
  t.equal(await clientOf(t, witness.port, 'line-4', { secret }).read(), undefined, 'no harm')
  await Promise.all(strangers.slice(1).map((each) => each.closed || once(each, 'close')))
})

t.test('a host that knocks without end is not let in any more, for a while', async (t) => {
  const witness = await openWitness(t, [line4])
  const client = clientOf(t, witness.port, 'line-4', { secret })
  await client.read()
  let closed = 0
  const knocks = Array.from({ length: 200 }, async () => {
    const socket = connect(witness.port, '127.0.0.1').on('error', () => {})
    await once(socket, 'close')
    closed += 1
  })
  t.equal(await client.read(), undefined, 'who is in is not hindered')
  await Promise.all(knocks)
  t.equal(closed, 200)
  t.equal(await client.read(), undefined)
})

t.test('who does not read its answers is closed', async (t) => {
  const unread: Buffer[] = []
  // A connection whose other end takes nothing any more: a real one would first fill the kernel.
  const stuck = new Duplex({ read: () => {}, write: (chunk) => void unread.push(chunk) })
  const raw = Object.assign(stuck, { setNoDelay: () => {}, setKeepAlive: () => {} })
  const keeper = new Keeper(new ModelDisk(), '/kept', 'line-4')
  const ended = new Promise<void>((done) => {
    const host = { clock: systemClock, keys: undefined, keeperOf: () => keeper }
    // A session uses no more of a socket than this one has.
    const socket = raw as unknown as Socket
    new Session(socket, { ...host, admitted: () => {}, ended: () => done() })
  })
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  stuck.push(ask)
  for (let asked = 0; !isOver; asked += 8) {
    if (asked > 20_000) throw new Error('it was never closed')
    stuck.push(Buffer.concat(Array.from({ length: 8 }, () => encodeWitness(read))))
    await new Promise(setImmediate)
  }
  await ended
  t.equal(unread.length, 1, 'and nothing has left since the first')
})

t.test('an unreadable file is told at the start, and the other pairs are served', async (t) => {
  const first = await openWitness(t, [line4, line5])
  await clientOf(t, first.port, 'line-4', { secret }).swap(undefined, recordOf({}))
  await first.close()
  const { readdirSync, writeFileSync } = await import('node:fs')
  const [file = ''] = readdirSync(first.folder)
  writeFileSync(`${first.folder}/${file}`, 'nonsense')
  const second = await openWitness(t, [line4, line5], { folder: first.folder })
  t.match(second.events, [{ type: 'unreadable', pair: 'line-4' }])
  const four = clientOf(t, second.port, 'line-4', { secret })
  await t.rejects(four.read(), { code: 'ERR_HOTPAIR_ARBITER_RECORD', message: /not taken/ })
  const five = clientOf(t, second.port, 'line-5', { secret: line5.secrets[0] })
  t.equal(await five.read(), undefined)
})

t.test('of one member four connections are kept: the fifth ends the oldest', async (t) => {
  const witness = await openWitness(t, [line4])
  const clients = Array.from({ length: 5 }, () => clientOf(t, witness.port, 'line-4', { secret }))
  for (const each of clients) await each.read()
  await told(witness, /"isConnected":false/)
  t.equal(witness.witness.connectionCount, 4)
  for (const each of clients) t.equal(await each.read(), undefined, 'it may come again')
})

t.test('two witnesses cannot listen at one address', async (t) => {
  const { port } = await openWitness(t, [line4])
  const taken = { code: 'ERR_HOTPAIR_ADDRESS_IN_USE', message: /another process holds it/ }
  await t.rejects(openWitness(t, [line4], { port }), taken)
})
