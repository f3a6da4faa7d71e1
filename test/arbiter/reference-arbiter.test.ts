/**
 * The arbiter within one process keeps the contract that the real ones keep.
 */

import t from 'tap'
import { systemClock } from '#lib/runtime/clock.js'
import { ReferenceArbiter } from '#lib/testing/reference-arbiter.js'
import { arbiterContract } from './contract.js'
import { recordOf } from './records.js'

const arbiters = new Map<string, ReferenceArbiter>()

arbiterContract('in memory', {
  open: (_, pair) => {
    const arbiter = arbiters.get(pair) ?? new ReferenceArbiter()
    arbiters.set(pair, arbiter)
    return arbiter.client(systemClock)
  },
})

t.test('what a caller does to its record afterwards changes nothing', async (t) => {
  const arbiter = new ReferenceArbiter()
  const inSync = [...recordOf({}).inSync]
  const record = { ...recordOf({}), inSync }
  arbiter.swap(undefined, record)
  inSync.pop()
  t.equal(arbiter.read()?.inSync.length, 2)
})
