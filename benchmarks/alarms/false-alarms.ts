/**
 * `false-alarms`: takeovers that nobody asked for, on a machine without mercy.
 *
 * Window 30 ms; both processors burn; the event loop of each member is blocked for 200 ms about
 * once a second, and filled with garbage as often. Nothing is harmed, so every verdict and every
 * takeover is a false one. The pair that most would write by hand stands beside it for a while,
 * under the same load.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../support/child.js'
import type { Benchmark, Findings, Row, Scale } from '../support/findings.js'
import { twoProcessors } from '../support/machine.js'
import { HandRolledPair } from '../takeover/hand-rolled-pair.js'
import { HotpairPair } from '../takeover/hotpair-pair.js'
import { World } from '../takeover/world.js'

const usualSeconds = 120
const quickSeconds = 4
/** The hand-rolled pair shows what it does in a minute. */
const mostPeerSeconds = 60

const settings = { heartbeatMs: 10, windowMs: 30 }
const what = 'window 30 ms, both processors busy, 200 ms blocks, garbage'
const blockMs = 200
const betweenMs = 800

const hogProgram = new URL('./hog.js', import.meta.url)

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const seconds = scale.seconds ?? (scale.isQuick ? quickSeconds : usualSeconds)
  const hogs: Child[] = []
  const world = new World()
  const port = await world.listen()
  try {
    for (const processor of new Set(twoProcessors())) {
      const hog = await Child.start(hogProgram, { processor })
      hogs.push(hog)
      hog.ask('burn').catch(() => {})
    }
    const peerSeconds = Math.min(seconds, mostPeerSeconds)
    const peer = await harassHandRolled(port, peerSeconds, signal)
    const { takeovers, verdicts } = await harassHotpair(world, port, { seconds, signal })
    const rows = [
      countRow('hotpair: takeovers', takeovers, seconds),
      countRow('hotpair: verdicts', sumOf(verdicts.values()), seconds),
      countRow('hand-rolled pair: takeovers', peer, peerSeconds),
    ]
    const words = [...verdicts].map(([name, count]) => `${name} ${count}`)
    return {
      rows,
      aims: [
        {
          what: `takeovers in ${seconds} s`,
          figure: takeovers,
          aim: 'none',
          isMet: takeovers === 0,
        },
      ],
      skipped: [],
      notes: [
        'n is the seconds that it lasted; the hand-rolled pair is put together again after each.',
        ...(words.length > 0 ? [`Verdicts: ${words.join(', ')}.`] : []),
      ],
    }
  } finally {
    world.close()
    await Promise.all(hogs.map((hog) => hog.end()))
  }
}

async function harassHotpair(
  world: World,
  port: number,
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<{ readonly takeovers: number; readonly verdicts: ReadonlyMap<string, number> }> {
  world.feed(true)
  const pair = await HotpairPair.open(world, port, settings)
  try {
    const until = performance.now() + seconds * 1000
    await Promise.all(pair.sides.map(({ child }) => harass(child, until, signal)))
    return { takeovers: pair.takeovers, verdicts: pair.verdicts }
  } finally {
    await pair.end()
    world.feed(false)
  }
}

/** The number of takeovers; each ends the pair, so it is opened anew. */
async function harassHandRolled(
  port: number,
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  const until = performance.now() + seconds * 1000
  let takeovers = 0
  while (performance.now() < until) {
    const pair = await HandRolledPair.open(port, { ...settings, isBare: false })
    const over = new AbortController()
    try {
      const children = pair.sides.map(({ child }) => child)
      const end = AbortSignal.any([signal, over.signal])
      const harassing = children.map((child) => harass(child, until, end).catch(() => {}))
      while (performance.now() < until && pair.takeovers === 0) {
        signal.throwIfAborted()
        await sleep(20)
      }
      over.abort()
      await Promise.all(harassing)
      takeovers += pair.takeovers
    } finally {
      await pair.end()
    }
  }
  return takeovers
}

// Blocks of the loop and storms of garbage, until it is time; each member has its own rhythm.
async function harass(child: Child, until: number, signal: AbortSignal): Promise<void> {
  while (performance.now() < until) {
    await sleep(Math.random() * betweenMs, undefined, { signal })
    await child.ask('litter')
    await sleep((Math.random() * betweenMs) / 2, undefined, { signal })
    await child.ask('block', blockMs)
  }
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0
  for (const count of counts) sum += count
  return sum
}

function countRow(subject: string, count: number, seconds: number): Row {
  const n = Math.round(seconds)
  return { subject, case: what, unit: 'count', n, p50: count, p99: undefined, max: count, min: 0 }
}

export const falseAlarms: Benchmark = {
  name: 'false-alarms',
  what: 'takeovers that nobody asked for, on a busy machine, at a window of 30 ms',
  run,
}
