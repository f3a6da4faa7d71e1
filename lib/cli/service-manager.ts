/**
 * Who has started this process as a service, by what it has left in the environment (sd_notify(3)).
 */

import { within } from '../config/check.js'
import type { ServiceManager } from '../native/unit.js'

/** A year: no watchdog waits longer. */
const mostMicros = 31_536_000_000_000

/**
 * The service manager of the process `pid`. A watchdog that waits for another process, as the
 * parent that this one was started by, is not ours to answer.
 *
 * @throws ConfigError when a variable is not what sd_notify(3) says.
 */
export function serviceManager(env: NodeJS.ProcessEnv, pid: number): ServiceManager {
  const { NOTIFY_SOCKET: notifySocket = '', WATCHDOG_PID: guarded, WATCHDOG_USEC: wait } = env
  const isOurs = guarded === undefined || guarded === String(pid)
  if (notifySocket === '' || wait === undefined || !isOurs) {
    return { notifySocket, watchdogMicros: 0 }
  }
  const micros = /^\d+$/.test(wait) ? Number(wait) : wait
  return { notifySocket, watchdogMicros: within('WATCHDOG_USEC', micros, 0, mostMicros, true) }
}
