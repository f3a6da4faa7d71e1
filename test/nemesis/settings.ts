/**
 * The nemesis's command line: every option, its default and its bounds, and what a wrong one gets.
 */

import { parseArgs } from 'node:util'
import { whyNoArbiter } from './arbiters.js'
import { type NemesisFault, type NemesisSettings, nemesisFaults } from './run.js'

export interface Settings extends NemesisSettings {
  readonly json: boolean
}

export const usage = `Usage: npm run nemesis -- [options]

  --minutes N      how long the stream lasts, 0.1 to 120 (default 1)
  --seed N         from which all that is random is drawn (default: by the clock)
  --unit WHERE     embedded, or process: the units are processes of their own (default embedded)
  --arbiter WHICH  none, witness or etcd: who keeps the record (default none)
  --rate N         records a second, 500 to 10,000 (default 2000)
  --hang-after MS  until a loop that stands still counts as hung, 500 to 10,000 (default 500):
                   more on a machine that has other work
  --faults LIST    of ${nemesisFaults('process', true, 'witness').join(', ')}
                   (default: all that the machine and the choice of --unit allow)
  --json           print no timeline
  --help           this text

Network faults need root, ip, g++ and /dev/net/tun; without these there are none.`

/** What the machine gives: the moment, and why there is no network to harm, if there is none. */
export interface Machine {
  readonly clock: number
  readonly why: string | undefined
}

/** Reads the arguments; undefined: show help. Throws an Error naming option, value and bound. */
export function parseSettings(args: readonly string[], machine: Machine): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(machine.clock % 2 ** 31) },
      unit: { type: 'string', default: 'embedded' },
      arbiter: { type: 'string', default: 'none' },
      rate: { type: 'string', default: '2000' },
      'hang-after': { type: 'string' },
      faults: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { unit, arbiter } = values
  if (unit !== 'embedded' && unit !== 'process') {
    throw new Error(`--unit must be embedded or process, not ${unit}`)
  }
  if (arbiter !== 'none' && arbiter !== 'witness' && arbiter !== 'etcd') {
    throw new Error(`--arbiter must be none, witness or etcd, not ${arbiter}`)
  }
  const missing = arbiter === 'none' ? undefined : whyNoArbiter(arbiter)
  if (missing !== undefined) throw new Error(`--arbiter ${arbiter}: ${missing}`)
  const hasNetwork = machine.why === undefined
  const faults = parseFaults(values.faults, nemesisFaults(unit, hasNetwork, arbiter))
  return {
    minutes: bounded('minutes', values.minutes, [0.1, 120]),
    seed: whole('seed', values.seed, [0, 2 ** 32 - 1]),
    rate: whole('rate', values.rate, [500, 10_000]),
    hangAfterMs: optional('hang-after', values['hang-after'], [500, 10_000]),
    ...{ unit, arbiter, faults, hasNetwork },
    json: values.json,
  }
}

/** The one command that does the same again. */
export function commandOf(settings: Settings): string {
  const { minutes, seed, unit, arbiter, rate, hangAfterMs, faults } = settings
  const options = { minutes, seed, unit, arbiter, rate, 'hang-after': hangAfterMs }
  const words = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `--${name} ${value}`)
  return `npm run nemesis -- ${words.join(' ')} --faults ${faults.join(',')}`
}

function parseFaults(list: string | undefined, known: readonly NemesisFault[]): NemesisFault[] {
  if (list === undefined) return [...known]
  return list.split(',').map((word) => {
    const fault = known.find((name) => name === word)
    if (fault === undefined) throw new Error(`--faults knows here ${known.join(', ')}; not ${word}`)
    return fault
  })
}

function optional(name: string, text: string | undefined, bounds: Bounds): number | undefined {
  return text === undefined ? undefined : whole(name, text, bounds)
}

type Bounds = readonly [least: number, most: number]

function whole(name: string, text: string, bounds: Bounds): number {
  const value = bounded(name, text, bounds)
  if (Number.isSafeInteger(value)) return value
  throw new Error(`--${name} must be a whole number, not ${text}`)
}

function bounded(name: string, text: string, [least, most]: Bounds): number {
  const value = Number(text)
  if (text !== '' && value >= least && value <= most) return value
  throw new Error(`--${name} must be a number from ${least} to ${most}, not ${text}`)
}
