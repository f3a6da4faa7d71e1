/**
 * The statistics of the beats as JavaScript sees them: copies that only grow, spans by difference,
 * and bounds of buckets that are those of the addon.
 */

import t from 'tap'
import { between, together, upperBoundMs } from '#lib/native/beat-statistics.js'
import { type Heartbeat, openHeartbeat } from '#lib/native/heartbeat.js'
import { loadBinding } from '#lib/native/load.js'
import type { BeatStatistics, Histogram, PathStatistics } from '#lib/runtime/ports-beats.js'
import { eventually, freePort, heartbeatOptions, intervalMicros } from './beat-options.js'

const facts = loadBinding().facts.beatStatistics

function histogram(...buckets: (readonly [belowMs: number, count: number])[]): Histogram {
  return {
    count: buckets.reduce((sum, [, count]) => sum + count, 0),
    p50Ms: 0,
    p99Ms: 0,
    p999Ms: 0,
    maxMs: (buckets.at(-1)?.[0] ?? 0) * 0.99,
    buckets: buckets.map(([belowMs, count]) => ({ belowMs, count })),
  }
}

function statistics(heard: number, lost: number, times: Histogram): BeatStatistics {
  const path: PathStatistics = { sent: heard, heard, lost, late: 0, jitter: times }
  return { isRealtime: false, links: [{ udp: path, tcp: path, roundTrip: times }] }
}

t.test('buckets are whole microseconds, then eight a doubling, up to 16.8 s', async (t) => {
  t.equal(upperBoundMs(0, facts), 0.001)
  t.equal(upperBoundMs(15, facts), 0.016)
  t.equal(upperBoundMs(16, facts), 0.018)
  t.equal(upperBoundMs(23, facts), 0.032)
  t.equal(upperBoundMs(24, facts), 0.036)
  t.equal(upperBoundMs(facts.bucketCount - 1, facts), 2 ** 24 / 1000)
  for (let index = 1; index < facts.bucketCount; index++) {
    const [lower, upper] = [upperBoundMs(index - 1, facts), upperBoundMs(index, facts)]
    t.ok(upper > lower && (upper - lower <= 0.001 || upper <= lower * 1.126), `bucket ${index}`)
  }
})

t.test('a span of time is the difference of two looks', async (t) => {
  const before = statistics(100, 3, histogram([1, 50], [2, 49], [512, 1]))
  const after = statistics(300, 5, histogram([1, 50], [2, 247], [4, 2], [512, 1]))
  const [link] = between(before, after).links
  t.match(link?.udp, { sent: 200, heard: 200, lost: 2 })
  t.match(link?.roundTrip, { count: 200, p50Ms: 2, p99Ms: 2, p999Ms: 4, maxMs: 4 })
  t.strictSame(link?.roundTrip.buckets, [
    { belowMs: 2, count: 198 },
    { belowMs: 4, count: 2 },
  ])
  const [nothing] = between(after, after).links
  t.match(nothing?.roundTrip, { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0, buckets: [] })
  t.strictSame(between({ isRealtime: false, links: [] }, after), after)
})

t.test('two places count together as one that had sent all', async (t) => {
  const former = statistics(100, 3, histogram([1, 50], [512, 1]))
  const present = statistics(40, 1, histogram([1, 30], [4, 9]))
  const all = together(former, present)
  const [link] = all.links
  t.match(link?.udp, { sent: 140, heard: 140, lost: 4, late: 0 })
  t.match(link?.tcp, { sent: 140 })
  t.match(link?.roundTrip, { count: 90, p50Ms: 1, p99Ms: 512 * 0.99, maxMs: 512 * 0.99 })
  t.strictSame(link?.roundTrip.buckets, [
    { belowMs: 1, count: 80 },
    { belowMs: 4, count: 9 },
    { belowMs: 512, count: 1 },
  ])
  t.strictSame(
    between(former, all).links[0]?.udp.jitter.buckets,
    present.links[0]?.udp.jitter.buckets,
  )
  const none: BeatStatistics = { isRealtime: true, links: [] }
  t.match(together(none, present).links[0]?.udp, { sent: 40 })
  t.match(together(former, none), { isRealtime: true, links: [{ udp: { sent: 100 } }] })
})

t.test('two members count what they sent and heard of each other', async (t) => {
  const [portA, portB] = [await freePort(), await freePort()]
  const open = (...options: Parameters<typeof heartbeatOptions>): Heartbeat => {
    const beats = openHeartbeat(heartbeatOptions(...options), () => undefined)
    t.teardown(() => beats.close())
    beats.announce(new Uint8Array(128))
    return beats
  }
  const a = open('a', portA, portB)
  const b = open('b', portB, portA)
  await eventually('30 beats by TCP', () => (b.statistics().links[0]?.tcp.heard ?? 0) >= 30)
  const early = b.statistics()
  t.equal(early.links.length, 1)
  const heardOfB = () => a.statistics().links[0]?.udp.heard ?? 0
  const heard = heardOfB()
  await eventually('30 beats by UDP', () => heardOfB() >= heard + 30)
  const [link] = b.statistics().links
  const [later] = b.statistics(early).links
  if (link === undefined || later === undefined) throw new Error('there is one link')
  for (const path of [link.udp, link.tcp]) {
    t.ok(path.heard >= 30 && path.sent >= 30)
    t.equal(path.lost, 0, 'loopback loses nothing')
    t.ok(path.jitter.count > 0 && path.jitter.count < path.heard)
    t.ok(path.jitter.p50Ms < intervalMicros / 1_000, `p50 of jitter is ${path.jitter.p50Ms} ms`)
    t.ok(path.jitter.p50Ms <= path.jitter.p99Ms && path.jitter.p99Ms <= path.jitter.p999Ms)
    t.ok(path.jitter.p999Ms <= path.jitter.maxMs)
  }
  t.ok(link.roundTrip.count >= 30 && link.roundTrip.maxMs > 0)
  t.ok(later.udp.heard > 0 && later.udp.heard < link.udp.heard, 'a span has fewer than all')
  t.ok(later.roundTrip.count < link.roundTrip.count)
  t.comment(
    `round trip p50 ${link.roundTrip.p50Ms} ms, p99 ${link.roundTrip.p99Ms} ms; ` +
      `jitter by UDP p50 ${link.udp.jitter.p50Ms} ms, p99 ${link.udp.jitter.p99Ms} ms`,
  )
  b.close()
  t.ok(b.statistics().links[0]?.udp.heard, 'the last look stays')
})
