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

/** Checks the options and fills in the defaults. Throws ConfigError. */
export function unitOf<State>({ unit, unitSocket }: MemberOptions<State>): UnitChoice {
  const choice = unit === undefined ? 'embedded' : oneOf('unit', unit, ['embedded', 'process'])
  if (unitSocket === undefined) return { unit: choice, unitSocket }
  const path = text('unitSocket', unitSocket, 1, mostPathBytes)
  if (choice === 'embedded') throw wrong('unitSocket', "needs unit: 'process'", path)
  if (!isAbsolute(path) || Buffer.byteLength(path) > mostPathBytes) {
    throw wrong('unitSocket', `must be an absolute path of at most ${mostPathBytes} bytes`, path)
  }
  return { unit: choice, unitSocket: path }
}
