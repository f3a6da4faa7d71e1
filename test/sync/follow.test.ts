/**
 * A primary's feed and the one that follows it, packet by packet: loads answer asks, frames are
 * held before they are processed, and a resumption loses nothing.
 */

import t from 'tap'
import type { ChunkWriter } from '#lib/runtime/ports-outbox.js'
import type { PeerLink } from '#lib/runtime/ports-peer.js'
import { Digests } from '#lib/sync/digests.js'
import { Follow } from '#lib/sync/follow.js'
import { referenceSnapshot } from '#lib/testing/reference-snapshot.js'
import { epochOf, historyId, incarnationOf } from '#lib/units.js'
import type { Message, SentNotice } from '#lib/wire/message.js'
import { PacketDecoder } from '#lib/wire/packet.js'
import { readMessage } from '#lib/wire/read-message.js'

const history = historyId('0123456789abcdef0123456789abcdef')
const reign = epochOf(101)
const limits = {
  stateBytes: 10_000,
  unacknowledgedBytes: 10_000,
  packetBytes: 10_000,
  lagFrames: 20,
}

/** A mirror whose primary is the test. */
class Bench {
  readonly told: string[] = []
  readonly sent: Message[] = []
  due = false
  isTurnOver = false
  outOfStep: 'overflow' | undefined
  readonly follow: Follow

  constructor() {
    this.follow = new Follow({ snapshot: referenceSnapshot }, limits, {
      announced: ({ frameNo }) => this.told.push(`announced ${frameNo}`),
      process: ({ frameNo }, digest) => {
        this.told.push(`processed ${frameNo}`)
        if (digest === undefined) return undefined
        this.told.push(`compared ${frameNo}`)
        return digest === 0n ? 'state' : undefined
      },
      flush: () => this.outOfStep,
      sent: (notices: readonly SentNotice[]) => {
        this.told.push(`sent ${notices.map(({ number }) => number)}`)
        return undefined
      },
      install: (image) => {
        if (image[0] === 0) throw new Error('cannot be used')
      },
      installed: ({ frameNo }) => this.told.push(`installed ${frameNo}`),
      loadFailed: (error) => this.told.push(error.code),
      outOfStep: (reason) => this.told.push(`out of step: ${reason}`),
      isTurnOver: () => this.isTurnOver,
      schedule: () => {
        this.due = true
      },
    })
    this.attach()
  }

  attach(): void {
    const decoder = new PacketDecoder(limits.packetBytes)
    const hello = {
      protocol: 1,
      pair: 'p',
      member: 'a',
      incarnation: incarnationOf(20n),
      settings: {},
    } as const
    const link: PeerLink = {
      address: 'here:1',
      hello,
      bufferedBytes: 0,
      write: (bytes) => {
        decoder.push(bytes, (body) => {
          const message = readMessage(Uint8Array.from(body))
          if (message) this.sent.push(message)
        })
        return true
      },
      readOut: () => Promise.resolve(),
      openSide: () => () => {},
      close: () => {},
    }
    this.follow.attach(link)
  }

  turn(): void {
    this.due = false
    this.follow.turn()
  }

  /** The load that answers `ask`, as of `frameNo`. */
  load(
    ask: number,
    frameNo: number,
    image = Uint8Array.of(1, 2, 3),
    imageBytes = image.length,
  ): void {
    const begun = { type: 'begin-load', epoch: reign, history, frameNo, imageBytes, ask } as const
    if (!this.follow.onMessage(begun)) throw new Error('the load does not fit')
    const chunks: ChunkWriter = referenceSnapshot.cut(image, 2)
    for (let bytes = chunks.next(); bytes; bytes = chunks.next()) {
      this.follow.onMessage({ type: 'chunk', bytes })
    }
  }

  frame(frameNo: number, epoch = reign): boolean {
    const data = new Uint8Array(1)
    return this.follow.onMessage({
      type: 'frame',
      epoch,
      frameNo,
      stamp: 0,
      kind: 'input',
      source: '',
      seq: 0,
      data,
    })
  }

