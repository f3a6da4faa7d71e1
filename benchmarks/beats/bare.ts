/**
 * The small C++ program beside `beats`: built once a run in a folder of its own, and run.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canPin } from '../support/machine.js'

const source = fileURLToPath(new URL('../../../benchmarks/beats/bare_posix.cpp', import.meta.url))

export class Bare {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hotpair-bench-'))
  readonly #program = join(this.#folder, 'bare')
  readonly #running = new Set<ChildProcess>()

  /** Throws where there is no compiler, or it refuses. */
  build(): void {
    execFileSync('g++', ['-O2', '-std=c++20', '-o', this.#program, source], { stdio: 'pipe' })
  }

  /** Runs it; resolves with the numbers that it prints. `onReady`: it listens. */
  run(
    args: readonly (string | number)[],
    { processor, onReady }: { readonly processor: number; readonly onReady?: () => void },
  ): Promise<number[]> {
    const words = args.map(String)
    const pinned = canPin ? ['taskset', '-c', `${processor}`] : []
    const [command = '', ...rest] = [...pinned, this.#program, ...words]
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#running.add(child)
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      if (text === '' && part.startsWith('ready')) onReady?.()
      text += part
    })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        this.#running.delete(child)
        if (code === 0) resolve(text.match(/^\d+$/gm)?.map(Number) ?? [])
        else reject(new Error(`the bare program ended: ${signal ?? `code ${code}`}`))
      })
    })
  }

  end(): void {
    for (const child of this.#running) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
