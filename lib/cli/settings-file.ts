/**
 * The file of settings that a command is given: one JSON object, read whole before anything is
 * opened; a wrong value is named with the file that it stands in.
 */

import { readFileSync } from 'node:fs'
import { ConfigError, reasonOf } from '../errors.js'

/**
 * What `check` makes of the object in the file at `path`.
 *
 * @throws ConfigError that names the file.
 */
export function readSettings<Settings>(
  path: string,
  check: (given: Readonly<Record<string, unknown>>) => Settings,
): Settings {
  const given = parsed(path)
  try {
    return check(given)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.key, `in ${path}: ${error.message}`)
  }
}

function parsed(path: string): Readonly<Record<string, unknown>> {
  let settings: unknown
  try {
    settings = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const what = error instanceof SyntaxError ? 'is no JSON' : 'cannot be read'
    throw new ConfigError('--config', `the file ${path} ${what}: ${reasonOf(error)}`)
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new ConfigError('--config', `the file ${path} must hold one JSON object`)
  return { ...settings }
}
