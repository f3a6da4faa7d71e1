/**
 * The processes that `commit` and `throughput` measure side by side: pairs, and plain programs on
 * the same processors.
 *
 * The near end of each runs on one processor, its far end on the other: both sides of a ratio then
 * pay for the same wake-ups.
 */

import { Child } from '../support/child.js'
import { twoProcessors } from '../support/machine.js'
import { controlPorts, onePort } from '../support/ports.js'

const memberProgram = new URL('./member.js', import.meta.url)
const serverProgram = new URL('./plain-server.js', import.meta.url)
const clientProgram = new URL('./plain-client.js', import.meta.url)

/** A machine that is busy for a moment must not end a pair whose speed alone is asked for. */
const patient = { windowMs: 2_000, startWindowMs: 2_000, hangAfterMs: 10_000 }

/** Runs of blocks end here: whatever happens, every process of them is ended. */
export class Subjects {
  readonly #children: Child[] = []

  /** A pair, paired; resolves with its primary. */
  async pair(options: Readonly<Record<string, unknown>>): Promise<Child> {
    const [near, far] = twoProcessors()
    const { a, b } = await controlPorts()
    const members = { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` }
    const common = { pair: 'bench', members, arbiter: 'none', ...patient, ...options }
    const start = (member: string, processor: number) => {
      return this.#start(memberProgram, processor, [JSON.stringify({ ...common, member })])
    }
    const primary = await start('a', near)
    await primary.ask('rules')
    const standby = await start('b', far)
    await standby.ask('paired')
    await primary.ask('paired')
    return primary
  }

  /** A plain client, connected to its server for each kind of work. */
  async plain(): Promise<Child> {
    const [near, far] = twoProcessors()
    const server = await this.#start(serverProgram, far, [])
    const client = await this.#start(clientProgram, near, [])
    for (const kind of ['echo', 'answer', 'simple']) {
      const port = await onePort()
      await server.ask(kind, port)
      await client.ask(kind, port)
    }
    return client
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()))
  }

  async #start(program: URL, processor: number, args: readonly string[]): Promise<Child> {
    const child = await Child.start(program, { processor, args })
    this.#children.push(child)
    return child
  }
}
