/**
 * Starts the unit of a member as a process of its own: the same program as `hotpair unit`.
 *
 * A unit that a server has started ends with it when it closes, and outlives it when it dies: for
 * `lingerMs`, in which the server may be started again.
 */

import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { reasonOf } from '../errors.js'

/** How long a unit stays whose server has died, unless another one comes. */
const lingerMs = 10_000

/** Characters of what a unit says at its end that are kept: some sentences. */
const mostSaid = 2_000

/**
 * Starts a unit that listens at `path`, apart from this process: it outlives it. `ended` is told
 * why, if it ends while this process lives; the first sentence is that of the refusal, if one is.
 */
export function startUnit(path: string, ended: (why: string) => void): void {
  const program = fileURLToPath(new URL('../cli/main.js', import.meta.url))
  const args = [program, 'unit', '--socket', path, '--once', '--linger', String(lingerMs)]
  const child = spawn(process.execPath, [...args, '--quiet'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: '/',
    env: environment(),
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, mostSaid)
  })
  // Whatever becomes of the pipe, it is not this process's concern.
  child.stderr.on('error', () => {})
  child.on('error', (error) => ended(reasonOf(error)))
  // After the last of what it has said.
  child.on('close', (code, signal) => ended(said.trim() || `with ${signal ?? `code ${code}`}`))
  child.unref()
  // A pipe is a socket: neither it nor the child keeps this process alive.
  if (child.stderr instanceof Socket) child.stderr.unref()
}

/**
 * Not the unit's business: what this process was started with (a profiler, an inspector), and what
 * its service manager waits to hear from it alone.
 */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, NOTIFY_SOCKET, WATCHDOG_PID, WATCHDOG_USEC, ...rest } = process.env
  return rest
}
