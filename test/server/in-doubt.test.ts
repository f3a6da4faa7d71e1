/**
 * What a takeover does with the outputs that the former primary may have sent, by the policy of
 * each channel, over the reference outbox.
 */

import t from 'tap'
import type { InDoubtPolicy } from '#lib/options.js'
import type { PeerMarks } from '#lib/runtime/ports-beats.js'
import { Delivery } from '#lib/server/delivery.js'
import { LastWords, queuePending } from '#lib/server/in-doubt.js'
import { Ledger } from '#lib/server/ledger.js'
import { openReferenceOutbox } from '#lib/testing/reference-outbox.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { epochOf, historyId } from '#lib/units.js'

/**
 * A standby with five outputs of each of two channels, two of x noticed as sent, frames up to 8
 * acknowledged; what it lists, what it asks about, and what it sends when it takes over.
 */
async function takenOver(
  policies: Readonly<Record<string, InDoubtPolicy>>,
  marks?: Pick<PeerMarks, 'epoch' | 'lanes'>,
) {
  const ledger = new Ledger(openReferenceOutbox(1_048_576), 4)
  const clock = new VirtualClock()
  const begun: string[] = []
  const asked: string[] = []
  for (let frameNo = 1; frameNo <= 10; frameNo += 1) {
    const channel = frameNo % 2 === 1 ? 'x' : 'y'
    ledger.add(frameNo, [{ channel, data: Uint8Array.of(frameNo) }])
  }
  ledger.flush()
  const [x] = ledger.channels
  if (x === undefined) throw new Error('no channel')
  ledger.sent(x, 2)
  const delivery = new Delivery({
    pair: 'p',
    deliver: ({ channel, number, isRepeat, firstOfEpoch }) => {
      begun.push(`${channel} ${number}${isRepeat ? ' again' : ''} from ${firstOfEpoch}`)
    },
    wasReceived: ({ channel, number }) => {
      asked.push(`${channel} ${number}`)
      return number === 1
    },
    askTimeoutMs: 100,
    clock,
    inFlight: 3,
    timeoutMs: 1_000,
    isGateOpen: () => true,
    onSent: (channel, { number }) => ledger.sent(channel, number),
    onFault: (error) => t.fail(error.message),
    onStuck: () => t.fail('stuck'),
  })
  const lastWords = new LastWords()
  if (marks !== undefined) lastWords.tell({ incarnation: 1n, ...marks })
  const begunBefore = lastWords.take(ledger, epochOf(5))
  const bounds = { inFlight: 3, acked: 8, policies, begun: begunBefore }
  const listed = queuePending(ledger, delivery, bounds)
  ledger.channels.beginReign()
  delivery.reign(historyId('1'.repeat(32)), 7)
  delivery.open()
  delivery.release(10)
  await clock.run(200)
  const sent = [...ledger.channels].map((channel) => channel.sent)
  const inDoubt = listed.map(({ channel, number, policy }) => `${channel} ${number} ${policy}`)
  return { inDoubt, asked, begun, sent }
}

// x 5 is of frame 9, which was not acknowledged: it cannot have left. y 4 and 5 are more than
// inFlight past the last notice.
t.test('resend: all in doubt go again, marked; what was never released is new', async (t) => {
  t.strictSame(await takenOver({}), {
    inDoubt: ['x 3 resend', 'x 4 resend', 'y 1 resend', 'y 2 resend', 'y 3 resend'],
    asked: [],
    begun: [
      'x 3 again from 3',
      'x 4 again from 3',
      'x 5 from 3',
      'y 1 again from 1',
      'y 2 again from 1',
      'y 3 again from 1',
      'y 4 from 1',
      'y 5 from 1',
    ],
    sent: [5, 5],
  })
})

t.test(
  'drop: none in doubt goes again; the reign begins behind them, and lists them',
  async (t) => {
    const { inDoubt, begun, sent } = await takenOver({ y: 'drop' })
    t.strictSame(inDoubt.slice(2), ['y 1 drop', 'y 2 drop', 'y 3 drop'])
    t.strictSame(
      begun.filter((each) => each.startsWith('y')),
      ['y 4 from 4', 'y 5 from 4'],
    )
    t.strictSame(sent, [5, 5])
  },
)

t.test('ask: what the receiver has does not go again', async (t) => {
  const { inDoubt, asked, begun, sent } = await takenOver({ y: 'ask' })
  t.strictSame(inDoubt.slice(2), ['y 1 ask', 'y 2 ask', 'y 3 ask'])
  t.strictSame(asked, ['y 1', 'y 2', 'y 3'])
  t.strictSame(
    begun.filter((each) => each.startsWith('y')),
    ['y 2 again from 1', 'y 3 again from 1', 'y 4 from 1', 'y 5 from 1'],
  )
  t.strictSame(sent, [5, 5])
})

t.test('a channel is known by its own name only', async (t) => {
  const { inDoubt } = await takenOver(Object.create({ y: 'drop' }))
  t.ok(inDoubt.every((each) => each.endsWith('resend')))
})

t.test('the unit of the dead has told: in doubt is what was begun and not sent', async (t) => {
  const lanes = [
    { begun: 4, sent: 3 },
    { begun: 2, sent: 0 },
  ]
  const { inDoubt, begun, sent } = await takenOver({}, { epoch: 5, lanes })
  t.strictSame(inDoubt, ['x 4 resend', 'y 1 resend', 'y 2 resend'])
  t.strictSame(begun, [
    'x 4 again from 4',
    'x 5 from 4',
    'y 1 again from 1',
    'y 2 again from 1',
    'y 3 from 1',
    'y 4 from 1',
    'y 5 from 1',
  ])
  t.strictSame(sent, [5, 5])
})

t.test('of a channel that it does not name nothing was begun', async (t) => {
  const { inDoubt } = await takenOver({}, { epoch: 5, lanes: [{ begun: 2, sent: 2 }] })
  t.strictSame(inDoubt, [])
})

t.test('words of another reign, or of what nobody holds, are not believed', async (t) => {
  const lanes = [
    { begun: 5, sent: 5 },
    { begun: 5, sent: 5 },
  ]
  const usual = await takenOver({})
  t.strictSame(await takenOver({}, { epoch: 4, lanes }), usual)
  const beyond = lanes.map(() => ({ begun: 99, sent: 98 }))
  t.strictSame(await takenOver({}, { epoch: 5, lanes: beyond }), usual)
})
