/**
 * `takeover`: from a fault of the primary to the first output of the new epoch at the sink, at
 * 5,000 inputs a second with an output each.
 *
 * The victim has one processor to itself, all else shares the other: two machines would not share
 * one. Contenders take turns in blocks. A kill is seen beside the moment at which the kernel has
 * closed the dead process's connection (the floor: nobody can know sooner) and beside the bare
 * chain, the same processes without any work in them.
 */

import type { Row, Scale, Skipped } from '../support/findings.js'
import { type Benchmark, countOf, type Findings } from '../support/findings.js'
import { pin, twoProcessors, unpin } from '../support/machine.js'
import { summarize } from '../support/statistics.js'
import { aimsOf, ends, type Measured, summaryOf, withBareUnits, withUnit } from './aims.js'
import { BareUnitPair } from './bare-unit-pair.js'
import { HandRolledPair } from './hand-rolled-pair.js'
import { HotpairPair } from './hotpair-pair.js'
import { keepalived } from './keepalived.js'
import { type Blow, type Fault, strikeContender, strikeHotpair } from './strike.js'
import { World } from './world.js'

interface Part extends Measured {
  /** Faults at full scale. */
  readonly usual: number
  /** Whether a quick run has it: short windows pass by themselves on a busy machine. */
  readonly isQuick: boolean
  run(world: World, port: number, count: number, signal: AbortSignal): Promise<Outcome>
}

interface Outcome {
  readonly blows: readonly Blow[]
  /** Blows after which nobody took over. */
  readonly failures: number
  /** Takeovers that no blow asked for. */
  readonly unasked: number
}

/** Blows in one block after which nobody took over, before the part is given up. */
const mostFailures = 2

function hotpair(fault: Fault, settings: Settings, usual: number): Part {
  return {
    subject: settings.unit === 'process' ? withUnit : 'hotpair',
    case: caseOf(fault, settings),
    usual,
    isQuick: fault === 'kill' && settings.ballastMiB === undefined,
    async run(world, port, count, signal) {
      world.feed(true)
      const { ballastMiB, ...options } = settings
      const pair = await HotpairPair.open(world, port, options, ballastMiB)
      const blows: Blow[] = []
      let failures = 0
      try {
        while (blows.length < count) {
          signal.throwIfAborted()
          try {
            blows.push(await strikeHotpair(world, pair, fault))
          } catch (error) {
            // The pair may have changed by itself at the moment of the blow; more than once in a
            // while, it is a finding.
            failures += 1
            if (failures > mostFailures) throw error
          }
        }
      } finally {
        await pair.end()
      }
      return { blows, failures, unasked: Math.max(0, pair.takeovers - blows.length - failures) }
    },
  }
}

interface Settings {
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly unit?: 'process'
  /** Memory that each process holds besides. */
  readonly ballastMiB?: number
}

function caseOf(fault: Fault, { heartbeatMs, windowMs, ballastMiB }: Settings): string {
  const names = { kill: 'kill -9', stop: 'SIGSTOP', hang: 'hung loop', close: 'close()' }
  const size = ballastMiB === undefined ? '' : `, ${ballastMiB} MiB`
  return `${names[fault]}${size}, ${heartbeatMs}/${windowMs} ms`
}

function handRolled(fault: 'kill' | 'stop', settings: Settings, usual: number): Part {
  return {
    subject: 'hand-rolled pair',
    case: caseOf(fault, settings),
    usual,
    isQuick: fault === 'kill',
    async run(world, port, count, signal) {
      world.feed(true)
      const pair = await HandRolledPair.open(port, { ...settings, isBare: false })
      try {
        return await repeat(count, signal, () => strikeContender(world, pair, fault))
      } finally {
        await pair.end()
      }
    },
  }
}

function bareChain(settings: Settings, usual: number): Part {
  return {
    subject: 'bare chain',
    case: caseOf('kill', settings),
    usual,
    isQuick: settings.ballastMiB === undefined,
    async run(world, port, count, signal) {
      world.feed(false)
      const pair = await HandRolledPair.open(port, { ...settings, isBare: true })
      try {
        return await repeat(count, signal, () => strikeContender(world, pair, 'kill'))
      } finally {
        await pair.end()
      }
    },
  }
}

