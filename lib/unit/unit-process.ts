/**
 * Where the unit of a member is found when it is a process of its own.
 *
 * The socket lies in a folder that only this user can enter. Server and unit find it by the same
 * names, so that neither needs to be told by the other.
 */

import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { MemberId } from '../units.js'

/**
 * The socket of a member's unit. In `XDG_RUNTIME_DIR`, where a login session has one, else in the
 * folder for temporary files, by user. The name is a digest, because a path has at most 107 bytes.
 */
export function unitSocketPath(pair: string, member: MemberId): string {
  const session = process.env['XDG_RUNTIME_DIR']
  const folder =
    session !== undefined && isAbsolute(session)
      ? join(session, 'hotpair')
      : join(tmpdir(), `hotpair-${userInfo().uid}`)
  const digest = createHash('sha256').update(pair).digest('hex').slice(0, 16)
  return join(folder, `${digest}-${member}.sock`)
}
