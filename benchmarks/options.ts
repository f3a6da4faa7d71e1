/**
 * The command line of the benchmarks: every option, its default and its bounds.
 */

import { parseArgs } from 'node:util'
import type { Scale } from './support/findings.js'

export interface Options extends Scale {
  readonly names: readonly string[]
  readonly isJson: boolean
  /** The document whose tables are to be replaced. */
  readonly write: string | undefined
}

export const usage = `Usage: npm run bench -- NAME... [options]

  --n N          values a case (default: each benchmark's own; p99 only from 200 on)
  --seconds S    length of a benchmark that lasts for a time
  --json         the last line is one JSON object
  --quick        only as much as shows that each runs: no figure of it means anything
  --write FILE   replaces the tables of the benchmarks in FILE by those of this run
  --help         this text

NAME is all, or of:`

/** Reads the arguments; undefined: show help. Throws an Error naming option, value and bound. */
export function parseOptions(
  args: readonly string[],
  known: readonly string[],
): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: true,
    options: {
      n: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  if (positionals.length === 0) throw new Error('no benchmark was named')
  const unknown = positionals.find((name) => name !== 'all' && !known.includes(name))
  if (unknown !== undefined) throw new Error(`there is no benchmark '${unknown}'`)
  return {
    names: positionals.includes('all') ? known : [...new Set(positionals)],
    n: whole('n', values.n, 1_000_000),
    seconds: whole('seconds', values.seconds, 86_400),
    isQuick: values.quick,
    isJson: values.json,
    write: values.write,
  }
}

function whole(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text !== '' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw new Error(`--${name} must be a whole number from 1 to ${most}, not ${text}`)
}
