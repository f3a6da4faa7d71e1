/**
 * `hotpair witness`: keeps the records of pairs for their members, on a host of its own.
 *
 * It runs until it is ended by SIGTERM or SIGINT; what was begun is written first. Being killed
 * harms nothing: what it has acknowledged is on the disk.
 */

import { type HeldFolder, holdFolder } from '../arbiter/witness/folder.js'
import { Witness, type WitnessEvent } from '../arbiter/witness/witness.js'
import { ConfigError, reasonOf } from '../errors.js'
import { systemClock } from '../runtime/clock.js'
import { systemFiles } from '../store/kept-file.js'
import { refuse } from './refuse.js'
import { type WitnessSettings, witnessSettings } from './witness-settings.js'

const usage = `usage: hotpair witness --config FILE [--quiet]

  --config FILE  JSON: { "listen": "host:port", "folder": "/…", "pairs": { "name": { … } } };
                 for each pair "secret" (one, or two while it is changed) or "secretFile"
  --quiet        says nothing on standard output, where else each event is a line of JSON

exit codes: 0 it was ended, 1 it cannot listen or use its folder, 2 the call or the file is wrong`

/** Runs until the process is ended. */
export async function witnessCommand(args: readonly string[]): Promise<void> {
  const settings = settingsOf(args)
  if (settings === 'help') console.log(usage)
  else await run(settings)
}

function settingsOf(args: readonly string[]): WitnessSettings | 'help' {
  try {
    return witnessSettings(args)
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.message, usage)
    throw error
  }
}

async function run({ listen, folder, pairs, quiet }: WitnessSettings): Promise<void> {
  const tell = (event: object): void => {
    if (!quiet) console.log(JSON.stringify(event, bigintsAsText))
  }
  // Nobody has to listen to what it says.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const told = (event: WitnessEvent): void => tell(event)
  const parts = { clock: systemClock, files: systemFiles, folder, pairs, tell: told }
  const witness = new Witness(parts)
  const held = await open(witness, { listen, folder })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void close(witness, held))
  }
  tell({ type: 'listening', pid: process.pid, addresses: witness.addresses, pairs: pairs.length })
}

async function open(
  witness: Witness,
  { listen, folder }: Pick<WitnessSettings, 'listen' | 'folder'>,
): Promise<HeldFolder> {
  try {
    const held = await holdFolder(folder, process.pid)
    await witness.open(listen)
    return held
  } catch (error) {
    console.error(`hotpair: ${reasonOf(error)}`)
    return process.exit(1)
  }
}

async function close(witness: Witness, held: HeldFolder): Promise<void> {
  await witness.close()
  await held.release()
  process.exit(0)
}

/** Numbers of 64 and 128 bits as decimal text: no number of JSON holds them. */
export function bigintsAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
