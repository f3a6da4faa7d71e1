/**
 * Regions through JavaScript: loads over real connections while the sender is written, broken off
 * and gone on with, refused and hostile ones, and what becomes of the memory. Plain copies of the
 * bytes are the oracle.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import type { PairError } from '#lib/errors.js'
import { openRegion, type RegionSettings } from '#lib/native/region.js'
import type { RegionBasis, RegionPort } from '#lib/runtime/ports-region.js'
import { bySocket, connectedSockets, sideStreams, type Way } from './side-streams.js'

const key = new Uint8Array(16).fill(3)
const pageBytes = 4096
const pages = 256
const ways: readonly Way[] = ['descriptor', 'bytes']
const nothing: RegionBasis = { type: 'nothing' }
const difference: RegionBasis = { type: 'digests', withLive: true }
const rest: RegionBasis = { type: 'digests', withLive: false }

function region(t: Test, settings: Partial<RegionSettings> = {}): RegionPort {
  const opened = openRegion({ bytes: pages * pageBytes, key, ...settings })
  t.teardown(() => opened.close())
  return opened
}

const view = ({ buffer }: RegionPort) => new Uint8Array(buffer)
const copy = (of: RegionPort) => Buffer.from(view(of))

function fill(of: RegionPort): void {
  view(of).set(randomBytes(of.buffer.byteLength))
}

// The page changes, whatever it held.
function touch(of: RegionPort, page: number): void {
  const bytes = view(of)
  bytes[page * pageBytes] = (bytes[page * pageBytes] ?? 0) + 1
}

// A load keeps no process alive.
function stayAwake(t: Test): void {
  const awake = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(awake))
}

interface Outcome {
  /** Undefined: it failed. */
  readonly digest: bigint | undefined
  readonly error: PairError | undefined
}

interface Running {
  readonly sent: Promise<Outcome>
  readonly received: Promise<Outcome>
  readonly sending: ReturnType<RegionPort['send']>
  readonly arrival: ReturnType<RegionPort['receive']>
  /** Breaks the connection, as a network does. */
  cut(): void
}

let asks = 0

// Begins a load; `nearly` finishes it unless the caller does.
async function begin(
  t: Test,
  sender: RegionPort,
  receiver: RegionPort,
  basis: RegionBasis,
  { way = 'descriptor', onNearly }: { way?: Way; onNearly?: () => void } = {},
): Promise<Running> {
  const { sides, cut } = await sideStreams(t, way)
  stayAwake(t)
  const ask = ++asks
  const settled = (start: (done: (d: bigint) => void, failed: (e: PairError) => void) => void) =>
    new Promise<Outcome>((resolve) => {
      start(
        (digest) => resolve({ digest, error: undefined }),
        (error) => resolve({ digest: undefined, error }),
      )
    })
  let arrival: Running['arrival'] | undefined
  let sending: Running['sending'] | undefined
  const received = settled((done, failed) => {
    arrival = receiver.receive(ask, sides[1], basis, { done, failed })
  })
  const sent = settled((done, failed) => {
    const nearly = onNearly ?? (() => sending?.finish())
    // Whoever hears of the sender that it is done finds all of it here.
    const told = (digest: bigint) => {
      assert.equal(arrival?.arrived, digest)
      done(digest)
    }
    sending = sender.send(ask, sides[0], { nearly, done: told, failed })
  })
  assert.ok(arrival && sending)
  return { sent, received, sending, arrival, cut }
}

// A whole load, put in place; what went over the wire.
async function load(
  t: Test,
  sender: RegionPort,
  receiver: RegionPort,
  basis: RegionBasis,
  way?: Way,
): Promise<number> {
  const { sent, received, arrival } = await begin(t, sender, receiver, basis, way ? { way } : {})
  const [one, other] = await Promise.all([sent, received])
  assert.equal(one.error, undefined)
  assert.equal(other.error, undefined)
  assert.equal(one.digest, other.digest)
  const { bytes } = arrival.progress()
  arrival.install()
  assert.equal(receiver.digest(), other.digest)
  return bytes
}