  progress(progressNo: number, done: number, ...numbers: readonly number[]): boolean {
    const sent = numbers.map((number) => ({ channel: 0, number, bytes: 1, digest: 0 }))
    return this.follow.onMessage({ type: 'progress', epoch: reign, progressNo, done, sent })
  }

  /** What was said and sent since the last call. */
  since(): { readonly told: readonly string[]; readonly sent: readonly Message[] } {
    return { told: this.told.splice(0), sent: this.sent.splice(0) }
  }
}

/** In sync as of frame 5. */
function following(): Bench {
  const bench = new Bench()
  bench.follow.askLoad(epochOf(7))
  bench.load(1, 5)
  bench.turn()
  bench.since()
  return bench
}

const acknowledged = (frameNo: number, progressNo: number) =>
  ({ type: 'acknowledge', epoch: reign, frameNo, progressNo }) as const

t.test('a load that was asked for is installed and acknowledged', (t) => {
  const bench = new Bench()
  bench.follow.askLoad(epochOf(7))
  t.strictSame(bench.since().sent, [{ type: 'ask-load', ask: 1, highest: 7 }])
  bench.load(1, 5)
  bench.turn()
  t.strictSame(bench.since(), { told: ['installed 5'], sent: [acknowledged(5, 0)] })
  t.equal(bench.follow.acked, 5)
  t.end()
})

t.test('a load that nobody asked for is passed over, with all that follows it', (t) => {
  const bench = new Bench()
  bench.load(0, 5)
  bench.load(1, 5)
  t.equal(bench.frame(6), true)
  bench.turn()
  t.strictSame(bench.since(), { told: [], sent: [] })
  t.end()
})

t.test(
  'a load that answers an earlier ask is passed over: the later one ended its pairing',
  (t) => {
    const bench = new Bench()
    bench.follow.askLoad(epochOf(7))
    bench.follow.askLoad(epochOf(7))
    bench.since()
    bench.load(1, 5)
    bench.turn()
    t.strictSame(bench.since(), { told: [], sent: [] })
    bench.load(2, 7)
    bench.turn()
    t.strictSame(bench.since(), { told: ['installed 7'], sent: [acknowledged(7, 0)] })
    t.end()
  },
)

t.test('an answer is taken once', (t) => {
  const bench = following()
  bench.load(1, 9)
  bench.turn()
  t.strictSame(bench.since(), { told: [], sent: [] })
  t.equal(bench.follow.acked, 5)
  t.end()
})

for (const giveUp of ['dropLoad', 'stopAcknowledging', 'drain'] as const) {
  t.test(`after ${giveUp} no load is installed any more`, (t) => {
    const bench = new Bench()
    bench.follow.askLoad(epochOf(7))
    bench.follow[giveUp]()
    bench.since()
    bench.load(1, 5)
    t.strictSame(bench.since(), { told: [], sent: [] })
    t.end()
  })
}

t.test('loads that cannot be used are failures, not installed by halves', (t) => {
  const failing: readonly ((bench: Bench) => void)[] = [
    (bench) => bench.load(1, 5, Uint8Array.of(1), 10_001),
    (bench) => bench.load(1, 5, Uint8Array.of(0, 1)),
    (bench) => {
      const begun = { epoch: reign, history, frameNo: 5, imageBytes: 3, ask: 1 } as const
      bench.follow.onMessage({ type: 'begin-load', ...begun })
      bench.follow.onMessage({ type: 'chunk', bytes: new Uint8Array(20) })
    },
  ]
  for (const fail of failing) {
    const bench = new Bench()
    bench.follow.askLoad(epochOf(7))
    bench.since()
    fail(bench)
    t.strictSame(bench.since(), { told: ['ERR_HOTPAIR_LOAD'], sent: [] })
    t.equal(bench.follow.epoch, undefined)
  }
  t.end()
})

