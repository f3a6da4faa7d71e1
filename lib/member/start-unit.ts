/**
 * Starts the unit of a member as a process of its own: the same program as `hotpair unit`.
 *
 * A unit that a server has started ends with it when it closes, and outlives it when it dies: for
 * `lingerMs`, in which the server may be started again.
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How long a unit stays whose server has died, unless another one comes. */
const lingerMs = 10_000

/** Starts a unit that listens at `path`, apart from this process: it outlives it. */
export function startUnit(path: string): void {
  const program = fileURLToPath(new URL('../cli/main.js', import.meta.url))
  const args = [program, 'unit', '--socket', path, '--once', '--linger', String(lingerMs)]
  const options = { detached: true, stdio: 'ignore', cwd: '/', env: environment() } as const
  const child = spawn(process.execPath, [...args, '--quiet'], options)
  // A unit that cannot be started is found missing: that error has the sentence.
  child.on('error', () => {})
  child.unref()
}

/**
 * Not the unit's business: what this process was started with (a profiler, an inspector), and what
 * its service manager waits to hear from it alone.
 */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, NOTIFY_SOCKET, WATCHDOG_PID, WATCHDOG_USEC, ...rest } = process.env
  return rest
}
