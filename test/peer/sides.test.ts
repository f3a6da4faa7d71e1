/**
 * Side connections: both ends wish for one and get it, whichever sends; nobody else does.
 */

import { readSync, writeSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { SideWish } from '#lib/runtime/ports-peer.js'
import type { SideStream } from '#lib/runtime/ports-region.js'
import { incarnationOf } from '#lib/units.js'
import { encodeAccept, encodeHello, encodeSide, type Hello } from '#lib/wire/hello.js'
import { openPair, type Party, packetOf, secret, strangerTo, waitUntil } from './party.js'

/** What became of one wish. */
interface End {
  side: SideStream | undefined
  failure: string | undefined
  readonly data: Buffer[]
  ended: string | undefined
  takeBack: () => void
}

function wishAt(t: Test, party: Party, ask: number, end: SideWish['end']): End {
  const at: End = {
    side: undefined,
    failure: undefined,
    data: [],
    ended: undefined,
    takeBack: () => {},
  }
  let isWithin = true
  at.takeBack = party.link.openSide({
    ask,
    end,
    opened: (side) => {
      t.notOk(isWithin, 'never within the call')
      at.side = side
      t.teardown(() => side.close())
      if (side.descriptor === undefined) {
        side.open({
          data: (bytes) => at.data.push(Buffer.from(bytes)),
          drained: () => {},
          ended: (reason) => {
            at.ended = reason
          },
        })
      }
    },
    failed: (reason) => {
      t.notOk(isWithin, 'never within the call')
      at.failure = reason
    },
  })
  isWithin = false
  return at
}

async function linked(t: Test, both: { readonly secrets?: readonly string[] } = {}) {
  const { a, b } = await openPair(t, { both })
  await Promise.all([a.untilUp(), b.untilUp()])
  return { a, b }
}

/** Reads exactly `count` bytes of a descriptor that does not block. */
async function readAll(descriptor: number, count: number): Promise<Buffer> {
  const into = Buffer.alloc(count)
  let read = 0
  await waitUntil(() => {
    try {
      read += readSync(descriptor, into, read, count - read, null)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
    return read === count
  })
  return into
}

for (const [sender, receiver] of [
  ['a', 'b'],
  ['b', 'a'],
] as const) {
  t.test(`${sender} sends: each end gets the descriptor, and reads no byte itself`, async (t) => {
    const party = await linked(t)
    const from = wishAt(t, party[sender], 7, 'sender')
    const to = wishAt(t, party[receiver], 7, 'receiver')
    await waitUntil(() => from.side !== undefined && to.side !== undefined)
    const [near = -1, far = -1] = [from.side?.descriptor, to.side?.descriptor]
    t.ok(near >= 0 && far >= 0)
    writeSync(far, 'want')
    // Whoever reads here besides would have it by then.
    await new Promise((turn) => setImmediate(() => setImmediate(turn)))
    t.equal(String(await readAll(near, 4)), 'want')
    writeSync(near, 'pages')
    t.equal(String(await readAll(far, 5)), 'pages')
    for (const member of [party.a, party.b]) {
      t.match(member.peer.counters(), { sides: 1, links: 1, strangers: 0 })
    }
  })

  t.test(`${sender} sends with a secret: the bytes pass through, with back-pressure`, async (t) => {
    const party = await linked(t, { secrets: [secret] })
    const from = wishAt(t, party[sender], 7, 'sender')
    const to = wishAt(t, party[receiver], 7, 'receiver')
    await waitUntil(() => from.side !== undefined && to.side !== undefined)
    t.equal(from.side?.descriptor, undefined)
    to.side?.write(Buffer.from('want'))
    await waitUntil(() => from.data.length > 0)
    t.equal(String(Buffer.concat(from.data)), 'want')
    to.side?.pause()
    let written = 0
    while (from.side?.write(Buffer.alloc(1_000_000, 1))) written += 1
    t.ok(written < 20, `it was full after ${written} MB`)
    to.side?.resume()
    const received = () => to.data.reduce((sum, { length }) => sum + length, 0)
    await waitUntil(() => received() === (written + 1) * 1_000_000)
    from.side?.close()
    await waitUntil(() => to.ended !== undefined)
  })
}

t.test('who is early waits for the other, in either order', async (t) => {
  const { a, b } = await linked(t)
  const early = wishAt(t, b, 3, 'sender')
  await waitUntil(() => early.side !== undefined)
  const late = wishAt(t, a, 3, 'receiver')
  await waitUntil(() => late.side !== undefined)
  t.equal(a.peer.counters().strangers, 0)
})

t.test('another load is not the one that is wished for', async (t) => {
  const { a, b } = await linked(t)
  const of3 = wishAt(t, a, 3, 'receiver')
  const of4 = wishAt(t, b, 4, 'receiver')
  await waitUntil(() => of4.failure !== undefined)
  t.equal(of3.side, undefined)
  t.ok(a.peer.counters().strangers >= 1)
  of3.takeBack()
})

t.test('a wish that is taken back is not fulfilled, and a later one is', async (t) => {
  const { a, b } = await linked(t)
  wishAt(t, a, 1, 'sender').takeBack()
  const gone = wishAt(t, b, 1, 'receiver')
  gone.takeBack()
  const near = wishAt(t, a, 2, 'sender')
  const far = wishAt(t, b, 2, 'receiver')
  await waitUntil(() => near.side !== undefined && far.side !== undefined)
  t.equal(gone.side, undefined)
  t.equal(gone.failure, undefined)
})

t.test('an open side connection outlives a later wish that is taken back', async (t) => {
  const { a, b } = await linked(t, { secrets: [secret] })
  const near = wishAt(t, a, 1, 'sender')
  const far = wishAt(t, b, 1, 'receiver')
  await waitUntil(() => near.side !== undefined && far.side !== undefined)
  wishAt(t, a, 2, 'sender').takeBack()
  near.side?.write(Buffer.from('still here'))
  await waitUntil(() => far.data.length > 0 || far.ended !== undefined)
  t.equal(String(Buffer.concat(far.data)), 'still here')
})

t.test('a link that goes down takes the wish along, and tells nothing', async (t) => {
  const { a, b } = await linked(t)
  const waiting = wishAt(t, a, 1, 'receiver')
  b.link.close('enough')
  await a.untilDown()
  await new Promise((turn) => setImmediate(turn))
  t.strictSame([waiting.side, waiting.failure], [undefined, undefined])
})

t.test('closing a member closes its side connections', async (t) => {
  const { a, b } = await linked(t, { secrets: [secret] })
  const near = wishAt(t, a, 1, 'sender')
  const far = wishAt(t, b, 1, 'receiver')
  await waitUntil(() => near.side !== undefined && far.side !== undefined)
  await a.peer.close()
  await waitUntil(() => far.ended !== undefined)
})

/** Says what a member b of this incarnation would say. */
async function impostor(t: Test, a: Party, incarnation: bigint, last: Uint8Array) {
  const hello: Hello = {
    protocol: 1,
    oldestProtocol: 1,
    pair: 'line-4',
    member: 'b',
    incarnation: incarnationOf(incarnation),
    settings: {},
  }
  const socket = await strangerTo(t, a.port)
  socket.write(encodeHello(hello))
  await new Promise((heard) => socket.once('data', heard))
  socket.write(last)
  return socket
}

t.test('another incarnation gets no pages, and is closed', async (t) => {
  const { a } = await linked(t)
  const wish = wishAt(t, a, 5, 'sender')
  const socket = await impostor(t, a, 99n, encodeSide(5))
  await new Promise((closed) => socket.once('close', closed))
  t.equal(wish.side, undefined)
  t.ok(a.peer.counters().strangers >= 1)
  t.equal(a.peer.counters().links, 1, 'the link stays')
  wish.takeBack()
})

t.test('nobody wished for is kept for long, and only one at a time', async (t) => {
  const { a } = await linked(t)
  const first = await impostor(t, a, 2n, encodeSide(5))
  const second = await impostor(t, a, 2n, encodeSide(6))
  await new Promise((closed) => first.once('close', closed))
  t.notOk(second.destroyed, 'the newest one waits')
  await new Promise((closed) => second.once('close', closed))
  t.match(a.peer.counters(), { strangers: 2, links: 1, sides: 0 })
})

t.test('garbage in place of a purpose is broken off', async (t) => {
  const { a } = await linked(t)
  for (const last of [packetOf(Buffer.alloc(3), 4), packetOf(Buffer.alloc(0), 9)]) {
    const socket = await impostor(t, a, 2n, last)
    await new Promise((closed) => socket.once('close', closed))
  }
  t.equal(a.peer.counters().strangers, 2)
  const again = await impostor(t, a, 3n, encodeAccept())
  await waitUntil(() => a.peer.counters().links === 2)
  again.destroy()
})
