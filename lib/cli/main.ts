#!/usr/bin/env node
/**
 * `hotpair`: what an operator calls. It finds the command and hands it the rest of the line.
 *
 * Exit codes of all commands: 0 it is done, 1 the system refuses, 2 the call is wrong and nothing
 * was begun.
 */

import { readFileSync } from 'node:fs'
import { recordCommand } from './record.js'
import { refuse } from './refuse.js'
import { unitCommand } from './unit.js'
import { witnessCommand } from './witness.js'

const usage = `usage: hotpair COMMAND [OPTION...]

  hotpair record     shows what the arbiter keeps for a pair
  hotpair unit       runs the unit of a member as a process of its own
  hotpair witness    keeps the records of pairs, as their arbiter
  hotpair --help     says this; hotpair COMMAND --help says more
  hotpair --version  says the version of the package

exit codes: 0 done, 1 the system refuses, 2 the call is wrong`

function version(): string {
  const manifest = new URL('../../package.json', import.meta.url)
  return String(JSON.parse(readFileSync(manifest, 'utf8')).version)
}

const [command, ...rest] = process.argv.slice(2)
switch (command) {
  case 'record':
    await recordCommand(rest)
    break
  case 'unit':
    unitCommand(rest)
    break
  case 'witness':
    await witnessCommand(rest)
    break
  case '--help':
  case '-h':
    console.log(usage)
    break
  case '--version':
    console.log(version())
    break
  case undefined:
    refuse('a command is missing', usage)
    break
  default:
    refuse(`'${command}' is no command of hotpair; there are record, unit and witness`, usage)
}
