/**
 * Secrets in the file of a command: written there, or in a file of their own. Their values stay out
 * of every message, which may end up in a log.
 */

import { readFileSync } from 'node:fs'
import { text } from '../config/check.js'
import { ConfigError, reasonOf } from '../errors.js'

const secretLength = 16

/** The keys of `secretsOf`. */
export const secretKeys = ['secret', 'secretFile'] as const

/**
 * What stands under `secret` (one, or the one in use and the next one while it is being changed),
 * or in the file that `secretFile` names; none where neither is given. `prefix` is put before the
 * keys in messages.
 *
 * @throws ConfigError
 */
export function secretsOf(
  prefix: string,
  { secret, secretFile }: { readonly secret?: unknown; readonly secretFile?: unknown },
): readonly string[] {
  const key = `${prefix}secret`
  if (secret !== undefined && secretFile !== undefined)
    throw new ConfigError(key, `${key} stands beside ${prefix}secretFile: give one of them`)
  if (secretFile !== undefined) return [fromFile(`${prefix}secretFile`, secretFile)]
  if (secret === undefined) return []
  const list: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  if (list.length < 1 || list.length > 2)
    throw new ConfigError(key, `${key} must be one secret, or two while it is being changed`)
  return list.map((each) => secretOf(key, each))
}

function secretOf(key: string, given: unknown): string {
  if (typeof given !== 'string') throw new ConfigError(key, `${key} must be a string`)
  if (given.length >= secretLength) return given
  const must = `must have at least ${secretLength} characters, not ${given.length}`
  throw new ConfigError(key, `${key} ${must}`)
}

function fromFile(key: string, given: unknown): string {
  const path = text(key, given, 1, 4_096)
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(key, `${key}: the file ${path} cannot be read: ${reasonOf(error)}`)
  }
  // An editor ends a file by a line end, which belongs to no secret.
  return secretOf(key, content.replace(/\r?\n$/, ''))
}
