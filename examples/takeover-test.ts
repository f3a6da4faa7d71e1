/**
 * A takeover test of an application, with `hotpair/testing` and the test runner of Node.js: the
 * whole pair in this process, in virtual time. Each test takes some milliseconds.
 *
 *   node --test build-dev/examples/takeover-test.js
 */

import assert from 'node:assert/strict'
import test from 'node:test'
import { type SimulatedPair, simulatePair } from 'hotpair/testing'
import { app, type State } from './tank.js'

/** What the valve's receiver has been told, once each. */
function orders(pair: SimulatedPair<State>): readonly string[] {
  return pair.outputs('valve').map(({ data }) => Buffer.from(data).toString())
}

test('a dead primary loses no input and says nothing twice', async () => {
  const pair = await simulatePair({ app, seed: 7 })
  const first = pair.primary
  assert.ok(first)
  for (let level = 1; level <= 90; level += 1) pair.feed(String(level))
  pair.kill(first)
  for (let level = 91; level <= 120; level += 1) pair.feed(String(level))
  await pair.until(() => pair.primary !== undefined && pair.primary !== first)
  pair.start(first)
  await pair.assertWhole()
  assert.deepEqual(orders(pair), ['close at 100'])
  assert.equal(pair.state('a')?.level, 120)
  assert.deepEqual(pair.state('a'), pair.state('b'))
})

test('an order that the receiver refuses leaves after the takeover', async () => {
  const pair = await simulatePair({ app })
  const first = pair.primary
  assert.ok(first)
  pair.refuse('valve')
  pair.feed('100')
  await pair.advance(50)
  assert.deepEqual(orders(pair), [])
  pair.kill(first)
  pair.accept('valve')
  await pair.until(() => orders(pair).length === 1)
  assert.notEqual(pair.outputs('valve')[0]?.member, first)
})

test('a primary that hangs is taken over, and says nothing when it wakes', async () => {
  const pair = await simulatePair({ app, hangAfterMs: 200 })
  const first = pair.primary
  assert.ok(first)
  pair.hang(first, 1_000)
  pair.feed('100')
  await pair.until(() => pair.primary !== first && orders(pair).length === 1, 400)
  await pair.assertWhole()
  assert.equal(pair.role(first), 'standby')
})

test('the valve opens again ten minutes later, whoever rules by then', async () => {
  const pair = await simulatePair({ app })
  pair.feed('100')
  await pair.until(() => orders(pair).length === 1)
  pair.restart(pair.primary ?? 'a')
  await pair.until(() => pair.isPaired)
  await pair.advance(10 * 60_000)
  await pair.assertWhole()
  assert.deepEqual(orders(pair), ['close at 100', 'open at 100'])
})
