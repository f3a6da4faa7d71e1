/**
 * The demo's command line: every option, its default and its bounds, and what a wrong one gets.
 */

import { parseArgs } from 'node:util'
import { type FaultName, faultNames, faultsFor } from './strikes.js'

export interface Settings {
  readonly input: string | undefined
  /** Records a second. */
  readonly rate: number
  readonly faults: readonly FaultName[]
  /** Whether the members' units are processes of their own. */
  readonly unit: 'embedded' | 'process'
  readonly heartbeatMs: number | undefined
  readonly windowMs: number | undefined
  readonly hangAfterMs: number | undefined
  readonly seed: number
  readonly short: boolean
  readonly runs: number
  readonly json: boolean
}

export const usage = `Usage: npm run demo -- [options]

  --input FILE       records to replay: a JSON array or NDJSON (default: 200,000 flights)
  --rate N           records a second, 1 to 100,000 (default 5000)
  --faults LIST      of ${faultNames.join(', ')},
                     or none (default: all that the choice of --unit allows)
  --unit WHERE       embedded, or process: the units are processes of their own (default embedded)
  --heartbeat MS     between two heartbeats, 1 to 10,000 (default 100)
  --window MS        of silence until a member counts as gone, at least 3 heartbeats (default 500)
  --hang-after MS    until a loop that stands still counts as hung, 50 to 10,000 (default 500)
  --seed N           from which all that is random is drawn (default: by the clock)
  --short            the first 35,000 records at most, faults in quick succession
  --runs N           runs in sequence, seeds N, N + 1, …; 1 to 10,000 (default 1)
  --json             the last line is one JSON object
  --help             this text`

/** Reads the arguments; undefined: show help. Throws an Error naming option, value and bound. */
export function parseSettings(args: readonly string[], clock: number): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      input: { type: 'string' },
      rate: { type: 'string', default: '5000' },
      faults: { type: 'string' },
      unit: { type: 'string', default: 'embedded' },
      heartbeat: { type: 'string' },
      window: { type: 'string' },
      'hang-after': { type: 'string' },
      seed: { type: 'string', default: String(clock % 2 ** 31) },
      short: { type: 'boolean', default: false },
      runs: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const heartbeatMs = optional('heartbeat', values.heartbeat, 1, 10_000)
  const windowMs = optional('window', values.window, 3, 600_000)
  if ((windowMs ?? 5 * (heartbeatMs ?? 100)) < 3 * (heartbeatMs ?? 100)) {
    throw new Error(`--window ${windowMs} is less than 3 heartbeats of ${heartbeatMs ?? 100} ms`)
  }
  const { unit } = values
  if (unit !== 'embedded' && unit !== 'process') {
    throw new Error(`--unit must be embedded or process, not ${unit}`)
  }
  return {
    input: values.input,
    rate: whole('rate', values.rate, 1, 100_000),
    faults: parseFaults(values.faults, unit),
    unit,
    heartbeatMs,
    windowMs,
    hangAfterMs: optional('hang-after', values['hang-after'], 50, 10_000),
    seed: whole('seed', values.seed, 0, 2 ** 32 - 1),
    short: values.short,
    runs: whole('runs', values.runs, 1, 10_000),
    json: values.json,
  }
}

function parseFaults(list: string | undefined, unit: 'embedded' | 'process'): FaultName[] {
  const known = faultsFor(unit)
  if (list === undefined) return [...known]
  if (list === 'none') return []
  return list.split(',').map((word) => {
    const fault = known.find((name) => name === word)
    if (fault === undefined) {
      throw new Error(`--faults knows ${known.join(', ')} with --unit ${unit}; not ${word}`)
    }
    return fault
  })
}

function optional(name: string, text: string | undefined, least: number, most: number) {
  return text === undefined ? undefined : whole(name, text, least, most)
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (text !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw new Error(`--${name} must be a whole number from ${least} to ${most}, not ${text}`)
}
