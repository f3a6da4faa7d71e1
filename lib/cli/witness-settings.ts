/**
 * What `hotpair witness` is told, from its command line and its file, checked before anything is
 * opened.
 */

import { isAbsolute } from 'node:path'
import { parseArgs } from 'node:util'
import type { WitnessPair } from '../arbiter/witness/witness.js'
import { type Address, addressOf, isLoopback } from '../config/addresses.js'
import { refuseUnknown, text, wrong } from '../config/check.js'
import { ConfigError, reasonOf } from '../errors.js'
import { secretKeys, secretsOf } from './secrets.js'
import { readSettings } from './settings-file.js'
import { flag } from './unit-settings.js'

export interface WitnessSettings {
  readonly listen: readonly Address[]
  /** Where the records are kept; absolute. */
  readonly folder: string
  readonly pairs: readonly WitnessPair[]
  readonly quiet: boolean
}

const known: ReadonlySet<string> = new Set(['listen', 'folder', 'pairs', 'quiet'])
const pairKeys: ReadonlySet<string> = new Set(secretKeys)

/** Addresses of one host, and pairs: a few bytes of memory each, and two keys to compare with. */
const mostAddresses = 8
const mostPairs = 1_000

/**
 * The settings, or `'help'` where that is asked for.
 *
 * @throws ConfigError with a sentence that names the option or the key.
 */
export function witnessSettings(args: readonly string[]): WitnessSettings | 'help' {
  const flags = flagsOf(args)
  if (flags.help) return 'help'
  if (flags.config === undefined)
    throw new ConfigError('--config', 'nothing says what to witness: give --config FILE')
  const settings = readSettings(flags.config, ofFile)
  return { ...settings, quiet: flags.quiet || settings.quiet }
}

function flagsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new ConfigError('arguments', reasonOf(error))
  }
}

function ofFile(given: Readonly<Record<string, unknown>>): WitnessSettings {
  refuseUnknown(given, known, '')
  const listen = listenOf(given['listen'])
  const folder = text('folder', given['folder'], 1, 4_096)
  if (!isAbsolute(folder)) throw wrong('folder', 'must be an absolute path', folder)
  const open = listen.find(({ host }) => !isLoopback(host))
  const pairs = pairsOf(given['pairs'], open)
  return { listen, folder, pairs, quiet: flag('quiet', given['quiet']) }
}

function listenOf(given: unknown): readonly Address[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length < 1 || list.length > mostAddresses)
    throw wrong('listen', `must have 1 to ${mostAddresses} addresses`, list.length)
  return list.map((each) => addressOf('listen', each))
}

function pairsOf(given: unknown, open: Address | undefined): readonly WitnessPair[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw wrong('pairs', 'must be an object such as { "line-4": { "secretFile": … } }', given)
  const entries = Object.entries(given)
  if (entries.length < 1 || entries.length > mostPairs)
    throw wrong('pairs', `must name 1 to ${mostPairs} pairs`, entries.length)
  const pairs = entries.map(([name, parts]) => pairOf(name, parts, open))
  const bare = pairs.find(({ secrets }) => secrets.length === 0)
  const secured = pairs.find(({ secrets }) => secrets.length > 0)
  if (bare === undefined || secured === undefined) return pairs
  throw new ConfigError(
    'pairs',
    `pairs.${secured.name} has a secret and pairs.${bare.name} has none: give each one, or none`,
  )
}

function pairOf(name: string, parts: unknown, open: Address | undefined): WitnessPair {
  const key = `pairs.${text('a name in pairs', name, 1, 64)}`
  if (typeof parts !== 'object' || parts === null || Array.isArray(parts))
    throw wrong(key, 'must be an object such as { "secretFile": "/etc/line-4/secret" }', parts)
  refuseUnknown(parts, pairKeys, `${key}.`)
  const secrets = secretsOf(`${key}.`, parts)
  if (secrets.length > 0) return { name, secrets }
  if (open === undefined) return { name, secrets: [] }
  throw new ConfigError(
    `${key}.secret`,
    `${key}.secret is missing, and the witness listens on ${open.host}, which is not loopback: give it the secret of the pair`,
  )
}
