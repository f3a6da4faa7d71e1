/**
 * The presence of a beat: 128 bytes that come back as they were, and are refused when one byte says
 * what this version does not know.
 */

import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Presence } from '#lib/core/state.js'
import type { Mode, ResyncReason, Role } from '#lib/events.js'
import { epochOf, historyId, incarnationOf, millis } from '#lib/units.js'
import {
  decodePresence,
  encodePresence,
  historyFromBytes,
  historyToBytes,
  presenceBytes,
} from '#lib/wire/presence.js'

const roles: readonly Role[] = ['starting', 'loading', 'standby', 'primary', 'fenced', 'stopped']
const reasons: readonly ResyncReason[] = [
  'gap',
  'divergence',
  'overflow',
  'lag',
  'state',
  'protocol',
  'asked',
  'dropped',
  'refused',
]
const modes: readonly (Mode | undefined)[] = [undefined, 'solo', 'paired', 'waiting']

const plainObject = { noNullPrototype: true } as const
const epoch = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }).map(epochOf)
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const presence: fc.Arbitrary<Presence> = fc.record(
  {
    role: fc.constantFrom(...roles),
    mode: fc.constantFrom(...modes),
    isBlank: fc.boolean(),
    epoch,
    history: fc.option(
      fc
        .bigInt({ min: 1n, max: 2n ** 128n - 1n })
        .map((bits) => historyId(bits.toString(16).padStart(32, '0'))),
      { nil: undefined },
    ),
    draw: u64,
    drawEcho: u64,
    inSync: fc.option(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(incarnationOf), {
      nil: undefined,
    }),
    renounced: epoch,
    askRenounce: epoch,
    lost: fc.option(
      fc.record(
        {
          reason: fc.constantFrom(...reasons),
          inARow: fc.integer({ min: 0, max: 255 }),
          wait: fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(millis),
        },
        plainObject,
      ),
      { nil: undefined },
    ),
    settings: u64,
  },
  plainObject,
)

const settings = { seed: 20_261_122, numRuns: 1_000 }
const some: Presence = {
  role: 'primary',
  mode: 'paired',
  isBlank: false,
  epoch: epochOf(101),
  history: historyId('0123456789abcdef0123456789abcdef'),
  draw: 0n,
  drawEcho: 0n,
  inSync: incarnationOf(20n),
  renounced: epochOf(0),
  askRenounce: epochOf(101),
  lost: undefined,
  settings: 77n,
}

t.test('what was said is heard', (t) => {
  fc.assert(
    fc.property(presence, (said) => {
      const bytes = encodePresence(said)
      strictEqual(bytes.length, presenceBytes)
      deepStrictEqual(decodePresence(bytes), said)
    }),
    settings,
  )
  t.pass('1,000 presences')
  t.end()
})

t.test('it is read wherever it stands in a larger buffer', (t) => {
  const larger = new Uint8Array(presenceBytes + 20)
  larger.set(encodePresence(some), 13)
  t.strictSame(decodePresence(larger.subarray(13, 13 + presenceBytes)), some)
  t.end()
})

t.test('its bytes stay where they are: another version of this library reads them', (t) => {
  const bytes = Buffer.from(encodePresence(some))
  const hex = bytes.toString('hex')
  t.equal(hex.slice(0, 32), '01030200000000006500000000000000')
  t.equal(hex.slice(32, 64), '0123456789abcdef0123456789abcdef')
  t.equal(bytes.readBigUInt64LE(48), 20n)
  t.equal(bytes.readBigUInt64LE(64), 101n)
  t.equal(bytes.readBigUInt64LE(72), 77n)
  t.end()
})

function refusedWith(change: (bytes: Uint8Array, view: DataView) => void): boolean {
  const bytes = encodePresence(some)
  change(bytes, new DataView(bytes.buffer))
  return decodePresence(bytes) === undefined
}

t.test('another length is refused', (t) => {
  for (const length of [0, 1, presenceBytes - 1, presenceBytes + 1]) {
    t.equal(decodePresence(new Uint8Array(length)), undefined, `${length} bytes`)
  }
  t.end()
})

t.test('what this version does not know is refused', (t) => {
  for (let value = 0; value < 256; value += 1) {
    if (value !== 1)
      t.ok(
        refusedWith((bytes) => bytes.fill(value, 0, 1)),
        `version ${value}`,
      )
    if (value >= roles.length)
      t.ok(
        refusedWith((bytes) => bytes.fill(value, 1, 2)),
        `role ${value}`,
      )
    if (value >= modes.length)
      t.ok(
        refusedWith((bytes) => bytes.fill(value, 2, 3)),
        `mode ${value}`,
      )
    if (value > 1)
      t.ok(
        refusedWith((bytes) => bytes.fill(value, 3, 4)),
        `flags ${value}`,
      )
  }
  t.end()
})

t.test('reserved bytes are zero', (t) => {
  const reserved = [4, 5, 6, 7, ...Array.from({ length: 47 }, (_, index) => 81 + index)]
  for (const place of reserved) {
    t.ok(
      refusedWith((bytes) => bytes.fill(1, place, place + 1)),
      `byte ${place}`,
    )
  }
  t.end()
})

t.test('why step was lost is a reason that this version knows', (t) => {
  for (let value = 1; value < 256; value += 1) {
    const isRefused = refusedWith((bytes) => bytes.fill(value, 80, 81))
    t.equal(isRefused, value > reasons.length, `reason ${value}`)
  }
  t.end()
})

t.test('a reign above 2^53 - 1 is none', (t) => {
  for (const place of [8, 56, 64]) {
    t.notOk(
      refusedWith((_, view) => view.setBigUint64(place, 2n ** 53n - 1n, true)),
      `at ${place}`,
    )
    t.ok(
      refusedWith((_, view) => view.setBigUint64(place, 2n ** 53n, true)),
      `at ${place}`,
    )
  }
  t.end()
})

t.test('no history is sixteen zeros', (t) => {
  t.strictSame([...historyToBytes(undefined)], Array(16).fill(0))
  t.equal(historyFromBytes(new Uint8Array(16)), undefined)
  t.end()
})

t.test('whatever the bytes, reading does not throw', (t) => {
  const blob = fc.uint8Array({ minLength: presenceBytes, maxLength: presenceBytes })
  fc.assert(
    fc.property(blob, fc.integer({ min: 0, max: 7 }), (bytes, role) => {
      bytes.set([1, role, 0, 0, 0, 0, 0, 0])
      bytes.fill(0, 82, 84)
      bytes.fill(0, 88)
      decodePresence(bytes)
    }),
    settings,
  )
  t.pass('1,000 blobs')
  t.end()
})