for (const way of ways) {
  for (const isShadow of [false, true]) {
    const words = `${way}, ${isShadow ? 'shadow' : 'the best tracker'}`
    t.test(`a load is of the moment of finish while JavaScript writes: ${words}`, async (t) => {
      const sender = region(t, { isShadow })
      const receiver = region(t, { isShadow })
      fill(sender)
      const first = receiver.buffer
      let held: Buffer | undefined
      // One page a turn: under a sanitizer the shadow takes some ms to look through all of them.
      const write = () => touch(sender, Math.floor(Math.random() * pages))
      const running = await begin(t, sender, receiver, nothing, {
        way,
        onNearly: () => {
          write()
          if (running.sending.finish() !== 'taken') return
          held = copy(sender)
          write()
        },
      })
      const writer = setInterval(write, 0)
      const [one, other] = await Promise.all([running.sent, running.received])
      clearInterval(writer)
      t.equal(one.error, undefined)
      t.equal(one.digest, other.digest)
      t.equal(running.arrival.arrived, one.digest)
      t.notOk(copy(receiver).equals(held ?? Buffer.alloc(0)), 'nothing is put in place yet')
      running.arrival.install()
      t.equal(running.arrival.arrived, undefined)
      t.ok(held && copy(receiver).equals(held))
      t.equal(receiver.digest(), other.digest)
      t.equal(receiver.buffer, first)
      t.ok(running.sending.progress().bytes >= pages * pageBytes)
      t.ok(running.sending.progress().holdNs > 0)
    })
  }

  t.test(`what has come of a broken load is not sent again: ${way}`, async (t) => {
    const sender = region(t, { bytes: 16 << 20 })
    const receiver = region(t, { bytes: 16 << 20 })
    fill(sender)
    fill(receiver)
    const before = copy(receiver)
    const broken = await begin(t, sender, receiver, nothing, { way, onNearly: () => {} })
    // All has come but the end.
    while (broken.arrival.progress().bytes < 16 << 20) {
      await new Promise((done) => setTimeout(done, 1))
    }
    broken.cut()
    const [one, other] = await Promise.all([broken.sent, broken.received])
    t.equal(one.error?.code, 'ERR_HOTPAIR_LOAD')
    t.equal(other.error?.code, 'ERR_HOTPAIR_LOAD')
    t.ok(copy(receiver).equals(before), 'the region in use was not touched')
    touch(sender, 0)
    t.ok((await load(t, sender, receiver, rest, way)) < 1 << 20)
    t.ok(copy(receiver).equals(copy(sender)))
  })
}

t.test('a standby that was only cut off gets what either has changed since the mark', async (t) => {
  const sender = region(t)
  const receiver = region(t)
  if (sender.way !== 'write-protection') {
    t.comment(`not here: ${sender.refusal}`)
    return
  }
  fill(sender)
  t.equal(sender.marked, undefined)
  await load(t, sender, receiver, nothing)
  for (const each of [sender, receiver]) each.mark(5)
  t.equal(sender.marked, 5)
  touch(sender, 1)
  touch(receiver, 7)
  t.ok((await load(t, sender, receiver, { type: 'changed', mark: 5 })) < 4 * pageBytes)
  t.ok(copy(receiver).equals(copy(sender)))
  t.equal(receiver.marked, undefined, 'what came in between is not known')

  // A mark that is not true is found, and the digests put it right.
  receiver.mark(6)
  touch(sender, 3)
  sender.mark(6)
  const lie = await begin(t, sender, receiver, { type: 'changed', mark: 6 })
  t.match((await lie.received).error?.message, /digest/)
  t.ok((await lie.sent).error)
  await load(t, sender, receiver, difference)
  t.ok(copy(receiver).equals(copy(sender)))
})

t.test('by shadow no mark is kept, and the digests tell', async (t) => {
  const sender = region(t, { isShadow: true })
  const receiver = region(t, { isShadow: true })
  t.equal(sender.way, 'shadow')
  t.match(sender.refusal, /shadow/)
  fill(sender)
  await load(t, sender, receiver, nothing)
  for (const each of [sender, receiver]) each.mark(5)
  t.equal(receiver.marked, undefined)
  touch(sender, 1)
  t.ok((await load(t, sender, receiver, { type: 'changed', mark: 5 })) < 4 * pageBytes)
  t.ok(copy(receiver).equals(copy(sender)))
})

t.test('another load, another key and another size are refused', async (t) => {
  const sender = region(t)
  for (const [receiver, pattern] of [
    [region(t, { key: new Uint8Array(16) }), /key/],
    [region(t, { bytes: 2 * pages * pageBytes }), /size/],
  ] as const) {
    const refused = await begin(t, sender, receiver, nothing)
    t.match((await refused.sent).error?.message, pattern)
    t.ok((await refused.received).error)
  }
})

t.test('a load that was cancelled says nothing more, and the next one comes', async (t) => {
  const sender = region(t)
  const receiver = region(t)
  fill(sender)
  const told: string[] = []
  const cancelled = await begin(t, sender, receiver, nothing)
  void cancelled.sent.then(() => told.push('sent'))
  cancelled.sending.cancel()
  cancelled.sending.cancel()
  t.equal(cancelled.sending.finish(), 'not-yet')
  t.ok((await cancelled.received).error)
  const replaced = await begin(t, sender, receiver, nothing, { onNearly: () => {} })
  void replaced.sent.then(() => told.push('replaced'))
  void replaced.received.then(() => told.push('replaced'))
  await load(t, sender, receiver, nothing)
  t.strictSame(told, [])
  t.throws(() => replaced.arrival.install(), RangeError)
  t.ok(copy(receiver).equals(copy(sender)))
  cancelled.sending.cancel()
  t.ok(replaced.arrival.progress().bytes >= 0)
})

