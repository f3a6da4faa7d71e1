/**
 * The statistics of the beats, read from behind the beat board.
 *
 * The beat thread only ever raises them, so each is read by itself and a span of time is the
 * difference of two looks. Pure but for the loads.
 */

import type {
  BeatStatistics,
  Histogram,
  LinkStatistics,
  PathStatistics,
} from '../runtime/ports-beats.js'
import type { Facts } from './binding.js'

type Buckets = Histogram['buckets']

const nanosPerMilli = 1e6
const microsPerMilli = 1e3

/** A copy of what stands in `board` of the first `links` links. */
export function readStatistics(
  board: ArrayBufferLike,
  facts: Facts,
  links: number,
): BeatStatistics {
  const words = new BigInt64Array(board)
  const layout = facts.beatStatistics
  const at = (offset: number) =>
    Number(Atomics.load(words, offset / BigInt64Array.BYTES_PER_ELEMENT))
  const histogram = (offset: number): Histogram => {
    const buckets: { belowMs: number; count: number }[] = []
    for (let index = 0; index < layout.bucketCount; index++) {
      const count = at(offset + layout.buckets + index * BigInt64Array.BYTES_PER_ELEMENT)
      if (count > 0) buckets.push({ belowMs: upperBoundMs(index, layout), count })
    }
    return histogramOf(buckets, at(offset + layout.longest) / nanosPerMilli)
  }
  const path = (offset: number): PathStatistics => ({
    sent: at(offset + layout.sent),
    heard: at(offset + layout.heard),
    lost: at(offset + layout.lost),
    late: at(offset + layout.late),
    jitter: histogram(offset + layout.jitter),
  })
  return {
    isRealtime: at(facts.board.statistics + layout.realtime) !== 0,
    links: Array.from({ length: links }, (_, index) => {
      const offset = facts.board.statistics + index * layout.linkBytes
      return {
        udp: path(offset + layout.udp),
        tcp: path(offset + layout.tcp),
        roundTrip: histogram(offset + layout.roundTrip),
      }
    }),
  }
}

/** What two places that have sent the beats of the same links one after the other have counted. */
export function together(former: BeatStatistics, present: BeatStatistics): BeatStatistics {
  const count = Math.max(former.links.length, present.links.length)
  return {
    isRealtime: present.isRealtime,
    links: Array.from({ length: count }, (_, index) => {
      const one = former.links[index] ?? none
      const other = present.links[index] ?? none
      return {
        udp: pathTogether(one.udp, other.udp),
        tcp: pathTogether(one.tcp, other.tcp),
        roundTrip: histogramTogether(one.roundTrip, other.roundTrip),
      }
    }),
  }
}

const nothing: Histogram = histogramOf([], 0)
const noBeats: PathStatistics = { sent: 0, heard: 0, lost: 0, late: 0, jitter: nothing }
const none: LinkStatistics = { udp: noBeats, tcp: noBeats, roundTrip: nothing }

function pathTogether(one: PathStatistics, other: PathStatistics): PathStatistics {
  return {
    sent: one.sent + other.sent,
    heard: one.heard + other.heard,
    lost: one.lost + other.lost,
    late: one.late + other.late,
    jitter: histogramTogether(one.jitter, other.jitter),
  }
}

function histogramTogether(one: Histogram, other: Histogram): Histogram {
  const counts = new Map<number, number>()
  for (const { belowMs, count } of [...one.buckets, ...other.buckets]) {
    counts.set(belowMs, count + (counts.get(belowMs) ?? 0))
  }
  const buckets = [...counts]
    .map(([belowMs, count]) => ({ belowMs, count }))
    .sort((left, right) => left.belowMs - right.belowMs)
  return histogramOf(buckets, Math.max(one.maxMs, other.maxMs))
}

/** What came between two looks at the same links. */
export function between(earlier: BeatStatistics, later: BeatStatistics): BeatStatistics {
  return {
    isRealtime: later.isRealtime,
    links: later.links.map((link, index) => {
      const before = earlier.links[index]
      return before === undefined ? link : linkBetween(before, link)
    }),
  }
}

function linkBetween(earlier: LinkStatistics, later: LinkStatistics): LinkStatistics {
  return {
    udp: pathBetween(earlier.udp, later.udp),
    tcp: pathBetween(earlier.tcp, later.tcp),
    roundTrip: histogramBetween(earlier.roundTrip, later.roundTrip),
  }
}

function pathBetween(earlier: PathStatistics, later: PathStatistics): PathStatistics {
  return {
    sent: later.sent - earlier.sent,
    heard: later.heard - earlier.heard,
    // One that was only overtaken is taken back when it comes.
    lost: Math.max(0, later.lost - earlier.lost),
    late: later.late - earlier.late,
    jitter: histogramBetween(earlier.jitter, later.jitter),
  }
}

function histogramBetween(earlier: Histogram, later: Histogram): Histogram {
  const before = new Map(earlier.buckets.map(({ belowMs, count }) => [belowMs, count]))
  const buckets = later.buckets
    .map(({ belowMs, count }) => ({ belowMs, count: count - (before.get(belowMs) ?? 0) }))
    .filter(({ count }) => count > 0)
  // The longest of all is that of the span if the span has it; else its bucket must do.
  const top = buckets.at(-1)?.belowMs ?? 0
  return histogramOf(buckets, Math.min(later.maxMs, top))
}

function histogramOf(buckets: Buckets, maxMs: number): Histogram {
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
  const quantile = (share: number): number => {
    let left = Math.ceil(share * count)
    for (const bucket of buckets) {
      left -= bucket.count
      if (left <= 0) return Math.min(bucket.belowMs, maxMs)
    }
    return maxMs
  }
  return {
    count,
    p50Ms: count === 0 ? 0 : quantile(0.5),
    p99Ms: count === 0 ? 0 : quantile(0.99),
    p999Ms: count === 0 ? 0 : quantile(0.999),
    maxMs: count === 0 ? 0 : maxMs,
    buckets,
  }
}

/** The least number of milliseconds that is too long for bucket `index`. */
export function upperBoundMs(
  index: number,
  { linear, perDoubling }: Pick<Facts['beatStatistics'], 'linear' | 'perDoubling'>,
): number {
  if (index < linear) return (index + 1) / microsPerMilli
  const doubling = Math.floor((index - linear) / perDoubling)
  const within = (index - linear) % perDoubling
  const width = (linear / perDoubling) * 2 ** doubling
  return (linear * 2 ** doubling + (within + 1) * width) / microsPerMilli
}