t.test(
  'a frame is acknowledged when it is held, and processed when the primary is done with it',
  (t) => {
    const bench = following()
    bench.frame(6)
    bench.frame(7)
    bench.turn()
    t.strictSame(bench.since(), {
      told: ['announced 6', 'announced 7'],
      sent: [acknowledged(7, 0)],
    })
    t.equal(bench.follow.lag, 2)
    bench.progress(1, 6, 1)
    bench.turn()
    t.strictSame(bench.since(), { told: ['processed 6', 'sent 1'], sent: [acknowledged(7, 1)] })
    t.equal(bench.follow.lag, 1)
    t.end()
  },
)

t.test('a notice waits until the frames before it are processed', (t) => {
  const bench = following()
  bench.frame(6)
  bench.progress(1, 6, 1)
  bench.progress(2, 6, 2)
  bench.turn()
  t.strictSame(bench.since().told, ['announced 6', 'processed 6', 'sent 1', 'sent 2'])
  t.end()
})

t.test('a gap is out of step; another reign does not fit, a lower one is passed over', (t) => {
  const bench = following()
  t.equal(bench.frame(7), true)
  t.strictSame(bench.since().told, ['out of step: gap'])
  t.equal(bench.frame(6, epochOf(99)), true)
  t.equal(bench.frame(6, epochOf(103)), false)
  t.equal(bench.progress(2, 5), false, 'progress is counted without gaps')
  t.equal(bench.progress(1, 9), false, 'nobody is done with what is not held')
  t.equal(
    bench.follow.onMessage({ type: 'ask-load', ask: 1, highest: epochOf(7) }),
    false,
    'not for a mirror',
  )
  t.strictSame(bench.since().told, [])
  t.end()
})

t.test('what cannot be kept is out of step', (t) => {
  const bench = following()
  bench.outOfStep = 'overflow'
  bench.frame(6)
  bench.turn()
  t.strictSame(bench.since().told, ['announced 6', 'out of step: overflow'])
  t.end()
})

t.test('after it has renounced it acknowledges nothing, and drains what it holds', (t) => {
  const bench = following()
  bench.frame(6)
  bench.turn()
  bench.since()
  bench.follow.stopAcknowledging()
  bench.frame(7)
  bench.progress(1, 5, 3)
  bench.turn()
  t.strictSame(bench.since().sent, [])
  t.equal(bench.follow.acked, 6, 'outputs of frame 7 cannot have left')
  const { frames, sent } = bench.follow.drain()
  t.strictSame(
    frames.map(({ frameNo }) => frameNo),
    [6, 7],
  )
  t.strictSame(sent, [])
  t.equal(bench.frame(8), true, 'and takes nothing any more')
  t.equal(bench.follow.drain().frames.length, 0)
  t.end()
})

t.test('over a new link it says again what it holds, and still knows what it acknowledged', (t) => {
  const bench = following()
  bench.frame(6)
  bench.turn()
  bench.since()
  bench.follow.detach()
  bench.turn()
  t.strictSame(bench.since().sent, [])
  bench.attach()
  bench.follow.askResume(reign, history)
  t.strictSame(bench.since().sent, [{ type: 'ask-resume', epoch: reign, history, frameNo: 6 }])
  t.equal(bench.follow.onMessage({ type: 'resume', epoch: reign, frameNo: 5 }), false)
  t.equal(bench.follow.onMessage({ type: 'resume', epoch: epochOf(99), frameNo: 6 }), false)
  t.equal(bench.follow.onMessage({ type: 'resume', epoch: reign, frameNo: 6 }), true)
  t.equal(bench.follow.acked, 6, 'if the primary dies here, its outputs up to frame 6 are in doubt')
  bench.turn()
  t.strictSame(bench.since().sent, [acknowledged(6, 0)])
  bench.turn()
  t.strictSame(bench.since().sent, [], 'once')
  t.end()
})

t.test('too far behind, it acknowledges no more until it has processed', (t) => {
  const bench = following()
  for (let frameNo = 6; frameNo < 206; frameNo += 1) bench.frame(frameNo)
  bench.turn()
  t.strictSame(bench.since().sent, [], '200 frames of 65 bytes are above the bound')
  bench.progress(1, 205)
  bench.turn()
  t.strictSame(bench.since().sent, [acknowledged(5, 1), acknowledged(205, 1)])
  t.end()
})