/** The same with units, by which the news comes before the connection ends. */
function bareUnits(settings: Settings & { readonly ballastMiB: number }, usual: number): Part {
  return {
    subject: withBareUnits,
    case: caseOf('kill', settings),
    usual,
    isQuick: false,
    async run(world, port, count, signal) {
      world.feed(false)
      const pair = await BareUnitPair.open(port, settings)
      try {
        return await repeat(count, signal, () => strikeContender(world, pair, 'kill'))
      } finally {
        await pair.end()
      }
    },
  }
}

async function repeat(
  count: number,
  signal: AbortSignal,
  once: () => Promise<Blow>,
): Promise<Outcome> {
  const blows: Blow[] = []
  while (blows.length < count) {
    signal.throwIfAborted()
    blows.push(await once())
  }
  return { blows, failures: 0, unasked: 0 }
}

const usual: Settings = { heartbeatMs: 100, windowMs: 500 }
const short: Settings = { heartbeatMs: 10, windowMs: 30 }
const shortest: Settings = { heartbeatMs: 1, windowMs: 5 }

const parts: readonly Part[] = [
  hotpair('kill', usual, 200),
  bareChain(usual, 200),
  handRolled('kill', usual, 50),
  ...[50, 200, 1_000].flatMap((ballastMiB) => {
    const settings = { ...usual, ballastMiB }
    const count = ballastMiB > 200 ? 10 : 30
    const own = hotpair('kill', { ...settings, unit: 'process' }, count)
    return [own, bareUnits(settings, count), bareChain(settings, count)]
  }),
  hotpair('stop', short, 200),
  handRolled('stop', short, 50),
  hotpair('stop', shortest, 200),
  hotpair('hang', usual, 20),
  hotpair('close', usual, 30),
]
/** A part is run in this many blocks, which take turns with those of the other parts. */
const blocks = 2

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const world = new World()
  const port = await world.listen()
  const [, far] = twoProcessors()
  const isPinned = pin(process.pid, far)
  const blows = new Map<Part, Blow[]>()
  const notes: string[] = []
  const skipped: Skipped[] = []
  try {
    const rounds = scale.isQuick ? 1 : blocks
    for (let round = 0; round < rounds; round++) {
      for (const part of parts) {
        if (scale.isQuick && !part.isQuick) continue
        if (skipped.some(({ subject }) => subject === nameOf(part))) continue
        const count = Math.ceil(countOf(scale, part.usual, 2) / rounds)
        world.reset()
        try {
          const more = await part.run(world, port, count, signal)
          blows.set(part, [...(blows.get(part) ?? []), ...more.blows])
          if (more.failures + more.unasked > 0) notes.push(oddities(part, more))
        } catch (error) {
          signal.throwIfAborted()
          const reason = error instanceof Error ? error.message : String(error)
          skipped.push({ subject: nameOf(part), reason })
        }
      }
    }
  } finally {
    world.close()
    unpin(process.pid)
  }
  const other = await keepalived(countOf(scale, 30, 2), signal)
  const measured = parts.filter((part) => blows.has(part))
  const figures = new Map(measured.map((part) => [part, summaryOf(blows.get(part) ?? [])]))
  const rows = measured.flatMap((part) => rowsOf(part, blows.get(part) ?? []))
  return {
    rows: [...rows, ...other.rows],
    aims: aimsOf(figures, blows),
    skipped: [...skipped, ...other.skipped],
    notes: [
      ...notes,
      ...(isPinned ? [] : ['taskset is not there: nothing was pinned.']),
      'The floor is the moment at which the connection of the killed process ended at the sink.',
    ],
  }
}

function oddities(part: Part, { failures, unasked }: Outcome): string {
  const what = `${nameOf(part)}: ${unasked} takeovers that no fault asked for`
  return `${what}, ${failures} faults after which nobody took over.`
}

function nameOf(part: Part): string {
  return `${part.subject}, ${part.case}`
}

function rowsOf(part: Part, blows: readonly Blow[]): Row[] {
  const { subject, case: what } = part
  const own: Row = { subject, case: what, unit: 'ms', ...summaryOf(blows) }
  const closed = ends(blows)
  if (!subject.startsWith('hotpair') || closed.length === 0) return [own]
  return [own, { subject: 'floor: socket closed', case: what, unit: 'ms', ...summarize(closed) }]
}

export const takeover: Benchmark = {
  name: 'takeover',
  what: 'from a fault of the primary to the first output of the new epoch at the sink',
  run,
}
