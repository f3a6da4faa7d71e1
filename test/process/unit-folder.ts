/**
 * The units of a test: their sockets lie in a folder of its own, and they are found by the path of
 * their socket, which stands in their arguments. Linux only, because only there /proc tells that
 * without another program.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { deadlineMs } from '../member/support.js'
import { Outside } from './outside.js'

interface Found {
  readonly pid: number
  readonly socket: string
}

/** A folder for sockets, short enough for their paths, and what is in it. */
export class UnitFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'hp-unit-'))

  /** Units that live now, of either member. */
  get units(): Found[] {
    const found: Found[] = []
    for (const entry of readdirSync('/proc')) {
      const socket = /^\d+$/.test(entry) ? this.#socketOf(entry) : undefined
      if (socket !== undefined) found.push({ pid: Number(entry), socket })
    }
    return found
  }

  unitOf(member: 'a' | 'b'): number | undefined {
    return this.units.find(({ socket }) => socket.endsWith(`-${member}.sock`))?.pid
  }

  get sockets(): string[] {
    return readdirSync(join(this.path, 'hotpair')).filter((name) => name.endsWith('.sock'))
  }

  end(): void {
    for (const { pid } of this.units) process.kill(pid, 'SIGKILL')
    rmSync(this.path, { recursive: true, force: true })
  }

  #socketOf(pid: string): string | undefined {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      // Who was killed and is not collected yet has no arguments any more.
      return words.find((word) => word.startsWith(this.path) && word.endsWith('.sock'))
    } catch {
      return undefined
    }
  }
}

/** Waits, with a deadline as a guard, for what nobody tells. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await sleep(10)
  }
}

/** The outside world of a pair whose units are processes of their own. */
export async function openWithUnits(
  t: Test,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<{ outside: Outside; folder: UnitFolder }> {
  const folder = new UnitFolder()
  process.env['XDG_RUNTIME_DIR'] = folder.path
  const options = { unit: 'process', heartbeatMs: 20, windowMs: 200, ...changes }
  const outside = await Outside.open(t, options)
  t.teardown(() => folder.end())
  return { outside, folder }
}

export function isWhole(t: Test, outside: Outside): void {
  t.same(outside.handedOn, outside.expected, 'the stream is that of one uninterrupted process')
  t.same(outside.offences, [], 'no number was given twice')
}
