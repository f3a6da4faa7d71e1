/**
 * Members that hang, crawl or are poisoned: real processes, default timing, docs/FAILURE-MODEL.md.
 *
 * After each fault the stream behind the receiver's helper must be that of one uninterrupted
 * process. Bounds are those of docs/TIMING.md; the slack is for a machine that has other work.
 */

import t, { type Test } from 'tap'
import { Outside, type Party, windowMs } from './outside.js'
import { poison } from './programs/messages.js'

t.setTimeout(120_000)

/** The default of `hangAfterMs` at this window; a quarter more is between two questions. */
const hangAfterMs = 500
const hungWithinMs = 1.25 * hangAfterMs
/** What starving processes may add to a bound on a busy machine of two cores. */
const slackMs = 1_000

/** Feeds an input every few milliseconds until `holds`; the longest time without an output. */
async function silenceUntil(outside: Outside, holds: () => boolean): Promise<number> {
  const since = Date.now()
  const begin = outside.arrivals.length
  const feeding = setInterval(() => outside.feed(3), 10)
  await outside.until(holds, 'the other goes on').finally(() => clearInterval(feeding))
  await outside.untilAll()
  const moments = [since, ...outside.arrivals.slice(begin).map(({ at }) => at)]
  return Math.max(...moments.map((at, index) => at - (moments[index - 1] ?? at)))
}

function isPerfect(t: Test, outside: Outside): void {
  t.same(outside.handedOn, outside.expected, 'the stream is that of one uninterrupted process')
  t.same(outside.offences, [], 'no number was given twice')
}

function epochOf({ told }: Party): number {
  return Math.max(...told.map((event) => ('epoch' in event ? event.epoch : 0)))
}

t.test('a primary hangs: it is made to renounce, and the other takes over', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  primary.send({ type: 'block', milliseconds: 3 * hangAfterMs })
  const tookMs = await silenceUntil(outside, () => standby.role === 'primary')
  t.ok(tookMs > 0.8 * hangAfterMs, `${tookMs} ms of silence are no less than hangAfterMs`)
  t.ok(tookMs < hungWithinMs + slackMs, `${tookMs} ms of silence are hardly more`)
  t.match(standby.last('takeover'), { verdict: 'hung', suspect: undefined })
  const heard = outside.arrivals.length
  await outside.untilPaired(standby, primary)
  const woken = outside.arrivals.slice(heard).filter(({ pid }) => pid === primary.pid)
  t.same(woken, [], 'nothing came from the one that hung')
  await outside.feedThrough(50)
  isPerfect(t, outside)
})

t.test('a standby hangs: the primary goes on alone, and pairs with it again', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  standby.send({ type: 'block', milliseconds: 3 * hangAfterMs })
  const tookMs = await silenceUntil(outside, () => primary.mode === 'solo')
  t.ok(tookMs < Math.max(windowMs, hangAfterMs) + 200 + slackMs, `${tookMs} ms of silence`)
  t.same(standby.all('takeover'), [], 'it never took over')
  await outside.untilPaired(primary, standby)
  await outside.feedThrough(50)
  isPerfect(t, outside)
})

t.test('a short block is no reason to act', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const before = [primary.told.length, standby.told.length]
  for (const party of [primary, standby]) {
    party.send({ type: 'block', milliseconds: hangAfterMs / 2 })
    await outside.feedThrough(50)
  }
  t.same([primary.told.length, standby.told.length], before, 'nobody has found anything')
  isPerfect(t, outside)
})

t.test('a program that takes 2 ms a frame is slow, and does not hang', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const before = [primary.told.length, standby.told.length]
  for (const party of [primary, standby]) party.send({ type: 'slow', milliseconds: 2 })
  await outside.feedThrough(1_000)
  t.same([primary.told.length, standby.told.length], before, 'nobody has found anything')
  isPerfect(t, outside)
})

