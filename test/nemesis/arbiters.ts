/**
 * A real arbiter of a run's own: `hotpair witness` or an etcd, where its host is, with a folder of
 * its own; killed, stopped and started as the run wants it.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MemberOptions } from 'hotpair'

export type ArbiterKind = 'witness' | 'etcd'

export interface ArbiterPlace {
  readonly kind: ArbiterKind
  readonly pair: string
  readonly secret: string
  /** Where it listens, and where the members reach it. */
  readonly host: string
  readonly port: number
  /** The command before its command. */
  readonly launch: readonly string[]
}

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
/** Until it listens: on a machine that has other work. */
const startsInMs = 20_000
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Why there can be none of that kind, or undefined. */
export function whyNoArbiter(kind: ArbiterKind): string | undefined {
  if (kind === 'witness') return undefined
  const { error } = spawnSync('etcd', ['--version'], { stdio: 'ignore' })
  return error === undefined ? undefined : 'etcd is not installed (Debian: etcd-server)'
}

export class RealArbiter {
  readonly #place: ArbiterPlace
  readonly #folder = mkdtempSync(join(tmpdir(), 'hp-arbiter-'))
  #child: ChildProcess | undefined

  private constructor(place: ArbiterPlace) {
    this.#place = place
  }

  static async open(place: ArbiterPlace): Promise<RealArbiter> {
    const arbiter = new RealArbiter(place)
    try {
      await arbiter.start()
      return arbiter
    } catch (error) {
      await arbiter.close()
      throw error
    }
  }

  /** As a member names it. */
  get option(): MemberOptions<unknown>['arbiter'] {
    const { kind, host, port } = this.#place
    const address = `${host}:${port}`
    return kind === 'witness'
      ? { witness: { address } }
      : { etcd: { endpoints: `http://${address}` } }
  }

  /** With what it has kept; resolves when it listens. */
  async start(): Promise<void> {
    const { launch, kind } = this.#place
    const own = kind === 'witness' ? this.#witness() : this.#etcd()
    const [command = '', ...args] = [...launch, ...own]
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    living.add(child)
    child.once('exit', () => living.delete(child))
    let said = ''
    await new Promise<void>((resolve, reject) => {
      const guard = setTimeout(() => reject(new Error(`${kind} is silent: ${said}`)), startsInMs)
      const listen = (chunk: Buffer) => {
        said = `${said}${chunk}`.slice(-20_000)
        if (
          /"listening"|serving (insecure )?client (requests|traffic)|client requests on/i.test(said)
        )
          resolve()
      }
      child.stdout.on('data', listen)
      child.stderr.on('data', listen)
      child.once('exit', () => reject(new Error(`${kind} has ended: ${said.slice(-2_000)}`)))
      child.once('error', reject)
      child.once('exit', () => clearTimeout(guard))
    })
  }

  /** Without a farewell. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Ends it, with all that it kept. */
  async close(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #witness(): readonly string[] {
    const { pair, secret, host, port } = this.#place
    const config = join(this.#folder, 'witness.json')
    const folder = join(this.#folder, 'records')
    const listen = `${host}:${port}`
    writeFileSync(config, JSON.stringify({ listen, folder, pairs: { [pair]: { secret } } }))
    return [process.execPath, program, 'witness', '--config', config]
  }

  #etcd(): readonly string[] {
    const { host, port } = this.#place
    const url = `http://${host}:${port}`
    const peer = `http://127.0.0.1:${port + 1}`
    return [
      'etcd',
      `--data-dir=${this.#folder}/data`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--logger=zap',
      '--log-outputs=stderr',
    ]
  }
}
