/**
 * `ipc`: what server and unit pay for being two processes.
 *
 * Joining is the call that connects, says hello, makes the shared memory and hands it over, until
 * the unit has taken it: once in a server's life. A round trip is a message and its answer over
 * the socket, and a word of shared memory and its answer, with readers that sleep or that look all
 * the time. Nothing that is asked often goes over the socket: gate, vouch and marks are words that
 * both look at.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openHeartbeat } from '#lib/native/heartbeat.js'
import { Child } from '../support/child.js'
import {
  type Benchmark,
  countOf,
  type Findings,
  type Row,
  type Scale,
} from '../support/findings.js'
import { isInstalled, twoProcessors } from '../support/machine.js'
import { onePort } from '../support/ports.js'
import { Program } from '../support/program.js'
import { summarize } from '../support/statistics.js'

const unitProgram = new URL('./unit.js', import.meta.url)
const usualTrips = 20_000
const usualJoins = 200
/** Before anything counts: caches, branch predictors, the clock of the processor. */
const warmTrips = 500

/** What the C++ program can do, in words. */
const trips = {
  channel: 'hotpair: message and answer, 64 B',
  raw: 'send() and recv() in C, 64 B',
  wake: 'hotpair: word and answer, readers sleep',
  look: 'hotpair: word and answer, readers look',
} as const

async function roundTrips(count: number, signal: AbortSignal): Promise<Row[]> {
  const program = new Program('ipc/ipc_posix.cpp', [
    'base/crc32c',
    'base/file_facts_posix',
    'base/free_memory_linux',
    'base/mapped_region_posix',
    'base/shared_memory_linux',
    'base/shared_region_posix',
    'base/shared_word_linux',
    'base/unique_fd_posix',
    'ipc/local_channel_posix',
    'ipc/local_socket_posix',
  ])
  try {
    program.build()
    const rows: Row[] = []
    for (const [name, subject] of Object.entries(trips)) {
      signal.throwIfAborted()
      const all = await program.run([name, warmTrips + count, ...twoProcessors()], {})
      const values = all.slice(warmTrips).map((ns) => ns / 1_000)
      rows.push({ subject, case: 'round trip', unit: 'µs', ...summarize(values) })
    }
    return rows
  } finally {
    program.end()
  }
}

async function joins(count: number, signal: AbortSignal): Promise<Row> {
  const [, far] = twoProcessors()
  const folder = mkdtempSync(join(tmpdir(), 'hotpair-bench-'))
  const path = join(folder, 'unit')
  const unit = await Child.start(unitProgram, {
    processor: far,
    args: [path],
  })
  try {
    const port = await onePort()
    const took: number[] = []
    for (let index = 0; index < count; index++) {
      signal.throwIfAborted()
      await unit.ask('free')
      const began = performance.now()
      const beats = openHeartbeat(
        {
          pair: 1n,
          self: 0,
          incarnation: BigInt(index + 1),
          firstSeq: 0n,
          keys: new Uint8Array(32),
          intervalMicros: 100_000,
          windowMicros: 500_000,
          hangAfterMs: 500,
          dials: false,
          killsHung: false,
          links: [
            {
              selfHost: '127.0.0.1',
              selfPort: port,
              peerHost: '127.0.0.1',
              peerPort: port + 1,
              peerDataPort: port + 2,
            },
          ],
          unit: path,
        },
        () => {},
      )
      took.push((performance.now() - began) * 1_000)
      beats.close()
    }
    return { subject: 'hotpair', case: 'join a unit', unit: 'µs', ...summarize(took) }
  } finally {
    await unit.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function run(scale: Scale, signal: AbortSignal): Promise<Findings> {
  const joined = await joins(scale.n ?? (scale.isQuick ? 5 : usualJoins), signal)
  if (!isInstalled('g++')) {
    const skipped = [{ subject: 'round trips', reason: 'no g++' }]
    return { rows: [joined], aims: [], skipped, notes: [] }
  }
  const rows = await roundTrips(countOf(scale, usualTrips, 500), signal)
  return {
    rows: [joined, ...rows],
    aims: [],
    skipped: [],
    notes: ['No aim: nothing that is asked for each frame or output goes this way.'],
  }
}

export const ipc: Benchmark = {
  name: 'ipc',
  what: 'what server and unit pay for being two processes',
  run,
}
