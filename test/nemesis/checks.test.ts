/**
 * The canaries of the nemesis: forged streams, each with one flaw, which its checks must find, and
 * streams without one, in which they must find nothing.
 */

import type { Envelope } from 'hotpair/receiver'
import t from 'tap'
import { GateCheck } from './gate-check.js'
import { StreamCheck } from './stream-check.js'

const expected = Array.from({ length: 100 }, (_, index) => `output ${index + 1}`)

interface Handed {
  readonly number: number
  readonly data: string
}

/** The stream of one uninterrupted process, after `forge` had its way. */
function checked(forge: (stream: Handed[]) => void): StreamCheck {
  const stream = expected.map((data, index) => ({ number: index + 1, data }))
  forge(stream)
  const check = new StreamCheck(expected.values())
  for (const { number, data } of stream) check.take(number, data)
  check.finish()
  return check
}

t.test('a stream as it should be has no flaw', async (t) => {
  const check = checked(() => {})
  t.same(check.flaws, [])
  t.equal(check.count, 100)
})

const canaries: readonly {
  readonly what: string
  readonly forge: (stream: Handed[]) => void
  readonly found: StreamCheck['flaws']
}[] = [
  {
    what: 'an output in the middle is lost',
    forge: (stream) => stream.splice(41, 1),
    found: [{ kind: 'lost', number: 42 }],
  },
  {
    what: 'the last output is lost',
    forge: (stream) => stream.pop(),
    found: [{ kind: 'lost', number: 100 }],
  },
  {
    what: 'the first output is lost',
    forge: (stream) => stream.shift(),
    found: [{ kind: 'lost', number: 1 }],
  },
  {
    what: 'an output comes twice in a row',
    forge: (stream) => stream.splice(41, 0, { number: 42, data: 'output 42' }),
    found: [{ kind: 'duplicated', number: 42 }],
  },
  {
    what: 'an output comes again much later',
    forge: (stream) => stream.push({ number: 42, data: 'output 42' }),
    found: [{ kind: 'duplicated', number: 42 }],
  },
  {
    what: 'two outputs change places',
    forge: (stream) => stream.splice(41, 2, { ...at(43) }, { ...at(42) }),
    found: [{ kind: 'reordered', number: 42 }],
  },
  {
    what: 'an output differs by one letter',
    forge: (stream) => stream.splice(41, 1, { number: 42, data: 'output 4Z' }),
    found: [{ kind: 'differs', number: 42 }],
  },
  {
    what: 'two outputs have changed numbers',
    forge: (stream) =>
      stream.splice(41, 2, { number: 42, data: 'output 43' }, { number: 43, data: 'output 42' }),
    found: [
      { kind: 'differs', number: 42 },
      { kind: 'differs', number: 43 },
    ],
  },
  {
    what: 'an output late and with other bytes',
    forge: (stream) => stream.splice(41, 2, at(43), { number: 42, data: '' }),
    found: [
      { kind: 'reordered', number: 42 },
      { kind: 'differs', number: 42 },
    ],
  },
  {
    what: 'an output too many',
    forge: (stream) => stream.push({ number: 101, data: 'output 101' }),
    found: [{ kind: 'differs', number: 101 }],
  },
]

function at(number: number): Handed {
  return { number, data: `output ${number}` }
}

for (const { what, forge, found } of canaries) {
  t.test(`it is found that ${what}`, async (t) => t.same(checked(forge).flaws, found))
}

/** Output `number` as it arrives in reign `epoch`, which began with `firstOfEpoch`. */
function arrival(epoch: number, number: number, firstOfEpoch: number, digest = number): Envelope {
  const identity = { pair: 'p', history: 'f'.repeat(32), channel: 'c' }
  return { ...identity, epoch, number, firstOfEpoch, digest, data: new Uint8Array() }
}

/** Epoch 1 has sent up to 10; b has taken over as epoch 2, with 9 noticed last and 10 in doubt. */
function afterTakeover(): GateCheck {
  const check = new GateCheck()
  for (let number = 1; number <= 9; number++) check.onArrival(arrival(1, number, 1), true)
  check.onTakeover(2, [{ channel: 'c', number: 10 }])
  check.onArrival(arrival(2, 10, 10), true)
  check.onArrival(arrival(2, 11, 10), true)
  return check
}

t.test('what comes late is no second gate, if it was noticed or is in doubt', async (t) => {
  const check = afterTakeover()
  check.onArrival(arrival(1, 9, 1), false)
  check.onArrival(arrival(1, 10, 1), false)
  check.judge()
  t.same(check.offences, [])
})

t.test('the same member may go on in a reign of its own', async (t) => {
  const check = afterTakeover()
  check.onArrival(arrival(4, 12, 12), true)
  check.onArrival(arrival(2, 12, 10), false)
  check.judge()
  t.same(check.offences, [])
})

t.test('an output that the new primary does not know of is a second gate', async (t) => {
  const check = afterTakeover()
  check.onArrival(arrival(1, 11, 1), false)
  check.judge()
  t.same(check.offences, [
    'c 11 of epoch 1 came after epoch 2 had begun, neither noticed nor in doubt',
  ])
})

t.test('a takeover that is told after the output came late counts all the same', async (t) => {
  const check = new GateCheck()
  check.onArrival(arrival(1, 1, 1), true)
  check.onArrival(arrival(2, 2, 2), true)
  check.onArrival(arrival(1, 2, 1), false)
  check.onTakeover(2, [{ channel: 'c', number: 2 }])
  check.judge()
  t.same(check.offences, [])
})

t.test('other bytes under a number are a second gate, in doubt or not', async (t) => {
  const check = afterTakeover()
  check.onArrival(arrival(1, 10, 1, 4711), false)
  check.judge()
  t.same(check.offences, ['c 10 of epoch 1 has other bytes'])
})

t.test('while no link was whole nobody promises one sender', async (t) => {
  const check = afterTakeover()
  check.onArrival(arrival(1, 11, 1), false)
  check.judge(true)
  check.judge()
  t.same(check.offences, [])
})
