/**
 * `beats`: how evenly beats leave while the event loop is blocked, and what one costs.
 *
 * Evenness is read off the kernel's stamps of the datagrams that a member sends to a peer that is
 * not there: each value is how far the time between two of them is from the interval. Cost is the
 * processor time of the beat thread of a pair, by its accounts in /proc, beside that of a bare C++
 * program which exchanges the same packets over the same two paths.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../support/child.js'
import type { Findings, Row, Scale } from '../support/findings.js'
import { type Aim, type Benchmark, countOf } from '../support/findings.js'
import { isInstalled, twoProcessors } from '../support/machine.js'
import { controlPorts, onePort } from '../support/ports.js'
import { Program } from '../support/program.js'
import { median, summarize } from '../support/statistics.js'

const memberProgram = new URL('../data/member.js', import.meta.url)
/** The name of the beat thread, as the kernel shows it. */
const threadName = /^hotpair/

const intervalMs = 10
const blockMs = 200
const usualBeats = 500
/** The start of a member, when its role changes and its beats say so at once. */
const startMs = 1_000

const busyMicros = 1_000
const usualCostBeats = 3_000
const costRounds = 3

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  if (!isInstalled('g++')) {
    return { rows: [], aims: [], skipped: [{ subject: 'all', reason: 'no g++' }], notes: [] }
  }
  const bare = new Program('beats/bare_posix.cpp')
  try {
    bare.build()
    const even = await evenness(bare, countOf(scale, usualBeats, 40), signal)
    const cost = await costs(bare, countOf(scale, usualCostBeats, 300), signal)
    return {
      rows: [...even.rows, ...cost.rows],
      aims: [...even.aims, ...cost.aims],
      skipped: [],
      notes: [
        `Evenness at an interval of ${intervalMs} ms, cost at ${busyMicros / 1000} ms.`,
        'A value of cost is the mean over one run of a second or more.',
      ],
    }
  } finally {
    bare.end()
  }
}

interface Part {
  readonly rows: readonly Row[]
  readonly aims: readonly Aim[]
}

/** Deviations in microseconds while the loop idles, and while it is blocked. */
async function evenness(bare: Program, count: number, signal: AbortSignal): Promise<Part> {
  const [near, far] = twoProcessors()
  const { a, b } = await controlPorts()
  const members = { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` }
  const own = { isSilent: true, pair: 'bench', arbiter: 'none', member: 'a', members }
  const options = { ...own, heartbeatMs: intervalMs, windowMs: 1_000, hangAfterMs: 60_000 }
  const child = await Child.start(memberProgram, {
    processor: near,
    args: [JSON.stringify(options)],
  })
  try {
    await child.ask('rules')
    await sleep(startMs)
    const listen = () => bare.run(['listen', b, count], { processor: far })
    signal.throwIfAborted()
    const idle = deviations(await listen())
    let isOver = false
    const blocking = (async () => {
      while (!isOver) await child.ask('block', blockMs)
    })()
    const blocked = deviations(await listen())
    isOver = true
    await blocking
    const rowOf = (what: string, values: number[]): Row => {
      const subject = 'hotpair: off the interval'
      return { subject, case: what, unit: 'µs', ...summarize(values) }
    }
    const rows = [rowOf('loop idle', idle), rowOf('loop blocked 200 ms at a time', blocked)]
    const figure = summarize(blocked).p50 / summarize(idle).p50
    const what = 'off the interval, blocked / idle, p50'
    return { rows, aims: [{ what, figure, aim: '≤ 1.5', isMet: figure <= 1.5 }] }
  } finally {
    await child.end()
  }
}

function deviations(stamps: readonly number[]): number[] {
  return stamps.slice(1).map((stamp, index) => {
    const passed = (stamp - (stamps[index] ?? stamp)) / 1e6
    return Math.abs(passed - intervalMs) * 1000
  })
}

/** Microseconds of processor time a beat, sent and received: the pair and the bare program. */
async function costs(bare: Program, count: number, signal: AbortSignal): Promise<Part> {
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < costRounds; round++) {
    signal.throwIfAborted()
    theirs.push(await bareCost(bare, count))
    ours.push(await pairCost(count))
  }
  const rowOf = (subject: string, values: number[]): Row => {
    const what = 'processor time a beat, TCP and UDP'
    return { subject, case: what, unit: 'µs', ...summarize(values) }
  }
  const figure = median(ours) / median(theirs)
  const what = 'processor time of the beat thread / bare packets'
  return {
    rows: [rowOf('hotpair', ours), rowOf('bare C++', theirs)],
    aims: [{ what, figure, aim: '≤ 1.5', isMet: figure <= 1.5 }],
  }
}

async function bareCost(bare: Program, count: number): Promise<number> {
  const [near, far] = twoProcessors()
  const port = await onePort(2)
  const beat = (role: string, processor: number) =>
    bare.run(['beat', role, port, busyMicros, count], { processor })
  const [used] = await Promise.all([beat('a', near), beat('b', far)])
  return (used[0] ?? Number.NaN) / count / 1000
}

async function pairCost(count: number): Promise<number> {
  const [near, far] = twoProcessors()
  const { a, b } = await controlPorts()
  const members = { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` }
  const heartbeatMs = busyMicros / 1000
  const common = { isSilent: true, pair: 'bench', arbiter: 'none', members }
  const options = { ...common, heartbeatMs, windowMs: 1_000 }
  const children: Child[] = []
  try {
    const start = async (member: string, processor: number) => {
      const args = [JSON.stringify({ ...options, member })]
      const child = await Child.start(memberProgram, { processor, args })
      children.push(child)
      return child
    }
    const one = await start('a', near)
    const other = await start('b', far)
    await Promise.all([one.ask('paired'), other.ask('paired')])
    const before = threadNanos(one.pid)
    const began = performance.now()
    await sleep(count * heartbeatMs)
    const beats = (performance.now() - began) / heartbeatMs
    return (threadNanos(one.pid) - before) / beats / 1000
  } finally {
    await Promise.all(children.map((child) => child.end()))
  }
}

/** Processor time of the beat thread of process `pid`, in nanoseconds. */
function threadNanos(pid: number): number {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`
    if (!threadName.test(readFileSync(`${folder}/comm`, 'utf8'))) continue
    return Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0])
  }
  throw new Error(`process ${pid} has no beat thread`)
}

export const beats: Benchmark = {
  name: 'beats',
  what: 'how evenly beats leave while the event loop is blocked, and what one costs',
  run,
}
