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
  readonly onHang: 'fence' | 'kill'
}

/** The names of the options. */
export const unitNames = ['unit', 'unitSocket', 'onHang'] as const

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
export function unitOf<State>(options: MemberOptions<State>): UnitChoice {
  const { unit = 'embedded', unitSocket, onHang = 'fence' } = options
  const place = oneOf('unit', unit, ['embedded', 'process'])
  const policy = oneOf('onHang', onHang, ['fence', 'kill'])
  const isApart = place === 'process'
  // A beat thread of the same process would end what is to tell the other member of the end.
  if (policy === 'kill' && !isApart) throw wrong('onHang', "needs unit: 'process'", policy)
  if (unitSocket === undefined) return { unit: place, unitSocket, onHang: policy }
  if (!isApart) throw wrong('unitSocket', "needs unit: 'process'", unitSocket)
  return { unit: place, unitSocket: socketPath('unitSocket', unitSocket), onHang: policy }
}
