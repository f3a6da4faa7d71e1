/**
 * Who rules when members die, sleep and come back: real processes, real signals, default timing.
 *
 * Behind each fault the stream behind the receiver's helper must be that of one uninterrupted
 * process. Bounds are those of docs/TIMING.md; the slack is for a machine that has other work.
 */

import t, { type Test } from 'tap'
import { Outside, type Party, windowMs } from './outside.js'

// A guard for the whole file, for whoever runs it without tap's own.
t.setTimeout(120_000)

/** What starving processes may add to a bound on a busy machine of two cores. */
const slackMs = 1_000

/** From `since` until the first output of a higher reign than `epoch` arrived. */
function silence(outside: Outside, since: number, epoch: number): number {
  const first = outside.arrivals.find(({ output, at }) => output.epoch > epoch && at >= since)
  return first === undefined ? Number.POSITIVE_INFINITY : first.at - since
}

function isPerfect(t: Test, outside: Outside): void {
  t.same(outside.handedOn, outside.expected, 'the stream is that of one uninterrupted process')
  t.same(outside.offences, [], 'no number was given twice')
}

function epochOf({ told }: Party): number {
  return Math.max(...told.map((event) => ('epoch' in event ? event.epoch : 0)))
}

t.test('both started at once: one rules, one stands by', async (t) => {
  const outside = await Outside.open(t)
  const parties = [outside.start('a'), outside.start('b')]
  outside.feed(100)
  const count = (role: string) => parties.filter((party) => party.role === role).length
  await outside.until(
    () => count('primary') === 1 && count('standby') === 1,
    'they share the roles',
  )
  await outside.feedThrough(100)
  isPerfect(t, outside)
  const begun = parties.flatMap((party) => party.all('role').map(({ cause }) => cause))
  t.equal(begun.filter((cause) => /draw-won|first-up/.test(cause)).length, 1, 'one has begun')
})

t.test('a standby is killed: the primary goes on alone, and pairs with the next', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const since = Date.now()
  const epoch = epochOf(primary)
  standby.child.kill('SIGKILL')
  outside.feed(50)
  await outside.until(() => primary.mode === 'solo', 'the primary goes on alone')
  await outside.untilAll()
  t.ok(silence(outside, since, epoch) < slackMs, `${silence(outside, since, epoch)} ms of silence`)
  t.equal(primary.last('verdict')?.verdict, 'process-gone')
  const next = outside.start('b')
  await outside.untilPaired(primary, next)
  await outside.feedThrough(50)
  isPerfect(t, outside)
})

t.test('a primary is killed: the standby takes over and says what it found', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const epoch = epochOf(primary)
  outside.feed(100)
  const since = Date.now()
  primary.child.kill('SIGKILL')
  outside.feed(100)
  await outside.until(() => standby.role === 'primary', 'the standby rules')
  await outside.untilAll()
  isPerfect(t, outside)
  t.ok(silence(outside, since, epoch) < slackMs, `${silence(outside, since, epoch)} ms of silence`)
  const takeover = standby.last('takeover')
  t.equal(takeover?.verdict, 'process-gone')
  t.equal(standby.last('role')?.cause, 'takeover')
  t.ok((takeover?.epoch ?? 0) > epoch, 'in a higher reign')
  const repeats = outside.arrivals.filter(({ verdict }) => verdict.type === 'known')
  const inDoubt = takeover?.inDoubt.map(({ number }) => number) ?? []
  const unlisted = repeats.filter(({ output: { number } }) => !inDoubt.includes(number))
  t.same(unlisted, [], 'what was said twice was listed as in doubt')
  const unmarked = repeats.filter(({ output }) => !output.isRepeat)
  t.same(unmarked, [], 'and is marked')
})

t.test('a primary is killed and started again inside the window', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  outside.feed(50)
  primary.child.kill('SIGKILL')
  const again = outside.start('a')
  outside.feed(50)
  await outside.untilPaired(standby, again)
  await outside.feedThrough(50)
  isPerfect(t, outside)
  standby.child.kill('SIGKILL')
  outside.feed(50)
  await outside.until(() => again.role === 'primary', 'the one that came back takes over in turn')
  await outside.untilAll()
  isPerfect(t, outside)
})

