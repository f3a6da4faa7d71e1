/**
 * Records for tests: made by hand, and all that fast-check can think of.
 */

import fc from 'fast-check'
import { epochOf, historyId, incarnationOf, type MemberId } from '#lib/units.js'
import { type ArbiterRecord, mostHolders } from '#lib/wire/record.js'

let claims = 0n

/** A record with both in sync, and a claim that no other one bears unless it is given. */
export function recordOf(given: {
  readonly epoch?: number
  readonly claim?: bigint
}): ArbiterRecord {
  claims += 1n
  return {
    history: historyId('0123456789abcdef0123456789abcdef'),
    epoch: epochOf(given.epoch ?? 1),
    primary: 'a',
    inSync: [
      { member: 'a', incarnation: incarnationOf(1n) },
      { member: 'b', incarnation: incarnationOf(2n) },
    ],
    claim: given.claim ?? claims,
  }
}

const digits = fc
  .bigInt({ min: 0n, max: 2n ** 128n - 1n })
  .map((bits) => historyId(bits.toString(16).padStart(32, '0')))
const member = fc.constantFrom<MemberId>('a', 'b')
const incarnation = fc.oneof(
  fc.bigInt({ min: 1n, max: 3n }).map(incarnationOf),
  fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(incarnationOf),
)

/** Every record that can be written. */
export const records: fc.Arbitrary<ArbiterRecord> = fc.record({
  history: digits,
  epoch: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map(epochOf),
  primary: member,
  inSync: fc.array(fc.record({ member, incarnation }), { maxLength: mostHolders }),
  claim: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
})
