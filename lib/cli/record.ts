/**
 * `hotpair record`: asks the arbiter of a pair once, as a member does, and shows what it keeps.
 */

import { parseArgs } from 'node:util'
import { openArbiter } from '../arbiter/open.js'
import { arbiterOf } from '../config/arbiter.js'
import { refuseUnknown, text } from '../config/check.js'
import { ConfigError, isPairError, reasonOf } from '../errors.js'
import { systemClock } from '../runtime/clock.js'
import { refuse } from './refuse.js'
import { secretKeys, secretsOf } from './secrets.js'
import { readSettings } from './settings-file.js'
import { bigintsAsText } from './witness.js'

const usage = `usage: hotpair record --config FILE

  --config FILE  JSON: { "pair", "secret" or "secretFile", "arbiter" } as the members have them

The record is one line of JSON on standard output: null where nothing was ever kept.

exit codes: 0 it was read, 1 the arbiter does not answer or refuses, 2 the call or the file is
wrong`

const known: ReadonlySet<string> = new Set(['pair', 'arbiter', ...secretKeys])

/** Resolves when it was shown. */
export async function recordCommand(args: readonly string[]): Promise<void> {
  const path = pathOf(args)
  if (path === 'help') {
    console.log(usage)
    return
  }
  const { pair, secrets, choice } = settingsOf(path)
  const owner = { pair, member: 'a', secrets, clock: systemClock, random: Math.random } as const
  const arbiter = await openArbiter(choice, owner)
  try {
    console.log(JSON.stringify((await arbiter?.read()) ?? null, bigintsAsText))
  } catch (error) {
    const code = isPairError(error) ? ` (${error.code})` : ''
    console.error(`hotpair: ${reasonOf(error)}${code}`)
    process.exitCode = 1
  } finally {
    await arbiter?.close()
  }
}

function pathOf(args: readonly string[]): string {
  try {
    const options = { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
    const { config, help } = parseArgs({ args: [...args], options }).values
    if (help) return 'help'
    if (config !== undefined) return config
  } catch (error) {
    return refuse(reasonOf(error), usage)
  }
  return refuse('nothing says which pair: give --config FILE', usage)
}

function settingsOf(path: string) {
  try {
    return readSettings(path, (given) => {
      refuseUnknown(given, known, '')
      const secrets = secretsOf('', given)
      const choice = arbiterOf(given['arbiter'], secrets.length > 0)
      if (choice.kind === 'none')
        throw new ConfigError('arbiter', "arbiter is 'none': there is no record but the members'")
      return { pair: text('pair', given['pair'], 1, 64), secrets, choice }
    })
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.message, usage)
    throw error
  }
}
