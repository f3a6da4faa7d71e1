/**
 * `switchover`: the silence at the receiver when the members change places as planned, back and
 * forth, at 5,000 inputs a second with an output each.
 *
 * A value is the longest time between two outputs from the call until the other member's outputs
 * flow; about a millisecond of it is the source's own, which sends every millisecond.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Benchmark, countOf, type Findings, type Scale } from '../support/findings.js'
import { pin, twoProcessors, unpin } from '../support/machine.js'
import { summarize } from '../support/statistics.js'
import { HotpairPair } from '../takeover/hotpair-pair.js'
import { World } from '../takeover/world.js'

const usualCount = 1_000
/** Until the outputs of the other member have flowed for a while. */
const settleMs = 6
const limitMs = 5_000
/** Switchovers that may end as they began, on a machine too busy to drain in time. */
const mostRolledBack = 3

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const world = new World()
  const port = await world.listen()
  const [, far] = twoProcessors()
  pin(process.pid, far)
  let pair: HotpairPair | undefined
  try {
    world.feed(true)
    pair = await HotpairPair.open(world, port, {})
    pair.pin()
    return await measure(pair, world, { count: countOf(scale, usualCount, 4), signal })
  } finally {
    await pair?.end()
    world.close()
    unpin(process.pid)
  }
}

async function measure(
  pair: HotpairPair,
  world: World,
  { count, signal }: { readonly count: number; readonly signal: AbortSignal },
): Promise<Findings> {
  const silences: number[] = []
  const usual: number[] = []
  const took: number[] = []
  let rolledBack = 0
  while (silences.length < count) {
    signal.throwIfAborted()
    await pair.untilPaired()
    await sleep(settleMs)
    usual.push(world.takeLongestSilence())
    const former = world.newest.epoch
    const { standby } = pair
    const began = await pair.switchover().catch((error) => {
      rolledBack += 1
      if (rolledBack > mostRolledBack) throw error
      return undefined
    })
    if (began === undefined) continue
    await world.until(() => world.newest.epoch > former, 'an output of the new epoch', limitMs)
    took.push(world.newest.at - began)
    await sleep(settleMs)
    silences.push(world.takeLongestSilence())
    await pair.untilRuledBy(standby)
  }
  const silence = summarize(silences)
  const rowOf = (subject: string, values: readonly number[]) => {
    return { subject, case: 'back and forth', unit: 'ms', ...summarize(values) } as const
  }
  const figure = silence.p99 ?? silence.max
  const named = silence.p99 === undefined ? 'max' : 'p99'
  return {
    rows: [
      rowOf('hotpair: longest silence', silences),
      rowOf('without a switchover', usual),
      rowOf('hotpair: call to first output', took),
    ],
    aims: [{ what: `silence ${named}, ms`, figure, aim: '< 2', isMet: figure < 2 }],
    skipped: [],
    notes: [
      'Without a switchover: the same stretch of the stream before each.',
      ...(rolledBack > 0 ? [`${rolledBack} were rolled back at their deadline.`] : []),
    ],
  }
}

export const switchover: Benchmark = {
  name: 'switchover',
  what: 'silence at the receiver when the members change places as planned',
  run,
}
