/**
 * The program `wires` as a test sees it: built when it is needed, told what happens on each wire.
 *
 * A wire has two ends, each a network device of its own that may be moved to another host. What is
 * set replaces what was set before on that way, and holds when `set` resolves.
 */

import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { renameSync, statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What happens to packets on one way of a wire. What is not named does not happen. */
export interface Weather {
  /** The share that is lost, 0 to 1. */
  readonly loss?: number
  /** The share that comes twice. */
  readonly double?: number
  /** The share that others overtake: 20 ms late. */
  readonly late?: number
  readonly delayMs?: number
  /** Added to the delay, from nothing to this; order is kept. */
  readonly jitterMs?: number
  /** Thousand bits a second. */
  readonly kbits?: number
  /** How long a packet may wait for those before it; then it is lost. */
  readonly queueMs?: number
  /** Larger packets vanish without a word, as behind a router that answers nothing. */
  readonly bytes?: number
}

const at = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url))
const source = at('test/process/netns/wires_linux.cpp')
const parts = ['base/clock_posix', 'base/check'].map((part) => at(`native/${part}.cpp`))
const program = fileURLToPath(new URL('wires', import.meta.url))
const warnings = ['-Wall', '-Wextra', '-Wconversion', '-Werror']
const options = ['-O2', '-std=c++20', ...warnings, `-I${at('native')}`]
const run = promisify(execFile)

let building: Promise<void> | undefined

/** Builds the program, once, unless it is newer than its source. */
function build(): Promise<void> {
  building ??= buildNow()
  return building
}

async function buildNow(): Promise<void> {
  const built = statSync(program, { throwIfNoEntry: false })
  if (built !== undefined && built.mtimeMs > statSync(source).mtimeMs) return
  // Other tests may build at the same time: each its own, and the last one stays.
  const own = `${program}-${process.pid}`
  await run('g++', [...options, '-o', own, source, ...parts], { timeout: 60_000 })
  renameSync(own, program)
}

export class Wires {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: (() => void)[] = []
  #isEnded = false

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child
    child.stdin.on('error', () => {})
    child.once('close', () => {
      this.#isEnded = true
      for (const answer of this.#answers.splice(0)) answer()
    })
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const _ of lines) this.#answers.shift()?.()
    })
  }

  /** Makes a wire between each two names; undefined when one of the names is taken. */
  static async open(seed: number, ends: readonly string[]): Promise<Wires | undefined> {
    await build()
    const child = spawn(program, [`${seed}`, ...ends], { stdio: ['pipe', 'pipe', 'ignore'] })
    const wires = new Wires(child)
    await wires.#answered()
    return wires.#isEnded ? undefined : wires
  }

  /** `way` 0 is from the first end of the wire to the second, 1 the other way. */
  async set(wire: number, way: 0 | 1, weather: Weather): Promise<void> {
    const words = Object.entries(wordsOf(weather)).map(([key, value]) => `${key} ${value}`)
    this.#child.stdin.write(`${[wire, way, ...words].join(' ')}\n`)
    await this.#answered()
    if (this.#isEnded) throw new Error('the wires are gone')
  }

  /** Both ends of every wire are gone with it. */
  end(): void {
    this.#child.kill('SIGKILL')
  }

  #answered(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isEnded) resolve()
      else this.#answers.push(resolve)
    })
  }
}

function wordsOf(weather: Weather): Readonly<Record<string, number>> {
  const { loss = 0, double = 0, late = 0, delayMs = 0, jitterMs = 0 } = weather
  const { kbits = 0, queueMs = 0, bytes = 0 } = weather
  const mille = (share: number) => Math.round(share * 1000)
  const micro = (milliseconds: number) => Math.round(milliseconds * 1000)
  return {
    ...{ loss: mille(loss), double: mille(double), late: mille(late) },
    ...{ delayUs: micro(delayMs), jitterUs: micro(jitterMs) },
    ...{ kbits, queueUs: micro(queueMs), bytes },
  }
}
