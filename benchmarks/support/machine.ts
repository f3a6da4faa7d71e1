/**
 * The machine that figures were measured on, and its processors.
 *
 * A figure without its machine means nothing; the load when it began tells whether anybody else
 * was measured with it.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  /** Processes that wanted to run, on average over the last minute. */
  readonly load: number
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `Linux ${release()}`,
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

/** Whether the program `name` is on the path. */
export function isInstalled(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0
}

// As it was when the run began: the run pins itself.
const allowed =
  /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'

/** Two processors that this process may use; the same twice where there is one. */
export function twoProcessors(): readonly [number, number] {
  const all = allowed.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  const [one = 0, other = one] = all
  return [one, other]
}

export const canPin: boolean = isInstalled('taskset')

/** Puts every thread of `pid` on one processor. False where that cannot be done. */
export function pin(pid: number, processor: number): boolean {
  if (!canPin) return false
  return spawnSync('taskset', ['-a', '-c', '-p', `${processor}`, `${pid}`]).status === 0
}

/** Lets `pid` run on every processor that this process could use when it began. */
export function unpin(pid: number): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', allowed, `${pid}`])
}
