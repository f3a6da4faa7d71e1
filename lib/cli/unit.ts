/**
 * `hotpair unit`: the system unit of a member as a process of its own. Operators and service
 * managers start it, and a server with `unit: 'process'` does by itself.
 *
 * It listens on a socket until it is ended by SIGTERM or SIGINT. A second one on the same socket
 * ends at once, and the first goes on.
 */

import { ConfigError, reasonOf } from '../errors.js'
import { openUnit, type UnitHandle, type UnitReport } from '../native/unit.js'
import { systemClock } from '../runtime/clock.js'
import type { Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'
import { refuse } from './refuse.js'
import { serviceManager } from './service-manager.js'
import { type UnitSettings, unitSettings } from './unit-settings.js'

const usage = `usage: hotpair unit [--config FILE] [--socket PATH] [--once] [--linger MS] [--quiet]

  --config FILE  JSON: { "socket" } or { "pair", "member" }, and "once", "lingerMs", "quiet";
                 an option of the command line counts before the file
  --socket PATH  where the server of the member finds it: absolute, at most 107 bytes
  --once         ends when its server closes in order
  --linger MS    ends so long after its server has died, unless another comes; default: never
  --quiet        says nothing on standard output, where else each change is a line of JSON

Under systemd (Type=notify) it says when it listens and what it does, and answers the watchdog.

exit codes: 0 it was ended, 1 it cannot listen (another unit does, or the path will not do), 2 the
call or the file is wrong`

const phases = ['waiting', 'serving', 'gone'] as const

/** Runs until the process is ended. */
export function unitCommand(args: readonly string[]): void {
  const settings = settingsOf(args)
  if (settings === 'help') console.log(usage)
  else new UnitProgram(settings).run()
}

function settingsOf(args: readonly string[]): UnitSettings | 'help' {
  try {
    return unitSettings(args)
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.message, usage)
    throw error
  }
}

class UnitProgram {
  readonly #settings: UnitSettings
  readonly #unit: UnitHandle
  /** Ends this process when nobody needs it any more. */
  #lingering: Timer | undefined

  constructor(settings: UnitSettings) {
    this.#settings = settings
    this.#unit = open(settings.socket, (report) => this.#changed(report))
  }

  run(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#end())
    // Nobody has to listen to what it says.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
    // The threads of the unit do not keep Node alive.
    const stay = () => void systemClock.setTimer(millis(60_000), stay)
    stay()
    this.#changed(this.#unit.report())
  }

  #changed({ phase, incarnation, ...report }: UnitReport): void {
    const { once, lingerMs, quiet } = this.#settings
    const { taken } = report
    if (!quiet) console.log(JSON.stringify({ phase: phases[phase], ...report }))
    this.#lingering?.clear()
    if (phase === 0 && once && taken > 0) return this.#end()
    if (phase === 1 || lingerMs === undefined) return
    this.#lingering = systemClock.setTimer(millis(lingerMs), () => this.#end())
  }

  #end(): never {
    this.#unit.close()
    process.exit(0)
  }
}

function open(path: string, onRing: (report: UnitReport) => void): UnitHandle {
  try {
    return openUnit(path, serviceManager(process.env, process.pid), onRing)
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.message, usage)
    console.error(`hotpair: ${reasonOf(error)}`)
    return process.exit(1)
  }
}
