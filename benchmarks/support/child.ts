/**
 * The parent's end of a benchmark's process: started pinned, asked by name, ended by its own id.
 *
 * Nothing outlives the run: whatever way the parent ends that can be noticed, its children are
 * killed; and a child whose parent is gone ends by itself.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { canPin } from './machine.js'
import type { Order, Report } from './serve.js'

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export interface ChildOptions {
  /** The processor on which all its threads run; any when undefined. */
  readonly processor?: number | undefined
  readonly args?: readonly string[]
  /** Options of Node.js itself. */
  readonly nodeArgs?: readonly string[]
  readonly onTold?: (value: never) => void
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Child {
  readonly pid: number
  /** Resolves with the exit code or the signal. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #ready: Promise<void>
  #asked = 0
  #isEnded = false

  private constructor(program: URL, options: ChildOptions) {
    const { processor, args = [], nodeArgs = [], onTold } = options
    const isPinned = processor !== undefined && canPin
    const child = fork(program, args, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...(isPinned
        ? { execPath: 'taskset', execArgv: ['-c', `${processor}`, process.execPath, ...nodeArgs] }
        : { execArgv: [...nodeArgs] }),
    })
    living.add(child)
    this.#process = child
    this.pid = child.pid ?? 0
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        living.delete(child)
        this.#isEnded = true
        const how = signal ?? `code ${code}`
        const error = new Error(`the process ended (${how}) before it answered`)
        for (const { reject } of this.#waiting.values()) reject(error)
        resolve(how)
      })
    })
    this.#ready = new Promise((resolve, reject) => {
      child.once('error', reject)
      void this.ended.then((how) => reject(new Error(`${program} ended at its start: ${how}`)))
      child.on('message', (report: Report) => {
        if (report.type === 'ready') resolve()
        else if (report.type === 'told') onTold?.(report.value as never)
        else this.#answered(report)
      })
    })
  }

  /** Resolves when the program is loaded and serves. */
  static async start(program: URL, options: ChildOptions = {}): Promise<Child> {
    const child = new Child(program, options)
    await child.#ready
    return child
  }

  get isAlive(): boolean {
    return !this.#isEnded
  }

  /** Sends an order and waits for its answer, whose type the caller knows. */
  ask<Answer = void>(name: string, argument?: unknown): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      if (this.#isEnded) return reject(new Error(`the process has ended; '${name}' was not asked`))
      this.#asked += 1
      const order: Order = { id: this.#asked, name, argument }
      this.#waiting.set(order.id, { resolve: (value) => resolve(value as Answer), reject })
      this.#process.send(order, (error) => {
        if (error) reject(error)
      })
    })
  }

  /** Sends a signal; takes effect as soon as the kernel gets to it. */
  signal(name: NodeJS.Signals): void {
    if (!this.#isEnded) process.kill(this.pid, name)
  }

  /** Ends the process at once. */
  async end(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended
  }

  #answered(report: Extract<Report, { id: number }>): void {
    const waiting = this.#waiting.get(report.id)
    this.#waiting.delete(report.id)
    if (report.type === 'answer') waiting?.resolve(report.value)
    else waiting?.reject(new Error(report.message))
  }
}
