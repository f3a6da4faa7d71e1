/**
 * Delivery by a clock of virtual time: order by channel, the bound by notices, retries, timeouts,
 * and the gate.
 */

import t from 'tap'
import type { PairError } from '#lib/errors.js'
import type { Output } from '#lib/options.js'
import { Channels } from '#lib/server/channels.js'
import { Delivery } from '#lib/server/delivery.js'
import { waitingItem } from '#lib/server/lane.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { historyId } from '#lib/units.js'

const history = historyId('0123456789abcdef0123456789abcdef')

interface Call {
  readonly output: Output
  readonly signal: AbortSignal
  readonly at: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A delivery whose receiver is the test: each call waits in `calls` until it is answered. */
class Bench {
  readonly clock = new VirtualClock()
  readonly channels = new Channels(8)
  readonly calls: Call[] = []
  readonly sent: string[] = []
  readonly faults: PairError[] = []
  readonly stuck: boolean[] = []
  isGateOpen = true
  /** Replaces the receiver. */
  deliver: ((output: Output) => Promise<void> | void) | undefined
  /** The receiver's answer; it has asked for none unless a test says otherwise. */
  wasReceived: (output: Output) => Promise<boolean> | boolean = () => false
  readonly delivery: Delivery

  constructor(inFlight = 4) {
    this.delivery = new Delivery({
      pair: 'p',
      deliver: (output, { signal }) => this.deliver?.(output) ?? this.#wait(output, signal),
      clock: this.clock,
      inFlight,
      timeoutMs: 1_000,
      wasReceived: (output) => this.wasReceived(output),
      askTimeoutMs: 500,
      isGateOpen: () => this.isGateOpen,
      onSent: (channel, { number }) => {
        this.sent.push(`${channel.name} ${number}`)
        this.channels.markSent(channel, number)
      },
      onFault: (error) => this.faults.push(error),
      onStuck: (hasDelivered) => this.stuck.push(hasDelivered),
    })
    this.delivery.reign(history, 101)
  }

  #wait(output: Output, signal: AbortSignal): Promise<void> | void {
    if (this.deliver) return
    return new Promise((resolve, reject) => {
      this.calls.push({ output, signal, at: this.clock.now(), resolve, reject })
    })
  }

  /** Frames `from` to `to` produce one output each on `name`. */
  produce(name: string, from: number, to: number, isRepeat = false): void {
    const channel = this.channels.open(name)
    if (channel === undefined) throw new Error('no channel')
    for (let frameNo = from; frameNo <= to; frameNo += 1) {
      const digest = 1_000 + frameNo
      this.channels.produce(channel, { frameNo, digest })
      const { produced: number } = channel
      const output = { number, frameNo, digest, data: Uint8Array.of(frameNo) }
      this.delivery.enqueue(waitingItem(channel, output, isRepeat))
    }
  }

  get begun(): string[] {
    return this.calls.map(({ output }) => `${output.channel} ${output.number}`)
  }
}

t.test('an output says what a receiver needs to know it', async (t) => {
  const bench = new Bench()
  bench.produce('x', 5, 5)
  bench.delivery.open()
  bench.delivery.release(5)
  t.strictSame(bench.calls[0]?.output, {
    pair: 'p',
    history,
    epoch: 101,
    firstOfEpoch: 1,
    channel: 'x',
    number: 1,
    digest: 1_005,
    data: Uint8Array.of(5),
    frameNo: 5,
    isRepeat: false,
  })
  bench.calls[0]?.resolve()
  await bench.clock.run(1)
  t.strictSame(bench.sent, ['x 1'])
  t.equal(bench.delivery.pendingCount, 0)
})

t.test('nothing is begun before its frame is released, or with the gate shut', (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 3)
  bench.delivery.release(2)
  t.strictSame(bench.begun, [], 'the gate was never opened')
  bench.isGateOpen = false
  bench.delivery.open()
  t.strictSame(bench.begun, [], 'the native gate has expired')
  bench.isGateOpen = true
  bench.delivery.release(2)
  t.strictSame(bench.begun, ['x 1', 'x 2'], 'frame 3 is not held by both')
  bench.delivery.release(3)
  t.strictSame(bench.begun, ['x 1', 'x 2', 'x 3'])
  t.end()
})

