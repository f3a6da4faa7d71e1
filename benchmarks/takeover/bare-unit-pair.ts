/**
 * The bare chain with units as a contender: two processes that only beat, and their units.
 *
 * Who is killed is started again and joins its unit, which has lived on.
 */

import { Child } from '../support/child.js'
import { pin, twoProcessors } from '../support/machine.js'
import { controlPorts } from '../support/ports.js'
import type { BareUnitOrder, BareUnitReport } from './bare-unit.js'
import { endUnit } from './hotpair-pair.js'

const program = new URL('./bare-unit.js', import.meta.url)
const patienceMs = 10_000

type Settings = Pick<BareUnitOrder, 'heartbeatMs' | 'windowMs' | 'ballastMiB'>

interface Side {
  readonly name: 'a' | 'b'
  child: Child
  report: BareUnitReport
}

export class BareUnitPair {
  readonly #order: Omit<BareUnitOrder, 'self' | 'epoch' | 'isPrimary'>
  readonly #sides: Side[] = []
  #look: () => void = () => {}

  private constructor(order: Omit<BareUnitOrder, 'self' | 'epoch' | 'isPrimary'>) {
    this.#order = order
  }

  /** Opens both, and waits until each hears the other. */
  static async open(worldPort: number, settings: Settings): Promise<BareUnitPair> {
    const { a, b } = await controlPorts()
    const members = { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` }
    const pair = new BareUnitPair({ worldPort, members, ...settings })
    try {
      pair.#sides.push(await pair.#start('a', 1, true))
      pair.#sides.push(await pair.#start('b', 1, false))
      await pair.#untilPaired()
    } catch (error) {
      await pair.end()
      throw error
    }
    return pair
  }

  get primary(): Side {
    const [one, other] = this.#sides
    const newest = (one?.report.epoch ?? 0) > (other?.report.epoch ?? 0) ? one : other
    const primary = newest?.report.isPrimary ? newest : one
    if (primary === undefined) throw new Error('nobody rules')
    return primary
  }

  /** The primary alone on one processor, all else on the other. */
  pin(): void {
    const [near, far] = twoProcessors()
    for (const side of this.#sides) pin(side.child.pid, side === this.primary ? near : far)
  }

  /** The other one has taken over: the dead one is started again as its standby. */
  async changed(): Promise<void> {
    const dead = this.primary
    await dead.child.end()
    const heir = this.#sides.find((side) => side !== dead)
    if (heir === undefined) throw new Error('there is no heir')
    await this.#until(() => heir.report.isPrimary)
    Object.assign(dead, await this.#start(dead.name, heir.report.epoch, false))
    await this.#untilPaired()
  }

  async end(): Promise<void> {
    await Promise.all(this.#sides.map(({ child }) => child.end()))
    for (const { report } of this.#sides) endUnit(report.unitPid)
  }

  async #start(self: 'a' | 'b', epoch: number, isPrimary: boolean): Promise<Side> {
    const [, far] = twoProcessors()
    let report: BareUnitReport = { isPrimary, isPaired: false, epoch, unitPid: 0 }
    const child: Child = await Child.start(program, {
      processor: far,
      onTold: (told: BareUnitReport) => {
        report = told
        const known = this.#sides.find((side) => side.child === child)
        if (known) known.report = told
        this.#look()
      },
    })
    await child.ask('open', { ...this.#order, self, epoch, isPrimary } satisfies BareUnitOrder)
    return { name: self, child, report }
  }

  #untilPaired(): Promise<void> {
    return this.#until(() => this.#sides.every(({ report }) => report.isPaired))
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error('the bare chain did not come about'))
      const guard = setTimeout(fail, patienceMs)
      this.#look = () => {
        if (!isSo()) return
        clearTimeout(guard)
        resolve()
      }
      this.#look()
    })
  }
}
