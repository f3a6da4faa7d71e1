/**
 * A real etcd of the test's own, on loopback, with a folder of its own; where none is installed the
 * tests are skipped and say so.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { EtcdClient, type EtcdOptions } from '#lib/arbiter/etcd/client.js'
import { systemClock } from '#lib/runtime/clock.js'
import { millis } from '#lib/units.js'

const found = spawnSync('etcd', ['--version'], { encoding: 'utf8' })

/** False, or why there is no etcd. */
export const noEtcd: string | false =
  found.error === undefined ? false : 'etcd is not installed (Debian: etcd-server)'

/** Paths of a server's certificate and key. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

export class TestEtcd {
  readonly port: number
  readonly #peerPort: number
  readonly #folder: string
  readonly #certificate: Certificate | undefined
  #child: ChildProcess | undefined

  private constructor(port: number, peerPort: number, folder: string, certificate?: Certificate) {
    this.port = port
    this.#peerPort = peerPort
    this.#folder = folder
    this.#certificate = certificate
  }

  static async open(t: Test, certificate?: Certificate): Promise<TestEtcd> {
    const folder = mkdtempSync(join(tmpdir(), 'hp-etcd-'))
    const etcd = new TestEtcd(await freePort(), await freePort(), folder, certificate)
    t.teardown(async () => {
      await etcd.kill()
      rmSync(folder, { recursive: true, force: true })
    })
    await etcd.start()
    return etcd
  }

  get url(): string {
    const scheme = this.#certificate === undefined ? 'http' : 'https'
    return `${scheme}://127.0.0.1:${this.port}`
  }

  /** Starts it, with what it kept, and resolves when it listens. */
  async start(): Promise<void> {
    const peer = `http://127.0.0.1:${this.#peerPort}`
    const { cert = '', key = '' } = this.#certificate ?? {}
    const args = [
      `--data-dir=${this.#folder}/data`,
      `--listen-client-urls=${this.url}`,
      `--advertise-client-urls=${this.url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--logger=zap',
      '--log-outputs=stderr',
      ...(cert === '' ? [] : [`--cert-file=${cert}`, `--key-file=${key}`]),
    ]
    const child = spawn('etcd', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`etcd has ended: ${said.slice(-2_000)}`)))
      child.stderr.on('data', (chunk) => {
        said = `${said}${chunk}`.slice(-20_000)
        if (/serving (?:insecure )?client (?:requests|traffic)|client requests on/i.test(said))
          resolve()
      })
    })
  }

  /** Without a farewell. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** Asks it for something as its operator. */
  async ask(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const headers = token === undefined ? {} : { authorization: token }
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetch(`${this.url}${path}`, init)
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(JSON.stringify(answer))
    return { ...(answer as object) }
  }
}

/** A client of one or more endpoints. */
export function clientOf(
  t: Test,
  endpoints: readonly string[],
  pair: string,
  given: Partial<EtcdOptions> & { readonly timeoutMs?: number } = {},
): EtcdClient {
  const { timeoutMs = 5_000, ...rest } = given
  const client = new EtcdClient({
    endpoints: endpoints.map((each) => new URL(each)),
    prefix: '/hotpair/',
    pair,
    user: undefined,
    password: undefined,
    tls: undefined,
    timeout: millis(timeoutMs),
    clock: systemClock,
    ...rest,
  })
  t.teardown(() => client.close())
  return client
}
