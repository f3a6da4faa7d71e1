/**
 * Where the unit of a member is found, and how it is started as a process of its own.
 *
 * The socket lies in a folder that only this user can enter. A unit that a server has started ends
 * with it when it closes, and outlives it when it dies: for `lingerMs`, in which the server may be
 * started again.
 */

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MemberId } from '../units.js'

/** How long a unit stays whose server has died, unless another one comes. */
export const lingerMs = 10_000

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

/** Starts a unit that listens at `path`, apart from this process: it outlives it. */
export function startUnit(path: string): void {
  const program = fileURLToPath(new URL('./unit-program.js', import.meta.url))
  // What this process was started with (a profiler, an inspector) is not the unit's business.
  const { NODE_OPTIONS: _, ...env } = process.env
  const args = [program, '--socket', path, '--once', '--linger', String(lingerMs)]
  const child = spawn(process.execPath, args, { detached: true, stdio: 'ignore', cwd: '/', env })
  // A unit that cannot be started is found missing: that error has the sentence.
  child.on('error', () => {})
  child.unref()
}
