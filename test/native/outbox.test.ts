/**
 * The outbox through JavaScript: every operation gives the same as the reference in plain
 * TypeScript, on random sequences of them, and misuse is refused with a sentence and never
 * touches memory.
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { isPairError } from '#lib/errors.js'
import { loadBinding } from '#lib/native/load.js'
import { openOutbox } from '#lib/native/outbox.js'
import type { OutboxPort, OutboxRecord } from '#lib/runtime/ports-outbox.js'
import { openReferenceOutbox } from '#lib/testing/reference-outbox.js'
import { crc32c } from '#lib/wire/crc32c.js'

const limitBytes = 3 * 4096
const channels = 3

// What a member would produce under a number: the same on both, but for `other`.
function dataOf(channel: number, number: number, other: boolean): Uint8Array {
  const length = (number * 7919 + channel * 104729) % (number % 9 === 0 ? 6000 : 200)
  const data = new Uint8Array(length).fill(number + channel)
  if (other && length > 0) data[length - 1] = (data[length - 1] ?? 0) + 1
  return data
}

type Step =
  | {
      kind: 'produce' | 'peerSent'
      items: { channel: number; skip: number; other: boolean }[]
    }
  | { kind: 'sent'; channel: number; past: number }
  | { kind: 'pending'; channel: number; past: number; room: number }
  | { kind: 'reset'; channel: number; produced: number; ahead: number }
  | { kind: 'clear' }

const channel = fc.nat(channels - 1)
const items = fc.array(
  fc.record({
    channel,
    // Now and then a number is left out or repeated.
    skip: fc.oneof({ weight: 60, arbitrary: fc.constant(0) }, fc.constantFrom(-2, -1, 1)),
    other: fc.oneof({ weight: 60, arbitrary: fc.constant(false) }, fc.constant(true)),
  }),
  { maxLength: 12 },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constantFrom('produce' as const, 'peerSent' as const), items }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('sent' as const), channel, past: fc.nat(4) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pending' as const),
      channel,
      past: fc.nat(6),
      room: fc.nat(9000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reset' as const),
      channel,
      produced: fc.nat(30),
      ahead: fc.integer({ min: -1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
)

const outcomes = new Map<string, number>()

/** One outbox with the counters that a caller keeps beside it. */
class Driven {
  readonly outbox: OutboxPort
  produced: number[] = Array<number>(channels).fill(0)
  sent: number[] = Array<number>(channels).fill(0)

  constructor(outbox: OutboxPort) {
    this.outbox = outbox
  }

  run(step: Step): unknown {
    switch (step.kind) {
      case 'produce': {
        const { records, next } = this.#number(step.items, this.produced)
        const { status, digests } = this.outbox.produce(records)
        if (status === 'ok' || status === 'diverged') this.produced = next
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
        return { status, digests: status === 'full' || status === 'gap' ? undefined : digests }
      }
      case 'peerSent': {
        const { records, next } = this.#number(step.items, this.sent)
        const notices = records.map(({ channel, number, data }) => {
          return { channel, number, bytes: data.length, digest: crc32c(data) }
        })
        const { status } = this.outbox.peerSent(notices)
        if (status === 'ok' || status === 'diverged') this.sent = next
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
        return status
      }
      case 'sent': {
        const number = (this.sent[step.channel] ?? 0) + step.past
        this.outbox.sent(step.channel, number)
        if (step.past > 0) this.sent[step.channel] = number
        return number
      }
      case 'pending': {
        const from = (this.sent[step.channel] ?? 0) + step.past
        return this.outbox.pending(step.channel, from, step.room)
      }
      case 'reset': {
        const sent = Math.max(0, step.produced + step.ahead)
        this.outbox.reset(step.channel, step.produced, sent)
        this.produced[step.channel] = step.produced
        this.sent[step.channel] = sent
        return sent
      }
      case 'clear':
        this.produced.fill(0)
        this.sent.fill(0)
        return this.outbox.clear()
    }
  }

  #number(items: { channel: number; skip: number; other: boolean }[], counters: number[]) {
    const next = [...counters]
    const records = items.map(({ channel, skip, other }): OutboxRecord => {
      const number = Math.max(1, (next[channel] ?? 0) + 1 + skip)
      next[channel] = Math.max(number, next[channel] ?? 0)
      return { channel, number, data: dataOf(channel, number, other) }
    })
    return { records, next }
  }
}

/** What a call gave: its value, or the name and code of what it threw. */
function outcome(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    if (error instanceof RangeError) return 'RangeError'
    if (isPairError(error)) return error.code
    throw error
  }
}

t.test('the addon and the reference agree on any operations', async (t) => {
  const run = (steps: Step[]) => {
    const ours = new Driven(openOutbox(limitBytes))
    const reference = new Driven(openReferenceOutbox(limitBytes))
    try {
      for (const step of steps) {
        assert.deepEqual(
          outcome(() => ours.run(step)),
          outcome(() => reference.run(step)),
        )
        assert.equal(ours.outbox.bytes, reference.outbox.bytes)
        assert.deepEqual(ours.outbox.divergence(), reference.outbox.divergence())
      }
    } finally {
      ours.outbox.close()
    }
  }
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), run), { numRuns: 200 })
  for (const status of ['ok', 'full', 'gap', 'diverged']) {
    t.ok((outcomes.get(status) ?? 0) > 20, `the runs reach ${status} more than 20 times`)
  }
})