t.test('a primary is closed: the other rules at once, without a window', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  outside.feed(50)
  primary.send({ type: 'close' })
  outside.feed(50)
  await outside.until(() => standby.role === 'primary', 'the standby rules')
  await outside.untilAll()
  isPerfect(t, outside)
  t.equal(standby.last('takeover')?.verdict, 'renounced')
  t.same(standby.last('takeover')?.inDoubt, [], 'running deliveries were let settle')
  t.equal(await primary.ended, 'code 0', 'the closed process ends by itself')
  t.ok(primary.isClosed)
  t.same(primary.errors, [])
})

t.test('a standby is closed: the primary goes on at once', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  outside.feed(50)
  standby.send({ type: 'close' })
  outside.feed(50)
  await outside.until(() => primary.mode === 'solo', 'the primary goes on alone')
  await outside.untilAll()
  isPerfect(t, outside)
  t.same(primary.all('verdict'), [], 'by its word and not by a verdict')
  t.equal(await standby.ended, 'code 0')
})

t.test('a primary sleeps: the other takes over; woken, it yields and says nothing', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const epoch = epochOf(primary)
  outside.feed(50)
  const since = Date.now()
  primary.child.kill('SIGSTOP')
  outside.feed(50)
  await outside.until(() => standby.role === 'primary', 'the standby rules')
  await outside.untilAll()
  t.equal(standby.last('takeover')?.verdict, 'unreachable')
  const { silenceMs = 0 } = standby.last('verdict') ?? {}
  t.ok(silenceMs >= windowMs, `${silenceMs} ms of silence are no less than the window`)
  t.ok(silenceMs < windowMs + slackMs, `${silenceMs} ms of silence are hardly more`)
  t.ok(silence(outside, since, epoch) < windowMs + slackMs, 'and so was the silence outside')
  const heard = outside.arrivals.length
  primary.child.kill('SIGCONT')
  await outside.untilPaired(standby, primary)
  await outside.feedThrough(50)
  isPerfect(t, outside)
  const woken = outside.arrivals.slice(heard).filter(({ pid }) => pid === primary.pid)
  t.same(woken, [], 'nothing came from the one that slept')
  t.match(
    primary.all('role').map(({ role }) => role),
    ['primary', 'loading', 'standby'],
  )
})

t.test('a standby sleeps for longer than the window: it loads again and pairs', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  standby.child.kill('SIGSTOP')
  outside.feed(50)
  await outside.until(() => primary.mode === 'solo', 'the primary goes on alone')
  await outside.untilAll()
  t.equal(primary.last('verdict')?.verdict, 'unreachable')
  standby.child.kill('SIGCONT')
  await outside.untilPaired(primary, standby)
  await outside.feedThrough(50)
  isPerfect(t, outside)
  t.same(standby.all('takeover'), [], 'it never took over')
  t.equal(primary.last('verdict')?.verdict, 'alive')
  primary.child.kill('SIGKILL')
  outside.feed(50)
  await outside.until(() => standby.role === 'primary', 'it takes over in turn')
  await outside.untilAll()
  isPerfect(t, outside)
})

t.test('both are killed: a new history begins, and the receiver is told once', async (t) => {
  const outside = await Outside.open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const history = outside.arrivals[0]?.output.history
  const epoch = epochOf(primary)
  primary.child.kill('SIGKILL')
  standby.child.kill('SIGKILL')
  await Promise.all([primary.ended, standby.ended])
  outside.forgetState()
  outside.start('a')
  outside.start('b')
  await outside.feedThrough(50)
  isPerfect(t, outside)
  const told = outside.arrivals.filter(
    ({ verdict }) => verdict.type === 'new' && verdict.formerHistory !== undefined,
  )
  t.equal(told.length, 1, 'one output begins the new history')
  t.match(told[0]?.verdict, { type: 'new', formerHistory: history })
  t.equal(told[0]?.output.number, 1)
  t.ok((told[0]?.output.epoch ?? 0) > epoch, 'in a higher reign than any before')
})
