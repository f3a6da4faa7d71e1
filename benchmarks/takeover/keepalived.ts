/**
 * keepalived (VRRP version 3) as a peer: two of them in two network namespaces made for the run.
 *
 * It moves an address and replicates nothing, so what is measured ends where the other one says by
 * its FIFO that it has the address: the first output of an application would come after that. It
 * is set up as well as it can be: beats of 10 ms, real-time priority.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Row, Skipped } from '../support/findings.js'
import { isInstalled } from '../support/machine.js'
import { summarize } from '../support/statistics.js'
import { monotonicMs } from './world.js'

interface Found {
  readonly rows: readonly Row[]
  readonly skipped: readonly Skipped[]
}

const subject = 'keepalived, real-time priority'
/** Longest wait for a change; at these settings one takes some 30 ms. */
const patienceMs = 5_000
/** From the word of the one that comes back to the next kill: ten of its beats. */
const settleMs = 100

/** Measures `count` kills, or says why it cannot. */
export async function keepalived(count: number, signal: AbortSignal): Promise<Found> {
  const missing = ['keepalived', 'ip', 'mkfifo'].find((name) => !isInstalled(name))
  const reason =
    missing !== undefined
      ? `${missing} is not installed`
      : process.getuid?.() !== 0
        ? 'only root can make network namespaces'
        : undefined
  if (reason !== undefined) return { rows: [], skipped: [{ subject, reason }] }
  const stage = new Stage()
  try {
    const took = await stage.run(count, signal)
    const row = { subject, case: 'kill -9, VRRP 10 ms: address moved', unit: 'ms' } as const
    return { rows: [{ ...row, ...summarize(took) }], skipped: [] }
  } catch (error) {
    signal.throwIfAborted()
    const what = error instanceof Error ? error.message : String(error)
    return { rows: [], skipped: [{ subject, reason: what.split('\n')[0] ?? what }] }
  } finally {
    stage.end()
  }
}

interface Side {
  readonly space: string
  readonly config: string
  readonly fifo: Socket
  state: string
  child: ChildProcess | undefined
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** Two namespaces, a cable between them, and a directory; all of it is taken down by `end`. */
class Stage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hotpair-bench-'))
  readonly #spaces = [`hpb${process.pid}a`, `hpb${process.pid}b`] as const
  readonly #sides: Side[] = []
  #changedAt = 0
  #look: () => void = () => {}

  async run(count: number, signal: AbortSignal): Promise<number[]> {
    this.#lay()
    for (const [index, space] of this.#spaces.entries()) this.#sides.push(this.#side(space, index))
    for (const side of this.#sides) this.#start(side)
    await this.#until(() => this.#ruling !== undefined, 'one of them rules')
    const took: number[] = []
    while (took.length < count) {
      signal.throwIfAborted()
      await sleep(settleMs)
      const victim = this.#ruling
      const other = this.#sides.find((side) => side !== victim)
      if (victim === undefined || other === undefined) throw new Error('nobody rules')
      const began = monotonicMs()
      this.#kill(victim)
      await this.#until(() => isRuling(other), 'the other one rules')
      took.push(this.#changedAt - began)
      this.#start(victim)
      await this.#until(() => victim.state === 'BACKUP', 'the one that was killed is back')
    }
    return took
  }

  end(): void {
    for (const side of this.#sides) {
      this.#kill(side)
      side.fifo.destroy()
    }
    for (const space of this.#spaces) {
      try {
        ip('netns', 'delete', space)
      } catch {
        // It was not made.
      }
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #ruling(): Side | undefined {
    const ruling = this.#sides.filter(isRuling)
    return ruling.length === 1 ? ruling[0] : undefined
  }

  #lay(): void {
    const [one, other] = this.#spaces
    for (const space of this.#spaces) ip('netns', 'add', space)
    ip('link', 'add', 'hp0', 'netns', one, 'type', 'veth', 'peer', 'name', 'hp0', 'netns', other)
    for (const [index, space] of this.#spaces.entries()) {
      ip('-n', space, 'address', 'add', `10.213.0.${index + 1}/24`, 'dev', 'hp0')
      ip('-n', space, 'link', 'set', 'hp0', 'up')
      ip('-n', space, 'link', 'set', 'lo', 'up')
    }
  }

  #side(space: string, index: number): Side {
    const path = join(this.#folder, `${space}.fifo`)
    const config = join(this.#folder, `${space}.conf`)
    execFileSync('mkfifo', [path])
    writeFileSync(config, configuration(path, 100 + index))
    // Open for writing too, so that it does not end when the other end dies.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const fifo = new Socket({ fd, readable: true, writable: false })
    const side: Side = { space, config, fifo, state: 'STOP', child: undefined }
    fifo.setEncoding('utf8').on('data', (text: string) => {
      this.#changedAt = monotonicMs()
      const last = text.trim().split('\n').at(-1) ?? ''
      side.state = /" (\w+)/.exec(last)?.[1] ?? side.state
      this.#look()
    })
    return side
  }

  #start(side: Side): void {
    const { space, config } = side
    const pids = ['-p', `${config}.pid`, '-r', `${config}.vrrp.pid`]
    const args = ['netns', 'exec', space, 'keepalived', '--vrrp', '-n', '-f', config, ...pids]
    // Left behind by one that was killed, they keep the next one from starting.
    for (const name of [`${config}.pid`, `${config}.vrrp.pid`]) rmSync(name, { force: true })
    side.child = spawn('ip', args, { stdio: 'ignore' })
  }

  /** The process that speaks VRRP first, then the one that would start it again. */
  #kill(side: Side): void {
    const pid = side.child?.pid
    side.child = undefined
    side.state = 'STOP'
    if (pid === undefined) return
    try {
      const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      for (const child of list.trim().split(' ')) if (child !== '') process.kill(+child, 'SIGKILL')
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }

  #until(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const guard = setTimeout(
        () => reject(new Error(`not within ${patienceMs} ms: ${what}`)),
        patienceMs,
      )
      this.#look = () => {
        if (!isSo()) return
        clearTimeout(guard)
        this.#look = () => {}
        resolve()
      }
      this.#look()
    })
  }
}

function isRuling({ state }: Side): boolean {
  return !['BACKUP', 'FAULT', 'STOP', 'DELETED'].includes(state)
}

// Both begin alike and nobody takes the address back: so either can be killed in turn.
function configuration(fifo: string, priority: number): string {
  return `global_defs {
  vrrp_version 3
  vrrp_rt_priority 50
  vrrp_notify_fifo ${fifo}
}
vrrp_instance bench {
  state BACKUP
  nopreempt
  interface hp0
  virtual_router_id 51
  priority ${priority}
  advert_int 0.01
  virtual_ipaddress {
    10.213.0.100/24
  }
}
`
}
