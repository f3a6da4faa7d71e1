/**
 * A small C++ program beside a benchmark: built once a run in a folder of its own, and run.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canPin } from './machine.js'

const native = fileURLToPath(new URL('../../../native', import.meta.url))
/** Every program may take the time as the addon does. */
const usual = ['base/clock_posix', 'base/check']

export class Program {
  readonly #sources: readonly string[]
  readonly #folder = mkdtempSync(join(tmpdir(), 'hotpair-bench-'))
  readonly #program = join(this.#folder, 'program')
  readonly #running = new Set<ChildProcess>()

  /** `path` of its own source, below benchmarks/; `parts`: those of the addon that it uses. */
  constructor(path: string, parts: readonly string[] = []) {
    const own = fileURLToPath(new URL(`../../../benchmarks/${path}`, import.meta.url))
    this.#sources = [own, ...[...usual, ...parts].map((part) => join(native, `${part}.cpp`))]
  }

  /** Throws where there is no compiler, or it refuses. */
  build(): void {
    const options = ['-O2', '-std=c++20', `-I${native}`, '-o', this.#program]
    execFileSync('g++', [...options, ...this.#sources], { stdio: 'pipe' })
  }

  /** Runs it; resolves with the numbers that it prints. `onReady`: it listens. */
  run(
    args: readonly (string | number)[],
    { processor, onReady }: { readonly processor?: number; readonly onReady?: () => void },
  ): Promise<number[]> {
    const words = args.map(String)
    const pinned = canPin && processor !== undefined ? ['taskset', '-c', `${processor}`] : []
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
        else reject(new Error(`the program beside it ended: ${signal ?? `code ${code}`}`))
      })
    })
  }

  end(): void {
    for (const child of this.#running) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
