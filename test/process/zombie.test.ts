/**
 * A returning zombie sends nothing: a primary is stopped until the other has taken over, and woken.
 *
 * The hardest timing that the options allow for beats of 10 ms: a window of 30 ms, so that hardly
 * anything lies between the last output of the old reign and the first of the new one. What is
 * checked of each output that comes from the woken process under its old reign:
 *
 * - it was begun before the process was stopped: nothing is begun after it was woken, but for the
 *   one whose gate had been asked when the signal came and whose `deliver` had not been entered;
 * - it is one that the takeover has listed as in doubt;
 * - it has the same bytes as the one that the other member gave under its number, and the
 *   receiver's helper hands it on to nobody: it is known, or stale.
 *
 * And of the whole: the stream is that of one uninterrupted process. `ZOMBIE_ROUNDS` is how often.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createRandom } from '../../examples/demo/random.js'
import { type Arrival, Outside, type Party } from './outside.js'

const { ZOMBIE_ROUNDS = '200', ZOMBIE_SEED = '1' } = process.env
const rounds = Number(ZOMBIE_ROUNDS)
const random = createRandom(Number(ZOMBIE_SEED))

t.setTimeout(60_000 + rounds * 1_000)

/** Long enough for the gate to have closed for good, short enough to meet the takeover itself. */
const asleepMs = [0, 60] as const

interface Counts {
  fenced: number
  late: number
  begunAwake: number
}

// One round: stops the primary amid its work, wakes it when the other rules, and pairs them again.
// Undefined: on this machine the other's beat thread stood still as well, for longer than its gate.
// Then it rightly rules not (docs/PROTOCOL.md#8), and there is no zombie: the first one goes on.
async function haunt(
  outside: Outside,
  zombie: Party,
  other: Party,
): Promise<Arrival[] | undefined> {
  const epoch = Math.max(...zombie.all('role').map((event) => event.epoch))
  const takeovers = other.all('takeover').length
  outside.feed(20)
  await sleep(random.between(0, 4))
  zombie.child.kill('SIGSTOP')
  outside.feed(20)
  const hasTakenOver = () => other.all('takeover').length > takeovers
  await outside.until(() => hasTakenOver() || other.role === 'fenced', 'the other has taken over')
  await sleep(random.between(...asleepMs))
  const since = outside.arrivals.length
  const wokenAt = Date.now()
  zombie.child.kill('SIGCONT')
  outside.feed(20)
  if (!hasTakenOver()) {
    await outside.untilPaired(zombie, other)
    return undefined
  }
  await outside.untilPaired(other, zombie)
  await outside.untilAll()
  const words = outside.arrivals.slice(since)
  return words
    .filter(({ pid, output }) => pid === zombie.pid && output.epoch <= epoch)
    .map((arrival) => ({
      ...arrival,
      at: arrival.at - wokenAt,
      begunAt: arrival.begunAt - wokenAt,
    }))
}

t.test(`${rounds} times, at beats of 10 ms and a window of 30 ms`, async (t) => {
  const outside = await Outside.open(t, { heartbeatMs: 10, windowMs: 30 })
  let { primary: zombie, standby: other } = await outside.startPair()
  await outside.feedThrough(50)
  const counts: Counts = { fenced: 0, late: 0, begunAwake: 0 }
  for (let round = 1; round <= rounds; round++) {
    const words = await haunt(outside, zombie, other)
    if (words === undefined) {
      counts.fenced += 1
      round -= 1
      if (counts.fenced > rounds / 4) throw new Error('this machine is too busy for 30 ms')
      continue
    }
    const doubted = new Set(other.last('takeover')?.inDoubt.map(({ number }) => number))
    const awake = words.filter(({ begunAt }) => begunAt >= 0)
    const unlisted = words.filter(({ output }) => !doubted.has(output.number))
    const fresh = words.filter(
      ({ verdict, output: { number, data } }) =>
        !['known', 'stale'].includes(verdict.type) ||
        Buffer.from(data).toString() !== outside.expected[number - 1],
    )
    counts.late += words.length
    counts.begunAwake += awake.length
    if (awake.length > 1) t.fail(`round ${round}: ${awake.length} outputs begun when woken`)
    if (unlisted.length > 0) t.fail(`round ${round}: not listed as in doubt`, { unlisted })
    if (fresh.length > 0) t.fail(`round ${round}: other than the stream`, { fresh })
    ;[zombie, other] = [other, zombie]
  }
  t.comment(`${rounds} rounds: ${JSON.stringify(counts)}`)
  t.ok(counts.begunAwake <= rounds / 20, `${counts.begunAwake} begun when woken`)
  t.same(outside.handedOn, outside.expected, 'the stream is that of one uninterrupted process')
  t.same(outside.offences, [], 'no number was given twice')
})
