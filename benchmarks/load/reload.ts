/**
 * `reload`: what a standby costs that comes back with most of the state, beside a load of all.
 *
 * Cut off: both know what they changed since they were equal. Started again: it holds the state of
 * then, and knows no digest of it; so it reads all of that once. 1 % of the pages have changed at
 * the primary meanwhile, spread evenly.
 */

import { type Benchmark, countOf, type Findings, type Scale } from '../support/findings.js'
import { median, summarize } from '../support/statistics.js'
import { type Loaded, RegionPair } from './pair.js'

const usualRounds = 10
const usualMiB = 1_024
const quickMiB = 64
/** One page of so many changes. */
const changedEach = 100

const names = { full: 'all of it', cutOff: 'cut off', startedAgain: 'started again' } as const
type Kind = keyof typeof names
type Round = Readonly<Record<Kind, Loaded>>
/** Percent of a full load, of time and of bytes. */
const most = { cutOff: 5, startedAgain: 50 } as const

async function measure(pair: RegionPair, mark: number): Promise<Round> {
  const full = await pair.load({ type: 'nothing' })
  for (const end of [pair.sender, pair.receiver]) await end.ask('mark', mark)
  await pair.sender.ask('change', changedEach)
  const cutOff = await pair.load({ type: 'changed', mark })
  await pair.compare()
  await pair.receiver.ask('startAgain')
  await pair.sender.ask('change', changedEach)
  const startedAgain = await pair.load({ type: 'digests', withLive: true })
  await pair.compare()
  return { full, cutOff, startedAgain }
}

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const mib = scale.isQuick ? quickMiB : usualMiB
  const rounds: Round[] = []
  const pair = await RegionPair.open(mib * 2 ** 20)
  try {
    for (let round = 0; round < countOf(scale, usualRounds, 1); round++) {
      signal.throwIfAborted()
      rounds.push(await measure(pair, round + 1))
    }
  } finally {
    await pair.end()
  }
  const kinds = ['full', 'cutOff', 'startedAgain'] as const
  const aims = (['cutOff', 'startedAgain'] as const).flatMap((kind) =>
    (['ms', 'bytes'] as const).map((of) => {
      const figure = median(rounds.map((round) => (100 * round[kind][of]) / round.full[of]))
      const what = `${names[kind]}: ${of === 'ms' ? 'time' : 'bytes'}, % of a full load`
      return { what, figure, aim: `≤ ${most[kind]}`, isMet: figure <= most[kind] }
    }),
  )
  const row = (kind: Kind, what: string, unit: 'ms' | 'count', of: (load: Loaded) => number) => ({
    subject: names[kind],
    case: `${mib} MiB, 1 % changed: ${what}`,
    unit,
    ...summarize(rounds.map((round) => of(round[kind]))),
  })
  return {
    rows: [
      ...kinds.map((kind) => row(kind, 'time', 'ms', ({ ms }) => ms)),
      ...kinds.map((kind) => row(kind, 'KiB sent', 'count', ({ bytes }) => bytes / 1_024)),
    ],
    aims,
    skipped: [],
    notes: [`Written pages are found by ${pair.tracking}.`],
  }
}

export const reload: Benchmark = {
  name: 'reload',
  what: 'a standby that comes back with most of the shared state',
  run,
}
