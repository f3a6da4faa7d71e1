#!/usr/bin/env node
/**
 * The program of a system unit that is a process of its own; a server starts it by itself.
 *
 * It listens on a socket until it is ended by SIGTERM or SIGINT; a second one on the same socket
 * ends at once with exit code 1, and the first goes on. Exit code 2: wrong arguments.
 */

import { parseArgs } from 'node:util'
import { reasonOf } from '../errors.js'
import { openUnit, type UnitReport } from '../native/unit.js'
import { systemClock } from '../runtime/clock.js'
import type { Timer } from '../runtime/ports-clock.js'
import { millis } from '../units.js'

const usage = `usage: unit-program --socket PATH [--once] [--linger MS] [--quiet]

  --socket PATH  where the server of the member finds it: absolute, at most 107 bytes
  --once         ends when its server closes in order
  --linger MS    ends so long after its server has died, unless another comes; default: never
  --quiet        says nothing on standard output`

const say = (text: string) => {
  if (!values.quiet) process.stdout.write(`${text}\n`)
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n\n${usage}\n`)
  process.exit(2)
}

function read() {
  try {
    return parseArgs({
      options: {
        socket: { type: 'string' },
        once: { type: 'boolean', default: false },
        linger: { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return refuse(reasonOf(error))
  }
}

const values = read()
const lingerMs = values.linger === undefined ? undefined : Number(values.linger)

/** Ends this process when nobody needs it any more. */
let lingering: Timer | undefined
function changed({ phase, serverPid, taken, died, refused }: UnitReport): void {
  const phases = ['waiting', 'serving', 'gone'] as const
  say(JSON.stringify({ phase: phases[phase], serverPid, taken, died, refused }))
  lingering?.clear()
  if (phase === 0 && values.once && taken > 0) return end()
  if (phase === 1 || lingerMs === undefined) return
  lingering = systemClock.setTimer(millis(lingerMs), end)
}

function end(): void {
  unit.close()
  process.exit(0)
}

if (values.help) {
  process.stdout.write(`${usage}\n`)
  process.exit(0)
}
if (values.socket === undefined) refuse('--socket is missing')
if (lingerMs !== undefined && !(lingerMs >= 0)) refuse('--linger must be milliseconds')

function open(path: string) {
  try {
    return openUnit(path, changed)
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`)
    return process.exit(1)
  }
}

const unit = open(values.socket)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
// The threads of the unit do not keep Node alive.
const stay = () => void systemClock.setTimer(millis(60_000), stay)
stay()
changed(unit.report())
