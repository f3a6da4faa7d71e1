/**
 * Where the unit of a member lives: in the server's process, or in one of its own.
 */

import { isAbsolute } from 'node:path'
import type { MemberOptions } from '../options.js'
import { oneOf, text, wrong } from './check.js'

export interface UnitChoice {
  readonly unit: 'embedded' | 'process'
  /** Undefined: the usual one of pair and member. */
  readonly unitSocket: string | undefined
}

/** The names of the options. */
export const unitNames = ['unit', 'unitSocket'] as const

/** Longest path of a socket, in bytes. */
const mostPathBytes = 107

/** The path of a unit's socket. Throws ConfigError. */
export function socketPath(key: string, value: unknown): string {
  const path = text(key, value, 1, mostPathBytes)
  if (!isAbsolute(path) || Buffer.byteLength(path) > mostPathBytes) {
    throw wrong(key, `must be an absolute path of at most ${mostPathBytes} bytes`, path)
  }
  return path
}

/** Checks the options and fills in the defaults. Throws ConfigError. */
export function unitOf<State>({ unit, unitSocket }: MemberOptions<State>): UnitChoice {
  const choice = unit === undefined ? 'embedded' : oneOf('unit', unit, ['embedded', 'process'])
  if (unitSocket === undefined) return { unit: choice, unitSocket }
  if (choice === 'embedded') throw wrong('unitSocket', "needs unit: 'process'", unitSocket)
  return { unit: choice, unitSocket: socketPath('unitSocket', unitSocket) }
}