t.test('numbers beyond 32 bits and the largest one come through', async (t) => {
  const outbox = openOutbox(limitBytes)
  t.teardown(() => outbox.close())
  const data = Uint8Array.of(1, 2, 3)
  for (const last of [2 ** 32 - 1, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER - 1]) {
    outbox.reset(65_535, last, last)
    t.equal(outbox.produce([{ channel: 65_535, number: last + 1, data }]).status, 'ok')
    t.strictSame(outbox.pending(65_535, 0, 1000), [{ channel: 65_535, number: last + 1, data }])
  }
})

t.test('the outbox owns a copy of what it was given', async (t) => {
  const outbox = openOutbox(limitBytes)
  t.teardown(() => outbox.close())
  const data = Uint8Array.of(1, 2, 3)
  outbox.produce([{ channel: 0, number: 1, data }])
  data.fill(9)
  const [record] = outbox.pending(0, 1, 1000)
  t.strictSame(record?.data, Uint8Array.of(1, 2, 3))
  outbox.produce([{ channel: 0, number: 2, data }])
  t.strictSame(record?.data, Uint8Array.of(1, 2, 3), 'what was read out is a copy too')
})

t.test('a batch above the kept buffer passes and a batch above the limit is full', async (t) => {
  const outbox = openOutbox(8 << 20)
  t.teardown(() => outbox.close())
  const data = new Uint8Array(3 << 20).fill(7)
  t.equal(outbox.produce([{ channel: 0, number: 1, data }]).status, 'ok')
  t.equal(outbox.produce([{ channel: 0, number: 2, data }]).status, 'ok')
  t.equal(outbox.produce([{ channel: 0, number: 3, data }]).status, 'full')
  const [second] = outbox.pending(0, 2, 10)
  t.equal(second?.number, 2)
  t.ok(second && Buffer.compare(second.data, data) === 0)
  const huge = { channel: 1, number: 1, data: new Uint8Array(9 << 20) }
  t.equal(outbox.produce([huge]).status, 'full')
})

t.test('wrong arguments are refused before anything is taken', async (t) => {
  const outbox = openOutbox(limitBytes)
  t.teardown(() => outbox.close())
  const data = Uint8Array.of(1)
  for (const record of [
    { channel: -1, number: 1, data },
    { channel: 65_536, number: 1, data },
    { channel: 0, number: 0, data },
    { channel: 0, number: 1.5, data },
    { channel: 0, number: 2 ** 53, data },
  ]) {
    t.throws(() => outbox.produce([{ channel: 0, number: 1, data }, record]), RangeError)
    t.throws(() => outbox.peerSent([{ ...record, bytes: 1, digest: 0 }]), RangeError)
  }
  t.throws(() => outbox.sent(70_000, 1), RangeError)
  t.throws(() => outbox.reset(0, 3, 2), { message: /must be produced again/ })
  t.equal(outbox.bytes, 0)
  t.throws(() => openOutbox(4095), RangeError)
  t.throws(() => openReferenceOutbox(4095), RangeError)
})

t.test('a closed outbox says so, and close may be called again', async (t) => {
  for (const outbox of [openOutbox(limitBytes), openReferenceOutbox(limitBytes)]) {
    outbox.produce([{ channel: 0, number: 1, data: Uint8Array.of(1) }])
    outbox.close()
    outbox.close()
    for (const call of [
      () => outbox.bytes,
      () => outbox.produce([]),
      () => outbox.peerSent([]),
      () => outbox.sent(0, 1),
      () => outbox.divergence(),
      () => outbox.pending(0, 1, 100),
      () => outbox.reset(0, 0, 0),
      () => outbox.clear(),
    ]) {
      t.throws(call, { code: 'ERR_HOTPAIR_CLOSED', message: 'the outbox is closed' })
    }
  }
})

t.test('memory that cannot be reserved is an error with a code', async (t) => {
  t.throws(() => openOutbox(2 ** 43), { code: 'ERR_HOTPAIR_NO_MEMORY' })
})

t.test('the handle refuses batches and receivers that would corrupt memory', async (t) => {
  const { facts, ...binding } = loadBinding()
  const handle = binding.openOutbox(limitBytes)
  const other = binding.openChunkReader(10)
  t.teardown(() => {
    handle.close()
    other.close()
  })
  const digests = new Uint32Array(1)
  for (let size = 0; size < 16; size++) {
    t.equal(handle.produce(new Uint8Array(size), 1, digests), facts.outbox.malformed)
  }
  t.throws(() => handle.produce(new Uint8Array(64), 2, digests), RangeError)
  t.throws(() => handle.produce(new Uint8Array(64), -1, digests), RangeError)
  t.throws(() => handle.produce(new Uint8Array(64), Number.NaN, digests), RangeError)
  t.throws(() => handle.produce(new Uint16Array(64) as never, 1, digests), TypeError)
  t.throws(() => handle.produce(new Uint8Array(64), 1, new Float32Array(1) as never), TypeError)
  const detached = new Uint8Array(64)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  t.equal(handle.produce(detached, 1, digests), facts.outbox.malformed)

  for (const receiver of [{}, null, undefined, 1, other, Object.create(handle)]) {
    t.throws(() => handle.clear.call(receiver as never), TypeError)
    t.throws(() => Reflect.get(Object.getPrototypeOf(handle), 'bytes', receiver), TypeError)
  }
  const Class = handle.constructor as new () => unknown
  t.throws(() => new Class(), { message: 'OutboxHandle cannot be constructed by new' })
})
