/**
 * What the file of a pair is called, for any name that a pair may have.
 *
 * Two pairs never share a file, and no name leads out of the folder.
 */

import { createHash } from 'node:crypto'

/** Sixteen hexadecimal digits that stand for the name of a pair where it cannot stand itself. */
export function digestOfName(pair: string): string {
  return createHash('sha256').update(pair).digest('hex').slice(0, 16)
}

/** Readable as far as it goes, and different for each pair, and for each of its members. */
export function fileNameOf(pair: string, member?: string): string {
  const readable = pair.replace(/[^A-Za-z0-9_-]/g, '_')
  const whose = member === undefined ? '' : `-${member}`
  return `${readable}-${digestOfName(pair)}${whose}.record`
}
