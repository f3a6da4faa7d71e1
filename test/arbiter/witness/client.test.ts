/**
 * A client whose witness is lost, restarted, slow, or answers into nothing: what it then says of a
 * swap is true, and it comes back by itself.
 */

import t from 'tap'
import { areSameRecords } from '#lib/wire/record.js'
import { collect } from '../contract.js'
import { Passage } from '../passage.js'
import { recordOf } from '../records.js'
import { clientOf, folderOf, openWitness, secret } from './world.js'

const pairs = [{ name: 'line-4', secrets: [secret] }]

t.test('a witness that is not there: surely not done, and why', async (t) => {
  const { port, close } = await openWitness(t, pairs)
  await close()
  const client = clientOf(t, port, 'line-4', { secret, timeoutMs: 200 })
  const gone = { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE', message: /ECONNREFUSED/ }
  await t.rejects(client.read(), gone)
  await t.rejects(client.swap(undefined, recordOf({})), gone)
  const nameless = clientOf(t, 1, 'line-4', { secret, timeoutMs: 200 })
  await t.rejects(nameless.read(), { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE' })
})

t.test('a witness that is restarted has kept all, and is found again', async (t) => {
  const folder = folderOf(t)
  const first = await openWitness(t, pairs, { folder })
  const client = clientOf(t, first.port, 'line-4', { secret, timeoutMs: 3_000 })
  const seen = collect(client)
  const record = recordOf({ epoch: 7 })
  await client.swap(undefined, record)
  await seen.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, record))
  await first.close()
  const lost = await seen.until((sight) => sight.kind === 'reach' && !sight.isReachable)
  t.match(lost, { error: { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE' } })
  const count = seen.sights.length
  await openWitness(t, pairs, { folder, port: first.port })
  t.same(await client.read(), record)
  await seen.until((sight) => seen.sights.indexOf(sight) >= count && sight.kind === 'reach')
  const told = seen.sights.filter((sight) => sight.kind === 'record' && sight.record?.epoch === 7)
  t.equal(told.length, 1, 'nothing is told twice')
})

t.test('an answer that is lost after the write: not known, and the claim tells', async (t) => {
  for (const how of ['cut', 'drop'] as const) {
    const { port, events } = await openWitness(t, pairs)
    const passage = await Passage.open(t, port)
    const client = clientOf(t, passage.port, 'line-4', { secret, timeoutMs: 1_500 })
    await client.read()
    passage.back = how
    const record = recordOf({ epoch: 3 })
    const lost = { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN', message: /is not known/ }
    await t.rejects(client.swap(undefined, record), lost, how)
    t.ok(
      events.some(({ type }) => type === 'record'),
      'it was done',
    )
    passage.back = 'pass'
    t.equal((await client.read())?.claim, record.claim, 'and the record bears the claim')
  }
})

t.test('a question that is lost: the same word, and it was not done', async (t) => {
  const { port } = await openWitness(t, pairs)
  const passage = await Passage.open(t, port)
  const client = clientOf(t, passage.port, 'line-4', { secret, timeoutMs: 1_500 })
  await client.read()
  passage.forth = 'drop'
  const record = recordOf({})
  await t.rejects(client.swap(undefined, record), { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN' })
  passage.forth = 'pass'
  t.equal(await client.read(), undefined)
  t.same(await client.swap(undefined, record), { isSwapped: true }, 'it may be asked again')
})

t.test('a slow witness is waited for', async (t) => {
  const { port } = await openWitness(t, pairs)
  const passage = await Passage.open(t, port)
  passage.delayMs = 100
  const client = clientOf(t, passage.port, 'line-4', { secret, timeoutMs: 5_000 })
  t.same(await client.swap(undefined, recordOf({})), { isSwapped: true })
})

t.test('a cut that nobody hears of is noticed by who watches', async (t) => {
  const { port } = await openWitness(t, pairs)
  const passage = await Passage.open(t, port)
  const client = clientOf(t, passage.port, 'line-4', { secret, timeoutMs: 1_000 })
  const seen = collect(client)
  await seen.until((sight) => sight.kind === 'reach' && sight.isReachable)
  passage.forth = 'drop'
  passage.back = 'drop'
  await seen.until((sight) => sight.kind === 'reach' && !sight.isReachable)
  const other = clientOf(t, port, 'line-4', { secret })
  const record = recordOf({})
  await other.swap(undefined, record)
  passage.forth = 'pass'
  passage.back = 'pass'
  await seen.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, record))
  t.match(seen.sights.at(-1), { kind: 'record' })
})

t.test('a caller that gives up leaves the others undisturbed', async (t) => {
  const { port } = await openWitness(t, pairs)
  const passage = await Passage.open(t, port)
  const client = clientOf(t, passage.port, 'line-4', { secret })
  const seen = collect(client)
  await seen.until((sight) => sight.kind === 'record')
  passage.delayMs = 50
  const giving = new AbortController()
  const record = recordOf({ epoch: 5 })
  const reason = new Error('no longer wanted')
  const given = client.swap(undefined, record, giving.signal)
  const reading = client.read()
  giving.abort(reason)
  await t.rejects(given, reason)
  t.same(await reading, record, 'it was done all the same')
  await seen.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, record))
})

t.test('closed while a swap is under way: not known', async (t) => {
  const { port } = await openWitness(t, pairs)
  const passage = await Passage.open(t, port)
  const client = clientOf(t, passage.port, 'line-4', { secret })
  await client.read()
  passage.back = 'drop'
  const swapping = client.swap(undefined, recordOf({}))
  await client.close()
  await t.rejects(swapping, { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN' })
})
