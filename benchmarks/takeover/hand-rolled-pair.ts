/**
 * The hand-rolled pair as a contender, and the bare chain, which is the same without its work.
 *
 * Who has lost the rule is killed and started again as standby: it cannot come back otherwise.
 */

import { Child } from '../support/child.js'
import { pin, twoProcessors } from '../support/machine.js'
import { onePort } from '../support/ports.js'
import type { HandRolledOrder, HandRolledReport } from './hand-rolled.js'

const program = new URL('./hand-rolled.js', import.meta.url)
const patienceMs = 10_000

interface Side {
  readonly child: Child
  readonly port: number
  report: HandRolledReport
}

interface Settings {
  readonly heartbeatMs: number
  readonly windowMs: number
  readonly isBare: boolean
  readonly ballastMiB?: number
}

export class HandRolledPair {
  readonly #worldPort: number
  readonly #settings: Settings
  #primary: Side | undefined
  #standby: Side | undefined
  #look: () => void = () => {}

  private constructor(worldPort: number, settings: Settings) {
    this.#worldPort = worldPort
    this.#settings = settings
  }

  static async open(worldPort: number, settings: Settings): Promise<HandRolledPair> {
    const pair = new HandRolledPair(worldPort, settings)
    try {
      pair.#primary = await pair.#start(undefined)
      await pair.restart()
    } catch (error) {
      await pair.end()
      throw error
    }
    return pair
  }

  get primary(): Side {
    if (this.#primary === undefined) throw new Error('nobody rules')
    return this.#primary
  }

  /** Takeovers since the pair was opened. */
  get takeovers(): number {
    const of = (side: Side | undefined) => side?.report.takeovers ?? 0
    return of(this.#primary) + of(this.#standby)
  }

  pin(): void {
    const [near, far] = twoProcessors()
    pin(this.primary.child.pid, near)
    if (this.#standby) pin(this.#standby.child.pid, far)
  }

  get sides(): readonly Side[] {
    return [this.#primary, this.#standby].filter((side) => side !== undefined)
  }

  /** The standby has taken over: the former primary is ended, another standby starts. */
  async changed(): Promise<void> {
    await this.#primary?.child.end()
    this.#primary = this.#standby
    await this.restart()
  }

  /** Starts a standby. */
  async restart(): Promise<void> {
    this.#standby = await this.#start(this.primary.port)
    await new Promise<void>((resolve, reject) => {
      const guard = setTimeout(() => reject(new Error('the standby did not join')), patienceMs)
      this.#look = () => {
        if (!this.#standby?.report.isPaired) return
        clearTimeout(guard)
        resolve()
      }
      this.#look()
    })
  }

  async end(): Promise<void> {
    await Promise.all(this.sides.map(({ child }) => child.end()))
  }

  async #start(primaryPort: number | undefined): Promise<Side> {
    const port = await onePort()
    const [, far] = twoProcessors()
    let report: HandRolledReport = { isPrimary: false, isPaired: false, takeovers: 0 }
    let side: Side | undefined
    const child = await Child.start(program, {
      processor: far,
      onTold: (told: HandRolledReport) => {
        report = told
        if (side) side.report = told
        this.#look()
      },
    })
    const worldPort = this.#worldPort
    await child.ask('open', {
      worldPort,
      port,
      primaryPort,
      ballastMiB: 0,
      ...this.#settings,
    } satisfies HandRolledOrder)
    side = { child, port, report }
    return side
  }
}