t.test('what is no stream socket is a load that fails, later', async (t) => {
  const sender = region(t)
  let isIn = true
  const side = { ...bySocket((await connectedSockets(t))[0]), descriptor: 0x7fff_fff0 }
  const error = await new Promise<PairError>((resolve) => {
    sender.send(1, side, {
      done: () => {},
      failed: (failure) => {
        t.notOk(isIn, 'never within the call')
        resolve(failure)
      },
    })
    isIn = false
  })
  t.equal(error.code, 'ERR_HOTPAIR_LOAD')
  t.match(error.message, /no stream socket/)
})

t.test('hostile bytes end a load and leave the region as it was', async (t) => {
  stayAwake(t)
  const receiver = region(t)
  const sender = region(t)
  fill(receiver)
  const before = copy(receiver)
  for (let run = 0; run < 30; run++) {
    const noise = randomBytes(1 + run * 40)
    for (const hostile of ['sender', 'receiver'] as const) {
      const [near, far] = await connectedSockets(t)
      const error = await new Promise<PairError>((failed) => {
        const to = { done: () => assert.fail('it is no load'), failed }
        if (hostile === 'sender') receiver.receive(run, bySocket(near), difference, to)
        else sender.send(run, bySocket(near), to)
        far.end(noise)
      })
      t.equal(error.code, 'ERR_HOTPAIR_LOAD')
      far.destroy()
    }
  }
  t.ok(copy(receiver).equals(before))
})

t.test('views are detached by close, and nothing else is left to call', async (t) => {
  const closed = openRegion({ bytes: 1, key })
  const views = [new Uint8Array(closed.buffer), new DataView(closed.buffer)] as const
  t.equal(closed.buffer.byteLength, 1 << 16)
  closed.close()
  closed.close()
  t.equal(views[0].length, 0)
  t.throws(() => views[1].getInt8(0), TypeError)
  t.equal(closed.buffer.byteLength, 0)
  for (const call of [() => closed.digest(), () => closed.mark(1)]) {
    t.throws(call, { code: 'ERR_HOTPAIR_CLOSED' })
  }
  const [near] = await connectedSockets(t)
  const to = { done: () => {}, failed: () => {} }
  t.throws(() => closed.send(1, bySocket(near), to), { code: 'ERR_HOTPAIR_CLOSED' })
  t.ok(near.writableEnded, 'the connection of a load that cannot be is closed')
})

t.test('closing in the middle of a load ends both ends', async (t) => {
  for (const way of ways) {
    const sender = region(t)
    const receiver = region(t)
    fill(sender)
    const running = await begin(t, sender, receiver, nothing, { way, onNearly: () => {} })
    receiver.close()
    t.ok((await running.sent).error)
    const again = await begin(t, sender, region(t), nothing, { way, onNearly: () => {} })
    sender.close()
    t.ok((await again.received).error)
  }
})

t.test('memory that cannot be had is told with its sum', async (t) => {
  t.throws(() => openRegion({ bytes: 2 ** 45, key }), {
    code: 'ERR_HOTPAIR_SHARED_MEMORY',
    message: new RegExp(`${2 ** 46} bytes`),
  })
  for (const bytes of [0, -1, Number.NaN, 2 ** 47]) {
    t.throws(() => openRegion({ bytes, key }), { code: 'ERR_HOTPAIR_NATIVE' })
  }
  t.throws(() => openRegion({ bytes: 1, key: new Uint8Array(8) }), { code: 'ERR_HOTPAIR_NATIVE' })
})

// What a pair does to two regions, in any order, against plain copies; the seed is printed when it
// goes wrong.
t.test('two regions agree after any history', async (t) => {
  for (const isShadow of [false, true]) {
    const seed = Math.floor(Math.random() * 2 ** 32)
    t.comment(`seed ${seed}`)
    const random = generator(seed)
    let [sender, receiver] = [region(t, { isShadow }), region(t)]
    fill(sender)
    await load(t, sender, receiver, nothing)
    let mark = 0
    for (let step = 0; step < 40; step++) {
      const before = copy(receiver)
      for (let i = random(8); i > 0; i--) touch(sender, random(pages))
      switch (random(5)) {
        case 0: {
          const broken = await begin(t, sender, receiver, random(2) ? rest : difference, {
            way: ways[random(2)] ?? 'descriptor',
            onNearly: () => {},
          })
          broken.cut()
          t.ok((await broken.received).error && (await broken.sent).error)
          t.ok(copy(receiver).equals(before), 'a broken load leaves the region as it was')
          continue
        }
        case 1:
          mark++
          await load(t, sender, receiver, difference)
          for (const each of [sender, receiver]) each.mark(mark)
          break
        case 2:
          touch(receiver, random(pages))
          await load(t, sender, receiver, difference)
          break
        case 3:
          await load(t, sender, receiver, random(2) ? rest : nothing)
          break
        default:
          await load(t, sender, receiver, difference)
          ;[sender, receiver] = [receiver, sender]
      }
      t.ok(copy(sender).equals(copy(receiver)), 'a load makes both equal')
      const again = region(t)
      view(again).set(view(sender))
      t.equal(again.digest(), sender.digest(), 'a digest is that of the bytes alone')
      again.close()
    }
  }
})

// Whole numbers below `below`, the same for the same seed: mulberry32.
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
