/**
 * The load of a shared state between two simulated regions, and between the members of a simulated
 * pair: what comes, how much of it, and what a break leaves behind. Copies of the bytes are the
 * oracle.
 */

import fc from 'fast-check'
import t from 'tap'
import type { PairError } from '#lib/errors.js'
import type { RegionBasis, SideHandlers, SideStream } from '#lib/runtime/ports-region.js'
import { openReferenceRegion, pageBytes } from '#lib/testing/reference-region.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { millis } from '#lib/units.js'

const pages = 40

/** Two ends of a stream in virtual time, which may be cut. */
function sides(clock: VirtualClock): { ends: readonly [SideStream, SideStream]; cut(): void } {
  const handlers: (SideHandlers | undefined)[] = [undefined, undefined]
  let isCut = false
  const end = (own: 0 | 1): SideStream => ({
    descriptor: undefined,
    open: (to) => {
      handlers[own] = to
    },
    write: (bytes) => {
      clock.setTimer(millis(0.1), () => isCut || handlers[1 - own]?.data(bytes))
      return true
    },
    pause: () => {},
    resume: () => {},
    close: () => {
      const other = handlers[1 - own]
      handlers[own] = undefined
      clock.setTimer(millis(0.1), () => other?.ended('closed'))
    },
  })
  const cut = () => {
    isCut = true
    for (const one of handlers) one?.ended('cut')
  }
  return { ends: [end(0), end(1)], cut }
}

interface Ended {
  readonly sent: bigint | undefined
  readonly failures: readonly PairError[]
  /** Bytes of pages on the wire. */
  readonly bytes: number
  /** What was sent, as of the moment of the load. */
  readonly taken: Buffer | undefined
}

class Bench {
  readonly clock = new VirtualClock()
  readonly from = openReferenceRegion(pages * pageBytes, this.clock)
  readonly to = openReferenceRegion(pages * pageBytes, this.clock)
  #asks = 0

  write(page: number, value: number): void {
    this.from.page(page)[page] = value
  }

  /** One load, written meanwhile, cut after `cutMs`; installed where it has arrived. */
  async load(
    basis: RegionBasis,
    { writes = [], cutMs }: { writes?: readonly number[]; cutMs?: number } = {},
  ): Promise<Ended> {
    const { clock, from, to } = this
    const { ends, cut } = sides(clock)
    const failures: PairError[] = []
    let sent: bigint | undefined
    let taken: Buffer | undefined
    this.#asks += 1
    const failed = (error: PairError) => failures.push(error)
    const arrival = to.receive(this.#asks, ends[1], basis, { done: () => {}, failed })
    const sending = from.send(this.#asks, ends[0], {
      nearly: () => {
        if (sending.finish() !== 'taken') return
        taken = Buffer.from(from.bytes)
        from.mark(this.#asks)
      },
      done: (digest) => {
        sent = digest
      },
      failed,
    })
    for (const [index, page] of writes.entries()) {
      clock.setTimer(millis(0.2 * index), () => this.write(page, index + 1))
    }
    if (cutMs !== undefined) clock.setTimer(millis(cutMs), cut)
    await clock.run(clock.now() + 1_000)
    if (sent === undefined) {
      arrival.cancel()
      sending.cancel()
    } else {
      t.equal(arrival.arrived, sent, 'both ends know the same digest')
      arrival.install()
      to.mark(this.#asks)
    }
    return { sent, failures, bytes: sending.progress().bytes, taken }
  }
}

const nothing: RegionBasis = { type: 'nothing' }
const rest: RegionBasis = { type: 'digests', withLive: false }
const difference: RegionBasis = { type: 'digests', withLive: true }

t.test('what has arrived is what was there at the moment of the load', async (t) => {
  const page = fc.nat({ max: pages - 1 })
  await fc.assert(
    fc.asyncProperty(fc.array(page, { maxLength: 60 }), async (writes) => {
      const bench = new Bench()
      for (let index = 0; index < pages; index += 3) bench.write(index, 9)
      const { sent, taken } = await bench.load(nothing, { writes })
      t.ok(sent !== undefined && taken?.equals(bench.to.bytes))
    }),
    { numRuns: 50, seed: 1 },
  )
})

t.test(
  'a load that breaks leaves the region as it was, and the next one brings the rest',
  async (t) => {
    const bench = new Bench()
    for (let index = 0; index < pages; index += 1) bench.write(index, index + 1)
    const cut = await bench.load(nothing, { cutMs: 1.5 })
    t.equal(cut.sent, undefined)
    t.equal(cut.failures.length, 2, 'both ends say so')
    t.ok(
      bench.to.bytes.every((byte) => byte === 0),
      'nothing was touched',
    )
    const { bytes, taken } = await bench.load(rest)
    t.ok(taken?.equals(bench.to.bytes))
    t.ok(bytes < pages * pageBytes, `${bytes} bytes came`)
    t.ok(bytes + cut.bytes >= pages * pageBytes)
  },
)

t.test('who was only cut off gets what either side has changed', async (t) => {
  const bench = new Bench()
  for (let index = 0; index < pages; index += 1) bench.write(index, index + 1)
  await bench.load(nothing)
  const mark = bench.to.marked
  t.equal(mark, bench.from.marked)
  bench.write(3, 99)
  bench.to.page(7)[0] = 1
  const { bytes, taken } = await bench.load({ type: 'changed', mark: mark ?? 0 })
  t.ok(taken?.equals(bench.to.bytes))
  t.equal(bytes, 2 * pageBytes)
})

t.test('a mark that the sender does not know is no basis; digests are', async (t) => {
  const bench = new Bench()
  bench.to.mark(77)
  bench.write(3, 99)
  const { taken, bytes } = await bench.load({ type: 'changed', mark: 77 })
  t.ok(taken?.equals(bench.to.bytes))
  t.equal(bytes, pages * pageBytes, 'all of it comes')
  bench.write(5, 1)
  const again = await bench.load(difference)
  t.ok(again.taken?.equals(bench.to.bytes))
  t.equal(again.bytes, pageBytes)
})

t.test('a program that writes faster than the connection takes is not loaded', async (t) => {
  const bench = new Bench()
  // A round of all pages takes some 2 ms: by then each of them was written again.
  for (let at = 0; at < 500; at += 1) {
    bench.clock.setTimer(millis(at), () => {
      for (let page = 0; page < pages; page += 1) bench.write(page, at)
    })
  }
  const { sent, failures } = await bench.load(nothing)
  t.equal(sent, undefined)
  t.match(failures[0]?.message, /faster than the connection/)
  t.ok(
    bench.to.bytes.every((byte) => byte === 0),
    'nothing was touched',
  )
})

t.test('a closed region is detached, and does nothing', (t) => {
  const { to } = new Bench()
  const view = new Uint8Array(to.buffer)
  to.close()
  to.close()
  t.equal(view.length, 0)
  t.throws(() => to.digest(), { code: 'ERR_HOTPAIR_CLOSED' })
  t.throws(() => to.mark(1), { code: 'ERR_HOTPAIR_CLOSED' })
  t.end()
})
