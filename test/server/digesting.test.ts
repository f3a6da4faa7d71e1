/**
 * When a digest is taken: every so many frames, for a hundredth of the time at most, and never when
 * it would block for long.
 */

import t from 'tap'
import { Digesting } from '#lib/server/digesting.js'
import { type Epoch, epochOf, instant } from '#lib/units.js'

/** A primary whose digests take `costMs`, and the frames after which they were told. */
function primary(digestEvery: number, ackTimeoutMs = 500) {
  let now = 0
  const state = { frameNo: 0, faultAt: 0, costMs: 0 }
  const told: number[] = []
  const clock = {
    now: () => instant(now),
    wall: () => 0,
    setTimer: () => ({ clear: () => {} }),
    defer: () => {},
    nextTurn: () => {},
  }
  const replica = {
    get frameNo() {
      return state.frameNo
    },
    get faultAt() {
      return state.faultAt
    },
    digestMs: 0,
    digest() {
      now += state.costMs
      return BigInt(state.frameNo)
    },
    markEqual(epoch: Epoch) {
      if (epoch !== feed.epoch) throw new Error('the mark of another reign')
      marked.push(state.frameNo)
    },
  }
  const digesting = new Digesting(replica, { clock, digestEvery, ackTimeoutMs })
  const marked: number[] = []
  const feed = {
    epoch: epochOf(7),
    digest(frameNo: number, digest: bigint) {
      if (digest !== BigInt(frameNo)) throw new Error('the digest of another frame')
      told.push(frameNo)
    },
  }
  /** Processes `count` frames, one a millisecond. */
  const process = (count: number, isFed = true) => {
    for (let done = 0; done < count; done += 1) {
      now += 1
      state.frameNo += 1
      digesting.processed(isFed ? feed : undefined, clock.now())
    }
    if (marked.splice(0).join() !== told.join()) throw new Error('a mark of another frame')
    return told.splice(0)
  }
  return { state, replica, digesting, process }
}

t.test('every so many frames since the load, and since each digest', (t) => {
  const { digesting, process } = primary(10)
  t.strictSame(process(35), [10, 20, 30])
  digesting.begin(35)
  t.strictSame(process(25), [45, 55])
  t.equal(digesting.frameNo, 55)
  t.end()
})

t.test('never without a mirror, and never with 0', (t) => {
  t.strictSame(primary(0).process(5_000), [])
  const { process } = primary(10)
  t.strictSame(process(25, false), [])
  t.strictSame(process(1), [26], 'when there is one, at once')
  t.end()
})

t.test('a digest of 5 ms is followed by 495 ms without one', (t) => {
  const { state, process } = primary(10)
  state.costMs = 5
  t.strictSame(process(1_200), [10, 505, 1_000])
  t.end()
})

t.test('a frame that failed is looked at next, when time allows', (t) => {
  const { state, process } = primary(1_000)
  process(50)
  state.faultAt = 51
  t.strictSame(process(1), [51])
  t.strictSame(process(10), [], 'once')
  state.costMs = 1
  state.faultAt = 62
  t.strictSame(process(1), [62])
  state.faultAt = 63
  t.strictSame(process(200), [161], 'the rest of 99 ms first')
  t.end()
})

t.test('what would block for long is not begun, until a load says that it takes less', (t) => {
  const { state, replica, process } = primary(10)
  replica.digestMs = 75
  state.costMs = 120
  t.strictSame(process(100), [10], '75 ms were expected')
  t.strictSame(process(50_000), [], '120 ms were found')
  replica.digestMs = 150
  t.strictSame(process(20_000), [])
  replica.digestMs = 20
  t.strictSame(process(1).length, 1)
  t.end()
})

t.test('a short ackTimeout makes the bound shorter', (t) => {
  const { state, process } = primary(10, 40)
  state.costMs = 11
  t.strictSame(process(5_000), [10], 'ten are a quarter of it')
  t.end()
})
