/**
 * A witness for tests, with a folder of its own.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { WitnessClient } from '#lib/arbiter/witness/client.js'
import { Witness, type WitnessEvent, type WitnessPair } from '#lib/arbiter/witness/witness.js'
import { systemClock } from '#lib/runtime/clock.js'
import { systemFiles } from '#lib/store/kept-file.js'
import { millis } from '#lib/units.js'

export const secret = 'correct horse battery staple'

export interface TestWitness {
  readonly witness: Witness
  readonly port: number
  readonly folder: string
  readonly events: readonly WitnessEvent[]
  close(): Promise<void>
}

export function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'hp-witness-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Listens on loopback, on `port` or on one that the system chooses. */
export async function openWitness(
  t: Test,
  pairs: readonly WitnessPair[],
  given: { readonly folder?: string; readonly port?: number } = {},
): Promise<TestWitness> {
  const folder = given.folder ?? folderOf(t)
  const events: WitnessEvent[] = []
  const tell = (event: WitnessEvent) => events.push(event)
  const parts = { clock: systemClock, files: systemFiles, folder, pairs, tell }
  const witness = new Witness(parts)
  t.teardown(() => witness.close())
  await witness.open([{ host: '127.0.0.1', port: given.port ?? 0 }])
  const port = witness.addresses[0]?.port ?? 0
  return { witness, port, folder, events, close: () => witness.close() }
}

export function clientOf(
  t: Test,
  port: number,
  pair: string,
  given: {
    readonly secret?: string | readonly string[] | undefined
    readonly timeoutMs?: number
  } = {},
): WitnessClient {
  const client = new WitnessClient({
    address: { host: '127.0.0.1', port },
    pair,
    member: 'a',
    secrets: [given.secret ?? []].flat(),
    timeout: millis(given.timeoutMs ?? 5_000),
    clock: systemClock,
    random: () => 0.5,
  })
  t.teardown(() => client.close())
  return client
}
