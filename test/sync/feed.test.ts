/**
 * The feed's word that its mirror may be paired, and how notices travel: in packets of a bounded
 * size, held when acknowledged, and told again over a new link.
 */

import t from 'tap'
import type { PeerLink } from '#lib/runtime/ports-peer.js'
import { Feed } from '#lib/sync/feed.js'
import { epochOf, historyId, incarnationOf, instant } from '#lib/units.js'
import { packetLimit } from '#lib/wire/limits.js'
import type { Message, SentNotice } from '#lib/wire/message.js'
import { PacketDecoder } from '#lib/wire/packet.js'
import { readMessage } from '#lib/wire/read-message.js'

const epoch = epochOf(7)
const now = instant(0)

/** The mirror's end: what was written to it, copied, while it says that it takes more. */
class End implements PeerLink {
  readonly address = 'here'
  readonly bufferedBytes = 0
  readonly hello: PeerLink['hello'] = {
    protocol: 1,
    pair: 'p',
    member: 'b',
    incarnation: incarnationOf(2n),
    settings: {},
  }
  readonly messages: Message[] = []
  takesMore = true
  readonly #decoder = new PacketDecoder(packetLimit(1))

  write(bytes: Uint8Array): boolean {
    this.#decoder.push(bytes, (body) => {
      const message = readMessage(body.slice())
      if (message) this.messages.push(message)
    })
    return this.takesMore
  }

  async readOut(): Promise<void> {}
  openSide(): () => void {
    return () => {}
  }

  close(): void {}

  /** Notices in each progress packet so far. */
  get told(): number[] {
    const progress = this.messages.filter((message) => message.type === 'progress')
    return progress.map(({ sent }) => sent.length)
  }
}

function notices(count: number, first = 1): SentNotice[] {
  return Array.from({ length: count }, (_, index) => {
    return { channel: 0, number: first + index, bytes: 3, digest: 5 }
  })
}

/** A feed as of frame 10 whose load is on its way, and what it reports. */
function begun() {
  const link = new End()
  const said: string[] = []
  const feed = new Feed(link.hello.incarnation, { ask: 1, epoch, frameNo: 10 }, packetLimit(1), {
    acknowledged: (frameNo) => said.push(`acknowledged ${frameNo}`),
    noticed: (channel, number) => said.push(`noticed ${channel}:${number}`),
    near: () => said.push('near'),
    covered: () => said.push('covered'),
  })
  const chunks = { next: () => undefined, close: () => {} }
  feed.begin(link, { history: historyId('0'.repeat(31).concat('1')), imageBytes: 1 }, chunks)
  const acknowledge = (frameNo: number, progressNo: number) =>
    feed.onAcknowledge({ type: 'acknowledge', epoch, frameNo, progressNo }, now)
  const push = (frameNo: number) => {
    const origin = { kind: 'input', source: 's', seq: frameNo } as const
    feed.push({ frameNo, stamp: 1, ...origin, data: new Uint8Array(3) }, now)
  }
  return { feed, link, said, acknowledge, push }
}

t.test('a mirror covers when it holds the frames and the notices of the time of holding', (t) => {
  const { feed, link, said, acknowledge, push } = begun()
  t.ok(acknowledge(10, 0))
  link.takesMore = false
  push(11)
  feed.pump()
  feed.progress(11, notices(2), now)
  feed.pump()
  t.same(link.told, [], 'the socket takes no more')
  feed.hold()
  t.ok(acknowledge(11, 0))
  t.notOk(said.includes('covered'), 'it does not know what was sent')
  link.takesMore = true
  feed.drained()
  t.same(link.told, [2])
  feed.progress(11, notices(1, 3), now)
  feed.pump()
  t.ok(acknowledge(11, 1))
  t.same(said, ['near', 'acknowledged 11', 'noticed 0:2', 'covered'])
  t.end()
})

t.test('many notices are told in several packets, and count until they are held', (t) => {
  const { feed, link, said, acknowledge } = begun()
  t.ok(acknowledge(10, 0))
  feed.progress(10, notices(10_000), now)
  t.equal(feed.isNoticed, false)
  t.equal(feed.unacknowledgedBytes, 320_000)
  feed.pump()
  t.same(link.told, [4_096, 4_096, 1_808])
  t.equal(feed.unacknowledgedBytes, 320_000, 'told is not held')
  t.ok(acknowledge(10, 2))
  t.equal(said.at(-1), 'noticed 0:8192')
  t.ok(acknowledge(10, 3))
  t.equal(feed.unacknowledgedBytes, 0)
  t.equal(feed.isNoticed, true)
  t.notOk(acknowledge(10, 4), 'what was not told cannot be held')
  t.end()
})

t.test('over a new link what was not held is told again, before what is new', (t) => {
  const { feed, acknowledge } = begun()
  t.ok(acknowledge(10, 0))
  feed.progress(10, notices(3), now)
  feed.pump()
  feed.detach()
  feed.progress(10, notices(1, 4), now)
  const link = new End()
  t.ok(feed.resume(link, 10))
  t.match(link.messages, [
    { type: 'resume', frameNo: 10 },
    { type: 'progress', progressNo: 1, sent: [{ number: 1 }, { number: 2 }, {}, { number: 4 }] },
  ])
  t.notOk(feed.resume(link, 9), 'what is acknowledged is kept no more')
  t.notOk(feed.resume(link, 11), 'what was never sent cannot be held')
  t.end()
})

t.test('a frame or a notice that is not acknowledged waits since its own time', (t) => {
  const { feed, push } = begun()
  const acknowledge = (frameNo: number, progressNo: number, at: number) =>
    feed.onAcknowledge({ type: 'acknowledge', epoch, frameNo, progressNo }, instant(at))
  t.equal(feed.waitingSince, undefined, 'nothing waits')
  feed.progress(10, notices(1), instant(50))
  feed.pump()
  t.equal(feed.waitingSince, 50, 'a notice, with no frame: the outputs behind it wait')
  push(11)
  t.equal(feed.waitingSince, 50, 'the older one counts')
  feed.pump()
  t.ok(acknowledge(10, 1, 60))
  t.equal(feed.waitingSince, 60, 'something moved, the frame still waits')
  t.ok(acknowledge(10, 1, 70))
  t.equal(feed.waitingSince, 60, 'the same word again is no movement')
  t.ok(acknowledge(11, 1, 80))
  t.equal(feed.waitingSince, undefined)
  feed.progress(11, [], instant(90))
  t.equal(feed.waitingSince, undefined, 'what is done needs no acknowledgement')
  t.end()
})

t.test('a digest is written before the progress that lets its frame be processed', (t) => {
  const { feed, link, push } = begun()
  const types = () => link.messages.splice(0).map(({ type }) => type)
  types()
  link.takesMore = false
  push(11)
  feed.digest(11, 1n)
  feed.progress(11, [], now)
  feed.pump()
  t.strictSame(types(), ['frame', 'digest', 'progress'], 'one piece')
  push(12)
  feed.digest(12, 2n)
  feed.progress(12, [], now)
  push(13)
  feed.digest(13, 3n)
  feed.progress(13, [], now)
  feed.pump()
  t.strictSame(types(), [], 'the socket is full')
  link.takesMore = true
  feed.drained()
  const sent = link.messages.filter(({ type }) => type === 'digest')
  t.match(sent, [{ frameNo: 13, digest: 3n }], 'the newest only')
  t.strictSame(types(), ['frame', 'frame', 'digest', 'progress'])
  t.end()
})