t.test('answers may come in any order; outputs count as sent in theirs', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 3)
  bench.delivery.open()
  bench.delivery.release(3)
  bench.calls[2]?.resolve()
  bench.calls[1]?.resolve()
  await bench.clock.run(1)
  t.strictSame(bench.sent, [])
  t.equal(bench.delivery.pendingCount, 3)
  bench.calls[0]?.resolve()
  await bench.clock.run(2)
  t.strictSame(bench.sent, ['x 1', 'x 2', 'x 3'])
})

t.test('with a standby, nothing is begun more than inFlight past the last notice', async (t) => {
  const bench = new Bench(2)
  bench.produce('x', 1, 6)
  const channel = bench.channels.open('x')
  if (channel === undefined) throw new Error('no channel')
  bench.delivery.open()
  bench.delivery.isBoundByNotices = true
  bench.delivery.release(6)
  t.strictSame(bench.begun, ['x 1', 'x 2'])
  bench.calls[0]?.resolve()
  bench.calls[1]?.resolve()
  await bench.clock.run(1)
  t.strictSame(bench.begun, ['x 1', 'x 2'], 'sent is not noticed')
  bench.delivery.notice(channel, 1)
  t.strictSame(bench.begun, ['x 1', 'x 2', 'x 3'])
  bench.delivery.notice(channel, 1)
  t.strictSame(bench.begun.length, 3, 'a notice that is known changes nothing')
  bench.delivery.noticeAll()
  bench.delivery.isBoundByNotices = true
  bench.delivery.release(6)
  t.strictSame(bench.begun, ['x 1', 'x 2', 'x 3', 'x 4'], 'a load brings all notices')
})

t.test('alone, what was sent is what counts', async (t) => {
  const bench = new Bench(2)
  bench.produce('x', 1, 4)
  bench.delivery.open()
  bench.delivery.release(4)
  t.strictSame(bench.begun, ['x 1', 'x 2'])
  bench.calls[0]?.resolve()
  await bench.clock.run(1)
  t.strictSame(bench.begun, ['x 1', 'x 2', 'x 3'])
})

t.test('a failure holds its channel alone, and is tried again with growing pauses', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 2)
  bench.produce('y', 1, 1)
  bench.delivery.open()
  bench.delivery.release(2)
  t.strictSame(bench.begun, ['x 1', 'x 2', 'y 1'])
  bench.calls[1]?.resolve()
  await bench.clock.run(0)
  bench.calls[0]?.reject(new Error('refused'))
  bench.calls[2]?.resolve()
  await bench.clock.run(9)
  t.strictSame(bench.sent, ['y 1'], 'the other channel goes on')
  t.match(bench.faults[0], {
    code: 'ERR_HOTPAIR_DELIVER',
    message: /output 1 of channel "x".*refused/,
  })
  t.equal(bench.calls.length, 3, 'not yet')
  const pauses = [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]
  let due = 0
  for (const [index, pause] of pauses.entries()) {
    due += pause
    await bench.clock.run(due)
    const call = bench.calls[3 + index]
    t.match(call, { at: due, output: { number: 1, isRepeat: true } }, `after ${pause} ms`)
    call?.reject('no error object')
    await bench.clock.run(due)
  }
  t.match(bench.faults.at(-1)?.message, /no error object/)
  await bench.clock.run(due + 1_000)
  bench.calls.at(-1)?.resolve()
  await bench.clock.run(due + 1_001)
  t.strictSame(bench.sent, ['y 1', 'x 1', 'x 2'])
})

t.test('several that failed are begun again in order, before anything new', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 5)
  bench.delivery.open()
  bench.delivery.release(3)
  for (const call of bench.calls) call.reject(new Error('refused'))
  await bench.clock.run(1)
  bench.delivery.release(5)
  t.equal(bench.calls.length, 3, 'the channel waits')
  const again: number[] = []
  // A receiver that resolves within the call: what is behind moves up while the list is walked.
  bench.deliver = ({ number }) => {
    again.push(number)
  }
  await bench.clock.run(10)
  t.strictSame(again, [1, 2, 3, 4, 5])
  t.strictSame(bench.sent, ['x 1', 'x 2', 'x 3', 'x 4', 'x 5'])
})