t.test('a slow standby is let go before it holds too much, and comes back', async (t) => {
  const outside = await Outside.open(t, { limits: { lagFrames: 1_024 } })
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  standby.send({ type: 'slow', milliseconds: 2 })
  const since = Date.now()
  outside.feed(3_000)
  await outside.until(() => primary.mode === 'solo', 'the primary goes on alone')
  const bothTell = () => [primary, standby].every((party) => party.last('resync') !== undefined)
  await outside.until(bothTell, 'both tell of the resync')
  t.match(standby.last('resync'), { member: 'b', reason: 'lag' })
  t.match(primary.last('resync'), { member: 'b', reason: 'lag' })
  await outside.untilAll()
  const slowMs = 3_000 * 2
  t.ok(Date.now() - since < slowMs, 'the primary did not wait for all that the other could not do')
  standby.send({ type: 'slow', milliseconds: 0 })
  await outside.untilPaired(primary, standby)
  await outside.feedThrough(50)
  isPerfect(t, outside)
})

t.test('a poisoned frame is left out and listed, and the pair is whole again', async (t) => {
  const outside = await Outside.open(t, { onSuspect: 'skip' })
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  outside.feed(1, poison)
  outside.feed(50)
  await outside.until(() => standby.role === 'primary', 'the standby rules')
  await outside.untilAll()
  t.match(standby.last('takeover'), { verdict: 'hung', suspect: 51 })
  primary.child.kill('SIGKILL')
  const again = outside.start('a')
  await outside.untilPaired(standby, again)
  await outside.feedThrough(50)
  standby.child.kill('SIGKILL')
  outside.feed(50)
  await outside.until(() => again.role === 'primary', 'the one that came back takes over in turn')
  await outside.untilAll()
  t.equal(again.last('takeover')?.suspect, undefined, 'what was left out is suspect no more')
  isPerfect(t, outside)
})

// TLS hands a second write of one turn to the system after that turn: what the primary tries in the
// same turn has to be held by the standby all the same.
t.test('a poisoned frame amid a burst over TLS is left out', async (t) => {
  const outside = await Outside.open(t, { onSuspect: 'skip', secret: 'no secret to anybody' })
  const { standby } = await outside.startPair()
  await outside.feedThrough(50)
  outside.feed(1_000)
  outside.feed(1, poison)
  outside.feed(50)
  await outside.until(() => standby.role === 'primary', 'the standby rules')
  await outside.untilAll()
  t.match(standby.last('takeover'), { verdict: 'hung', suspect: 1_051 })
  isPerfect(t, outside)
})

t.test('a poisoned frame halts the other member, if that is the policy', async (t) => {
  const outside = await Outside.open(t, { onSuspect: 'halt' })
  const { standby } = await outside.startPair()
  await outside.feedThrough(50)
  outside.feed(1, poison)
  await outside.until(() => standby.role === 'fenced', 'the standby has stopped')
  t.match(standby.last('role'), { cause: 'suspect', verdict: 'hung' })
  await outside.until(() => standby.last('fault') !== undefined, 'and says why')
  t.match(standby.last('fault'), { code: 'ERR_HOTPAIR_SUSPECT', message: /frame 51/ })
  isPerfect(t, outside)
})

t.test('a planned switchover, there and back: nothing is in doubt or repeated', async (t) => {
  const outside = await Outside.open(t)
  let { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  for (let turn = 1; turn <= 4; turn += 1) {
    const epoch = epochOf(primary)
    outside.feed(50)
    primary.send({ type: 'switchover' })
    outside.feed(50)
    await outside.untilPaired(standby, primary)
    await outside.untilAll()
    t.match(primary.last('switchover'), { outcome: 'done' })
    t.ok(epochOf(standby) > epoch, 'in a higher reign')
    ;[primary, standby] = [standby, primary]
  }
  const others = outside.arrivals.filter(({ verdict }) => verdict.type !== 'new')
  t.same(others, [], 'every output arrived once')
  isPerfect(t, outside)
})
