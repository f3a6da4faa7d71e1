/**
 * What `hotpair unit` is told, from its command line and its file, checked before anything is
 * opened.
 *
 * An option of the command line counts before the same setting of the file. A wrong value is named
 * with its bound and where it stands; an unknown one is refused, as in the options of a member.
 */

import { parseArgs } from 'node:util'
import { oneOf, refuseUnknown, text, within, wrong } from '../config/check.js'
import { socketPath } from '../config/unit.js'
import { ConfigError, reasonOf } from '../errors.js'
import { unitSocketPath } from '../unit/unit-process.js'
import { readSettings } from './settings-file.js'

export interface UnitSettings {
  readonly socket: string
  /** Ends when its server closes in order. */
  readonly once: boolean
  /** Ends so long after its server has died, unless another comes. Undefined: never. */
  readonly lingerMs: number | undefined
  readonly quiet: boolean
}

/** A day: whoever wants longer wants for ever, and leaves it out. */
const longestLingerMs = 86_400_000

const fileKeys = ['socket', 'pair', 'member', 'once', 'lingerMs', 'quiet'] as const
const known: ReadonlySet<string> = new Set(fileKeys)
type FromFile = { readonly [Key in (typeof fileKeys)[number]]?: unknown }

/**
 * The settings, or `'help'` where that is asked for.
 *
 * @throws ConfigError with a sentence that names the option or the key.
 */
export function unitSettings(args: readonly string[]): UnitSettings | 'help' {
  const flags = flagsOf(args)
  if (flags.help) return 'help'
  const settings = flags.config === undefined ? ofFile({}) : readSettings(flags.config, ofFile)
  const socket = flags.socket === undefined ? settings.socket : socketPath('--socket', flags.socket)
  if (socket === undefined) {
    throw new ConfigError(
      'socket',
      'nothing says which unit this is: give --socket, or --config with socket, or pair and member',
    )
  }
  return {
    socket,
    once: flags.once || settings.once,
    lingerMs: flags.linger === undefined ? settings.lingerMs : lingerOf(flags.linger),
    quiet: flags.quiet || settings.quiet,
  }
}

function flagsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        socket: { type: 'string' },
        once: { type: 'boolean', default: false },
        linger: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new ConfigError('arguments', reasonOf(error))
  }
}

function lingerOf(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : text
  return within('--linger', ms, 0, longestLingerMs, true)
}

function ofFile(given: FromFile) {
  refuseUnknown(given, known, '')
  const { socket, pair, member, once, lingerMs, quiet } = given
  return {
    socket: socketOf(socket, pair, member),
    once: flag('once', once),
    lingerMs:
      lingerMs === undefined ? undefined : within('lingerMs', lingerMs, 0, longestLingerMs, true),
    quiet: flag('quiet', quiet),
  }
}

/** As the server finds it: by its path, or by the names of pair and member. */
function socketOf(socket: unknown, pair: unknown, member: unknown): string | undefined {
  const isNamed = pair !== undefined || member !== undefined
  if (socket !== undefined) {
    if (isNamed)
      throw wrong('socket', 'stands beside pair or member: give one or the other', socket)
    return socketPath('socket', socket)
  }
  if (!isNamed) return undefined
  return unitSocketPath(text('pair', pair, 1, 64), oneOf('member', member, ['a', 'b']))
}

/** Whether a switch is on; off where it is left out. */
export function flag(key: string, value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value !== 'boolean') throw wrong(key, 'must be true or false', value)
  return value
}
