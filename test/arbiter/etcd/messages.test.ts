/**
 * What etcd's gateway is asked and what its answers mean, without a server: what surely changed
 * nothing is told from what may have.
 */

import t from 'tap'
import { rangeOf, readRange, readSwap, readToken, swapOf } from '#lib/arbiter/etcd/messages.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const header = { cluster_id: '1', revision: '7' }

t.test('a swap compares the whole value, or that there is none', async (t) => {
  const key = 'L2hvdHBhaXIvbGluZS00'
  t.same(rangeOf(bytes('/hotpair/line-4')), { key })
  t.same(swapOf(bytes('/hotpair/line-4'), bytes('old'), bytes('new')), {
    compare: [{ key, target: 'VALUE', result: 'EQUAL', value: 'b2xk' }],
    success: [{ request_put: { key, value: 'bmV3' } }],
    failure: [{ request_range: { key } }],
  })
  t.match(swapOf(bytes('k'), undefined, bytes('new')), {
    compare: [{ target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
  })
})

t.test('answers', async (t) => {
  t.same(readRange(200, { header }), { kind: 'found', value: undefined })
  t.same(readRange(200, { header, kvs: [], count: '0' }), { kind: 'found', value: undefined })
  const kvs = [{ key: 'aw==', value: 'b2xk' }]
  t.same(readRange(200, { header, kvs }), { kind: 'found', value: bytes('old') })
  t.same(readRange(200, { header, kvs: [{ key: 'aw==' }] }), { kind: 'found', value: bytes('') })
  t.same(readSwap(200, { header, succeeded: true, responses: [] }), { kind: 'swapped' })
  const found = { kind: 'found', value: bytes('old') }
  t.same(readSwap(200, { header, responses: [{ response_range: { header, kvs } }] }), found)
  t.same(readSwap(200, { header, responses: [{ responseRange: { header, kvs } }] }), found)
})

t.test('what is no answer of etcd is none', async (t) => {
  for (const body of [undefined, null, 'ok', {}, [], { kvs: [{ value: 'b2xk' }] }]) {
    t.match(readRange(200, body), { kind: 'failed', why: /no etcd/ })
    t.match(readSwap(200, body), { kind: 'failed', why: /no etcd/ })
  }
  t.match(readRange(200, { header, kvs: [{ value: 7 }] }), { kind: 'failed' })
  t.match(readRange(502, undefined), { kind: 'failed', why: 'HTTP status 502' })
})

t.test('a refusal that surely changed nothing is told from a failure', async (t) => {
  const says = (code: number, message: string, status = 503) =>
    readSwap(status, { error: message, code, message })
  t.match(says(14, 'etcdserver: request timed out'), { kind: 'failed', why: /timed out/ })
  t.match(says(4, 'context deadline exceeded', 504), { kind: 'failed' })
  t.match(says(8, 'etcdserver: mvcc: database space exceeded', 429), { kind: 'failed' })
  t.match(says(7, 'etcdserver: permission denied', 403), { kind: 'refused', why: /permission/ })
  t.match(says(3, 'etcdserver: user name is empty', 400), { kind: 'refused' })
  t.match(says(16, 'etcdserver: invalid auth token', 401), { kind: 'stranger' })
  t.match(says(3, 'etcdserver: revision of auth store is old', 400), { kind: 'stranger' })
  t.match(readSwap(404, '404 page not found'), { kind: 'refused', why: /older than 3.4/ })
})

t.test('a token, or why not', async (t) => {
  t.equal(readToken(200, { header, token: 'abc.7' }), 'abc.7')
  const wrong = {
    code: 3,
    message: 'etcdserver: authentication failed, invalid user ID or password',
  }
  t.match(readToken(400, wrong), { kind: 'refused', why: /invalid user ID or password/ })
  t.match(readToken(401, { code: 16, message: 'no' }), { kind: 'refused' })
  t.match(readToken(503, { code: 14, message: 'later' }), { kind: 'failed' })
})