t.test('a receiver that throws within the call is a failure like another', async (t) => {
  const bench = new Bench()
  let tries = 0
  bench.deliver = () => {
    tries += 1
    if (tries < 3) throw new Error('thrown')
  }
  bench.produce('x', 1, 2)
  bench.delivery.open()
  bench.delivery.release(2)
  t.equal(tries, 1, 'the second waits behind the first')
  await bench.clock.run(30)
  t.strictSame(bench.sent, ['x 1', 'x 2'])
  t.equal(tries, 4)
})

t.test('ten thousand that resolve within their calls need no stack', (t) => {
  const bench = new Bench(64)
  bench.deliver = () => {}
  bench.produce('x', 1, 10_000)
  bench.delivery.open()
  bench.delivery.release(10_000)
  t.equal(bench.sent.length, 10_000)
  t.equal(bench.sent.at(-1), 'x 10000')
  t.end()
})

t.test('one that does not settle in time has failed, and may settle late', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 1)
  bench.delivery.open()
  bench.delivery.release(1)
  await bench.clock.run(999)
  t.equal(bench.calls.length, 1)
  await bench.clock.run(1_300)
  t.match(bench.faults[0]?.message, /did not settle within 1000 ms/)
  t.match(bench.calls[1]?.output, { number: 1, isRepeat: true })
  bench.calls[0]?.resolve()
  await bench.clock.run(1_301)
  t.strictSame(bench.sent, ['x 1'], 'the late answer is an answer')
  bench.calls[1]?.resolve()
  await bench.clock.run(1_302)
  t.strictSame(bench.sent, ['x 1'], 'and counts once')
})

t.test('a gate that shuts tells what runs, and what that throws is no fault', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 2)
  bench.delivery.open()
  bench.delivery.release(1)
  const first = bench.calls[0]
  bench.delivery.shut()
  t.equal(first?.signal.aborted, true)
  t.match(first?.signal.reason, { code: 'ERR_HOTPAIR_DEMOTED' })
  first?.reject(first.signal.reason)
  bench.delivery.release(2)
  await bench.clock.run(500)
  t.equal(bench.calls.length, 1, 'nothing is begun')
  t.strictSame(bench.faults, [])
  bench.delivery.open()
  bench.delivery.open()
  await bench.clock.run(600)
  t.match(bench.calls[1], { output: { number: 1, isRepeat: true }, signal: { aborted: false } })
  t.match(bench.calls[2], { output: { number: 2, isRepeat: false } })
})

t.test('a native gate that has expired holds a retry back, too', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 1)
  bench.delivery.open()
  bench.delivery.release(1)
  bench.calls[0]?.reject(new Error('refused'))
  bench.isGateOpen = false
  await bench.clock.run(100)
  t.equal(bench.calls.length, 1)
  bench.isGateOpen = true
  await bench.clock.run(120)
  t.equal(bench.calls.length, 2)
})

t.test('a channel of which nothing settles for a timeout is stuck', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 2)
  bench.produce('y', 1, 2)
  bench.delivery.open()
  bench.delivery.release(2)
  const [, , first, second] = bench.calls
  await bench.clock.run(900)
  first?.resolve()
  await bench.clock.run(1_600)
  t.strictSame(bench.stuck, [false], 'x is, y has delivered a moment ago')
  second?.reject(new Error('refused'))
  await bench.clock.run(1_700)
  t.strictSame(bench.stuck, [false], 'a refusal is an end, too')
  await bench.clock.run(2_600)
  t.strictSame(bench.stuck, [false, false], 'tried again, x is stuck again')
  for (const call of bench.calls) call.resolve()
  bench.produce('y', 3, 3)
  bench.delivery.release(3)
  await bench.clock.run(4_200)
  t.strictSame(bench.stuck, [false, false, true], 'y has delivered in this reign')
})

t.test('forgotten, late results mean nothing', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 2)
  bench.delivery.open()
  bench.delivery.release(2)
  bench.delivery.clear()
  t.equal(bench.delivery.pendingCount, 0)
  bench.calls[0]?.resolve()
  bench.calls[1]?.reject(new Error('late'))
  await bench.clock.run(2_000)
  t.strictSame(bench.sent, [])
  t.strictSame(bench.faults, [])
  t.equal(bench.calls.length, 2, 'and nothing is tried again')
})