t.test('an input that only this member was given goes to the primary', (t) => {
  const bench = following()
  bench.follow.forward('s', 3, Uint8Array.of(1))
  t.match(bench.since().sent, [{ type: 'forward', source: 's', seq: 3 }])
  bench.follow.close()
  bench.follow.forward('s', 4, Uint8Array.of(1))
  t.strictSame(bench.since().sent, [], 'closed')
  t.end()
})

t.test('who lags acknowledges what it can process in time, and loses step beyond that', (t) => {
  const bench = following()
  for (let frameNo = 6; frameNo <= 17; frameNo += 1) bench.frame(frameNo)
  bench.turn()
  t.match(bench.since().sent, [acknowledged(15, 0)], 'half of lagFrames above what is processed')
  bench.progress(1, 8)
  bench.turn()
  t.match(bench.since().sent.at(-1), acknowledged(17, 1), 'three more are processed')
  for (let frameNo = 18; frameNo <= 28; frameNo += 1) bench.frame(frameNo)
  t.notOk(bench.since().told.includes('out of step: lag'), 'twenty are held')
  bench.frame(29)
  bench.frame(30)
  const outOfStep = bench.since().told.filter((told) => told === 'out of step: lag')
  t.equal(outOfStep.length, 1, 'one more is out of step, and is told once')
  bench.turn()
  t.match(bench.since().sent, [acknowledged(18, 1)])
  bench.progress(2, 30)
  bench.turn()
  t.match(bench.since().sent.at(-1), acknowledged(30, 2), 'all is processed, all is acknowledged')
  t.end()
})

t.test('a digest is compared when its frame is processed, and nothing is processed behind', (t) => {
  const bench = following()
  const tell = (frameNo: number, digest: bigint, epoch = reign) =>
    t.ok(bench.follow.onMessage({ type: 'digest', epoch, frameNo, digest }))
  for (let frameNo = 6; frameNo <= 10; frameNo += 1) bench.frame(frameNo)
  tell(4, 1n)
  tell(7, 1n)
  tell(8, 0n, epochOf(1))
  tell(9, 0n)
  bench.progress(1, 10)
  bench.since()
  bench.turn()
  t.strictSame(bench.since().told, [
    'processed 6',
    'processed 7',
    'compared 7',
    'processed 8',
    'processed 9',
    'compared 9',
    'out of step: state',
  ])
  t.end()
})

t.test('what was told before a load is not compared after it', (t) => {
  const bench = following()
  bench.frame(6)
  bench.follow.onMessage({ type: 'digest', epoch: reign, frameNo: 6, digest: 0n })
  bench.follow.askLoad(epochOf(7))
  bench.load(2, 5)
  bench.frame(6)
  bench.progress(1, 6)
  bench.turn()
  t.notOk(bench.since().told.includes('compared 6'))
  t.end()
})

t.test('digests that nobody comes to are bounded', (t) => {
  const digests = new Digests()
  for (let frameNo = 1; frameNo <= 3_000; frameNo += 1) digests.tell(frameNo, BigInt(frameNo))
  t.equal(digests.at(1_024), 1_024n)
  t.equal(digests.at(1_025), undefined, 'beyond the bound')
  digests.tell(5_000, 5n)
  digests.tell(4_000, 4n)
  t.equal(digests.at(4_000), undefined, 'in order, or not at all')
  t.equal(digests.at(5_000), 5n)
  t.equal(digests.at(5_000), undefined)
  t.end()
})

t.test('a turn that has taken long enough leaves the rest to the next one', (t) => {
  const bench = following()
  for (const frameNo of [6, 7, 8]) bench.frame(frameNo)
  bench.progress(1, 8)
  bench.isTurnOver = true
  bench.since()
  const turns = [1, 2, 3].map(() => {
    bench.due = false
    bench.turn()
    const { told } = bench.since()
    return { processed: told.filter((text) => text.startsWith('process')), due: bench.due }
  })
  t.match(turns, [{ due: true }, { due: true }, { due: false }])
  t.strictSame(
    turns.map(({ processed }) => processed.length),
    [1, 1, 1],
    'one a turn at least',
  )
  t.end()
})
