/**
 * The pair of the library as a contender: two member processes, either of which can be harmed and
 * comes back.
 */

import { Child } from '../support/child.js'
import { pin, twoProcessors } from '../support/machine.js'
import { controlPorts } from '../support/ports.js'
import type { MemberReport, OpenOrder } from './member.js'
import { monotonicMs, type World } from './world.js'

const program = new URL('./member.js', import.meta.url)

/** How long a member may take to come back before the run is given up. */
const patienceMs = 20_000

interface Side {
  readonly name: 'a' | 'b'
  child: Child
  report: MemberReport
}

const blank: MemberReport = {
  role: 'starting',
  mode: undefined,
  epoch: 0,
  verdicts: {},
  takeovers: 0,
  unitPid: 0,
}

/** A unit outlives its server for a while; with the pair it is to go at once. */
export function endUnit(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGTERM')
  } catch {}
}

export class HotpairPair {
  readonly #world: World
  readonly #worldPort: number
  readonly #options: Readonly<Record<string, unknown>>
  readonly #ballastMiB: number
  readonly #sides: Side[] = []
  readonly #watchers = new Set<() => void>()
  #takeoversOfEnded = 0

  private constructor(
    world: World,
    worldPort: number,
    options: Readonly<Record<string, unknown>>,
    ballastMiB: number,
  ) {
    this.#ballastMiB = ballastMiB
    this.#world = world
    this.#worldPort = worldPort
    this.#options = options
  }

  /** Opens both members and waits until they are paired and outputs flow. */
  static async open(
    world: World,
    worldPort: number,
    options: Readonly<Record<string, unknown>>,
    ballastMiB = 0,
  ): Promise<HotpairPair> {
    const { a, b } = await controlPorts()
    const members = { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` }
    const all = { pair: 'bench', arbiter: 'none', members, ...options }
    const pair = new HotpairPair(world, worldPort, all, ballastMiB)
    try {
      for (const name of ['a', 'b'] as const) {
        pair.#sides.push(await pair.#start(name))
        if (name === 'a') await pair.#until(() => pair.#ruling.length > 0, 'somebody rules')
      }
      await pair.untilPaired()
    } catch (error) {
      await pair.end()
      throw error
    }
    return pair
  }

  get sides(): readonly Readonly<Side>[] {
    return this.#sides
  }

  get primary(): Side {
    const [primary] = this.#ruling
    if (primary === undefined) throw new Error('nobody rules')
    return primary
  }

  get standby(): Side {
    const other = this.#sides.find((side) => side !== this.primary)
    if (other === undefined) throw new Error('there is no other member')
    return other
  }

  get isPaired(): boolean {
    const [primary, second] = this.#ruling
    if (primary?.report.mode !== 'paired' || second !== undefined) return false
    return this.#sides.some((side) => side.report.role === 'standby')
  }

  async untilPaired(): Promise<void> {
    await this.#until(() => this.isPaired, 'the members are paired')
  }

  /** Resolves when `side` rules and the other one knows that it does not. */
  async untilRuledBy(side: Side): Promise<void> {
    const isSo = () => this.#ruling.length === 1 && this.#ruling[0]?.name === side.name
    await this.#until(isSo, `member ${side.name} rules alone`)
  }

  /** The primary alone on one processor, all else on the other. */
  pin(): void {
    const [near, far] = twoProcessors()
    pin(this.primary.child.pid, near)
    pin(this.standby.child.pid, far)
  }

  /** The process of `side` is gone: another one takes its place. */
  async restart(side: Side): Promise<void> {
    await side.child.end()
    this.#takeoversOfEnded += side.report.takeovers
    Object.assign(side, await this.#start(side.name))
  }

  async end(): Promise<void> {
    await Promise.all(this.#sides.map(({ child }) => child.end()))
    for (const { report } of this.#sides) endUnit(report.unitPid)
  }

  /** Verdicts of both members since they were opened, how many of each. */
  get verdicts(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>()
    for (const [name, count] of this.#sides.flatMap(({ report }) =>
      Object.entries(report.verdicts),
    ))
      sums.set(name, (sums.get(name) ?? 0) + count)
    return sums
  }

  /** By both members, those of ended processes too. */
  get takeovers(): number {
    return this.#sides.reduce((sum, { report }) => sum + report.takeovers, this.#takeoversOfEnded)
  }

  /** Has the members change places; when that was asked for. Resolves when the other rules. */
  async switchover(): Promise<number> {
    const at = monotonicMs()
    await this.primary.child.ask('switchover')
    return at
  }

  get #ruling(): Side[] {
    return this.#sides.filter(({ report }) => report.role === 'primary')
  }

  async #start(name: 'a' | 'b'): Promise<Side> {
    const [, far] = twoProcessors()
    const side: { -readonly [Key in keyof Side]?: Side[Key] } = { name, report: blank }
    let current = blank
    const child: Child = await Child.start(program, {
      processor: far,
      onTold: (report: MemberReport) => {
        current = report
        const known = this.#sides.find((other) => other.child === child)
        if (known) known.report = report
        for (const watcher of this.#watchers) watcher()
      },
    })
    const { pair, ...others } = this.#options
    const order = {
      worldPort: this.#worldPort,
      ballastMiB: this.#ballastMiB,
      options: { pair, ...others, member: name },
    }
    await child.ask('open', order as unknown as OpenOrder)
    return { ...side, name, child, report: current }
  }

  #until(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(guard)
        this.#watchers.delete(check)
      }
      const check = () => {
        if (!isSo()) return
        settle()
        resolve()
      }
      const guard = setTimeout(() => {
        settle()
        const words = this.#sides.map(({ name, report }) => `${name}: ${JSON.stringify(report)}`)
        const heard = this.#world.newest.epoch
        reject(new Error(`not within ${patienceMs} ms: ${what}; ${words}; heard epoch ${heard}`))
      }, patienceMs)
      this.#watchers.add(check)
      check()
    })
  }
}