t.test('forgotten while a retry waits, it is not made', async (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 1)
  bench.delivery.open()
  bench.delivery.release(1)
  bench.calls[0]?.reject(new Error('refused'))
  await bench.clock.run(1)
  bench.delivery.clear()
  await bench.clock.run(100)
  t.equal(bench.calls.length, 1)
})

t.test('what is pending can be listed for a load', (t) => {
  const bench = new Bench()
  bench.produce('x', 1, 3, true)
  const channel = bench.channels.open('x')
  const none = bench.channels.open('none')
  if (channel === undefined || none === undefined) throw new Error('no channel')
  t.strictSame(
    bench.delivery.pending(channel).map(({ number, frameNo }) => [number, frameNo]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
  )
  t.strictSame(bench.delivery.pending(none), [])
  bench.delivery.open()
  bench.delivery.release(3)
  t.equal(bench.calls[0]?.output.isRepeat, true, 'in doubt: marked from the first')
  t.end()
})

/** Five outputs of x that a former primary may have begun, three of them to be asked about. */
function inDoubt(): Bench {
  const bench = new Bench(8)
  bench.produce('x', 1, 5, true)
  const channel = bench.channels.open('x')
  if (channel === undefined) throw new Error('no channel')
  bench.delivery.askFor(channel, 3)
  return bench
}

t.test('what the receiver has is not sent again, what it has not is, in order', async (t) => {
  const bench = inDoubt()
  const asked: number[] = []
  bench.wasReceived = ({ number, isRepeat }) => {
    t.ok(isRepeat)
    asked.push(number)
    return Promise.resolve(number !== 2)
  }
  bench.delivery.release(5)
  t.strictSame(asked, [], 'nobody is asked behind a shut gate')
  bench.delivery.open()
  t.strictSame(asked, [1, 2, 3], 'all at once')
  t.strictSame(bench.begun, [], 'and nothing leaves before the answers')
  await bench.clock.run(1)
  t.strictSame(bench.sent, ['x 1'])
  t.strictSame(bench.begun, ['x 2', 'x 4', 'x 5'])
  for (const call of bench.calls) call.resolve()
  await bench.clock.run(2)
  t.strictSame(bench.sent, ['x 1', 'x 2', 'x 3', 'x 4', 'x 5'])
  t.strictSame(bench.faults, [])
})

t.test('a receiver that does not answer in time has nothing', async (t) => {
  const bench = inDoubt()
  bench.wasReceived = ({ number }) =>
    number === 1 ? Promise.resolve(true) : new Promise<boolean>(() => {})
  bench.delivery.open()
  bench.delivery.release(5)
  await bench.clock.run(499)
  t.strictSame(bench.begun, [])
  await bench.clock.run(501)
  t.strictSame(bench.begun, ['x 2', 'x 3', 'x 4', 'x 5'])
  t.match(bench.faults, [{ code: 'ERR_HOTPAIR_DELIVER', message: /asked.*within 500 ms/ }])
})

t.test('an asking that fails, a late answer and a strange one are no yes', async (t) => {
  const bench = inDoubt()
  let late: (isReceived: boolean) => void = () => {}
  bench.wasReceived = ({ number }) => {
    if (number === 1) throw new Error('no such table')
    if (number === 3) return Object('yes')
    return new Promise((resolve) => {
      late = resolve
    })
  }
  bench.delivery.open()
  bench.delivery.release(5)
  await bench.clock.run(501)
  t.equal(bench.begun.length, 5)
  late(true)
  await bench.clock.run(510)
  t.strictSame(bench.sent, [], 'what was sent again waits for its own end')
  t.match(bench.faults, [{ message: /no such table|within 500 ms/ }])
})

t.test('forgotten while it asks, nothing comes of the answers', async (t) => {
  const bench = inDoubt()
  bench.wasReceived = () => Promise.resolve(true)
  bench.delivery.open()
  bench.delivery.release(5)
  bench.delivery.clear()
  await bench.clock.run(2_000)
  t.strictSame([bench.begun, bench.sent, bench.faults], [[], [], []])
})
