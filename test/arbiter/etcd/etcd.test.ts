/**
 * The record in a real etcd: the contract; the server lost, restarted and slow; answers that are
 * lost after the write; several endpoints; users and certificates.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { areSameRecords, encodeRecord } from '#lib/wire/record.js'
import { arbiterContract, collect } from '../contract.js'
import { Passage } from '../passage.js'
import { recordOf } from '../records.js'
import { clientOf, noEtcd, TestEtcd } from './world.js'

const opened = noEtcd === false ? TestEtcd.open(t) : undefined
const skip = noEtcd
const urlOf = (port: number) => `http://127.0.0.1:${port}`

async function etcd(): Promise<TestEtcd> {
  if (opened === undefined) throw new Error('there is no etcd')
  return await opened
}

if (noEtcd === false) {
  arbiterContract('etcd', {
    open: async (t, pair) => clientOf(t, [(await etcd()).url], pair, { timeoutMs: 1_500 }),
  })
}

t.test('nobody there: surely not done, and why', { skip }, async (t) => {
  const client = clientOf(t, ['http://127.0.0.1:1'], 'nobody')
  const gone = { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE', message: /ECONNREFUSED/ }
  await t.rejects(client.read(), gone)
  await t.rejects(client.swap(undefined, recordOf({})), gone)
})

t.test(
  'an answer that is lost after the write: not known, and the claim tells',
  { skip },
  async (t) => {
    const { port } = await etcd()
    for (const how of ['cut', 'drop'] as const) {
      const passage = await Passage.open(t, port)
      const client = clientOf(t, [urlOf(passage.port), (await etcd()).url], `lost-${how}`, {
        timeoutMs: 1_500,
      })
      await client.read()
      passage.back = how
      const record = recordOf({ epoch: 3 })
      const lost = { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN', message: /is not known/ }
      await t.rejects(client.swap(undefined, record), lost, how)
      t.equal((await client.read())?.claim, record.claim, 'the other endpoint tells')
    }
  },
)

t.test('a question that is lost: the same word, and it was not done', { skip }, async (t) => {
  const passage = await Passage.open(t, (await etcd()).port)
  const client = clientOf(t, [urlOf(passage.port)], 'unasked', { timeoutMs: 1_500 })
  await client.read()
  passage.forth = 'drop'
  const record = recordOf({})
  await t.rejects(client.swap(undefined, record), { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN' })
  passage.cut()
  passage.forth = 'pass'
  t.equal(await client.read(), undefined)
  t.same(await client.swap(undefined, record), { isSwapped: true }, 'it may be asked again')
})

t.test('an etcd a second away is waited for', { skip }, async (t) => {
  const passage = await Passage.open(t, (await etcd()).port)
  passage.delayMs = 500
  const client = clientOf(t, [urlOf(passage.port)], 'slow', { timeoutMs: 5_000 })
  const record = recordOf({})
  t.same(await client.swap(undefined, record), { isSwapped: true })
  t.same(await client.read(), record)
})

t.test('an endpoint that fails is passed over', { skip }, async (t) => {
  const { url, port } = await etcd()
  const silent = await Passage.open(t, port)
  silent.forth = 'drop'
  const endpoints = ['http://127.0.0.1:1', urlOf(silent.port), url]
  const client = clientOf(t, endpoints, 'several', { timeoutMs: 1_000 })
  t.equal(await client.read(), undefined, 'a read, of which one may ask again')
  const begun = Date.now()
  t.same(await client.swap(undefined, recordOf({})), { isSwapped: true })
  t.ok(Date.now() - begun < 1_000, 'the one that answered is asked first')
  const fresh = clientOf(t, ['http://127.0.0.1:1', url], 'several-2')
  t.same(await fresh.swap(undefined, recordOf({})), { isSwapped: true }, 'nothing had left')
})

t.test(
  'killed and started again it has kept all, and who watches hears of it',
  { skip },
  async (t) => {
    const own = await TestEtcd.open(t)
    const client = clientOf(t, [own.url], 'restarted', { timeoutMs: 2_000 })
    const seen = collect(client)
    const record = recordOf({ epoch: 5 })
    t.same(await client.swap(undefined, record), { isSwapped: true })
    await seen.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, record))
    await own.kill()
    await seen.until((sight) => sight.kind === 'reach' && !sight.isReachable)
    await t.rejects(client.read(), { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE' })
    const count = seen.sights.length
    await own.start()
    await seen.until((sight) => seen.sights.indexOf(sight) >= count && sight.kind === 'reach')
    t.same(await client.read(), record)
    const told = seen.sights.filter((sight) => sight.kind === 'record' && sight.record?.epoch === 5)
    t.equal(told.length, 1, 'nothing is told twice')
  },
)

t.test('a value that is no record is named, and not overwritten', { skip }, async (t) => {
  const own = await etcd()
  const key = Buffer.from('/hotpair/foreign').toString('base64')
  await own.ask('/v3/kv/put', { key, value: Buffer.from('hello').toString('base64') })
  const client = clientOf(t, [own.url], 'foreign')
  const foreign = { code: 'ERR_HOTPAIR_ARBITER_RECORD', message: /no record of this version/ }
  await t.rejects(client.read(), foreign)
  await t.rejects(client.swap(undefined, recordOf({})), foreign)
  const kept = await own.ask('/v3/kv/range', { key })
  t.match(kept, { kvs: [{ value: Buffer.from('hello').toString('base64') }] })
})

t.test('keys of pairs and prefixes do not meet', { skip }, async (t) => {
  const own = await etcd()
  const record = recordOf({})
  await clientOf(t, [own.url], 'kept', { prefix: '/one/' }).swap(undefined, record)
  t.equal(await clientOf(t, [own.url], 'kept', { prefix: '/two/' }).read(), undefined)
  const key = Buffer.from('/one/kept').toString('base64')
  const kept = await own.ask('/v3/kv/range', { key })
  const value = Buffer.from(encodeRecord(record)).toString('base64')
  t.match(kept, { kvs: [{ value }] }, 'as any other client sees it')
})

t.test('with users: a token is fetched, and again when it is forgotten', { skip }, async (t) => {
  const own = await TestEtcd.open(t)
  for (const name of ['root', 'line-4']) {
    await own.ask('/v3/auth/user/add', { name, password: `${name} password` })
  }
  await own.ask('/v3/auth/role/add', { name: 'root' })
  await own.ask('/v3/auth/role/add', { name: 'mine' })
  const key = Buffer.from('/hotpair/line-4').toString('base64')
  const perm = { permType: 'READWRITE', key }
  await own.ask('/v3/auth/role/grant', { name: 'mine', perm })
  await own.ask('/v3/auth/user/grant', { user: 'root', role: 'root' })
  await own.ask('/v3/auth/user/grant', { user: 'line-4', role: 'mine' })
  await own.ask('/v3/auth/enable', {})
  const user = { user: 'line-4', password: 'line-4 password' }
  const client = clientOf(t, [own.url], 'line-4', user)
  const record = recordOf({})
  t.same(await client.swap(undefined, record), { isSwapped: true })
  const refused = 'ERR_HOTPAIR_ARBITER_REFUSED'
  const elsewhere = clientOf(t, [own.url], 'line-5', user)
  await t.rejects(elsewhere.read(), { code: refused, message: /permission denied/ })
  const wrong = clientOf(t, [own.url], 'line-4', { ...user, password: 'guessed' })
  await t.rejects(wrong.read(), { code: refused, message: /invalid user ID or password/ })
  await t.rejects(clientOf(t, [own.url], 'line-4').read(), { code: refused })
  // Whoever changes the users makes tokens of before worthless, as does a server that starts anew.
  await own.kill()
  await own.start()
  const next = recordOf({ epoch: 2 })
  t.same(await client.swap(record, next), { isSwapped: true })
  t.same(await client.read(), next)
})

t.test('over TLS, to who has the right certificate only', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hp-etcd-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const certificate = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const files = ['-keyout', certificate.key, '-out', certificate.cert, '-days', '2']
  const name = ['-subj', '/CN=etcd', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...args, ...files, ...name], { stdio: 'ignore' })
  const own = await TestEtcd.open(t, certificate)
  const ca = readFileSync(certificate.cert)
  const client = clientOf(t, [own.url], 'line-4', { tls: { ca } })
  t.same(await client.swap(undefined, recordOf({})), { isSwapped: true })
  const distrustful = clientOf(t, [own.url], 'line-4')
  await t.rejects(distrustful.swap(undefined, recordOf({})), {
    code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE',
    message: /certificate/,
  })
})

t.test('what answers and is no etcd is no arbiter', async (t) => {
  const server = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise((done) => server.once('listening', done))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  let answer = '<html>'
  const client = clientOf(t, [urlOf(port)], 'line-4')
  await t.rejects(client.read(), { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE', message: /no etcd/ })
  await t.rejects(client.swap(undefined, recordOf({})), { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN' })
  answer = 'x'.repeat(100_000)
  await t.rejects(client.read(), { message: /does not end/ })
})
