/**
 * The outside world of a pair of processes: it starts and harms them, feeds both the same inputs,
 * and confirms their outputs by number as a receiver does.
 *
 * It knows nothing of who rules. Everything that it heard is kept in order, so that a test can ask
 * afterwards what happened, and a failed wait can say what was heard last. Inputs that nobody has
 * accepted are given again to a process that is started later.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Output } from 'hotpair'
import { createReceiver, type Verdict } from 'hotpair/receiver'
import type { Test } from 'tap'
import { deadlineMs, type Ports, portsOfPair } from '../member/support.js'
import { type Order, poison, type Report, step, type Told } from './programs/messages.js'

const program = fileURLToPath(new URL('./programs/member.js', import.meta.url))

/** The window of these tests: the library's default. */
export const windowMs = 500

type EventOf<Name extends Told['type']> = Extract<Told, { type: Name }>

/** One output as it arrived, and what the receiver's helper made of it. */
export interface Arrival {
  readonly at: number
  /** When the member called `deliver`. */
  readonly begunAt: number
  readonly pid: number
  readonly output: Output
  readonly verdict: Verdict
}

/** One process. */
export class Party {
  readonly member: 'a' | 'b'
  readonly child: ChildProcess
  readonly told: Told[] = []
  readonly ended: Promise<string>
  readonly errors: string[] = []
  isClosed = false

  constructor(member: 'a' | 'b', child: ChildProcess) {
    this.member = member
    this.child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.errors.push(text))
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  get role(): string {
    return this.last('role')?.role ?? 'starting'
  }

  /** As the mode was told last; a member that does not rule has none. */
  get mode(): string | undefined {
    return this.role === 'primary' ? this.last('mode')?.mode : undefined
  }

  last<Name extends Told['type']>(type: Name): EventOf<Name> | undefined {
    return this.all(type).at(-1)
  }

  all<Name extends Told['type']>(type: Name): EventOf<Name>[] {
    return this.told.filter((event): event is EventOf<Name> => event.type === type)
  }

  send(order: Order): void {
    if (this.child.connected) this.child.send(order, () => {})
  }
}

export class Outside {
  readonly arrivals: Arrival[] = []
  readonly #receiver = createReceiver()
  readonly #options: Readonly<Record<string, unknown>>
  readonly #parties: Party[] = []
  /** Inputs that nobody has accepted yet, by source and seq. */
  readonly #given = new Map<string, { readonly source: string; readonly seq: number }>()
  readonly #lastSeq = new Map<string, number>()
  /** What one uninterrupted process would have said. */
  readonly expected: string[] = []
  #sum = { seen: 0, total: 0 }
  #wake: () => void = () => {}

  /** Control and data ports, of a and of b. */
  readonly ports: readonly number[]

  private constructor(options: Readonly<Record<string, unknown>>, { a, b }: Ports) {
    this.#options = options
    this.ports = [a, a + 1, b, b + 1]
  }

  static async open(t: Test, changes: Readonly<Record<string, unknown>> = {}): Promise<Outside> {
    const ports = await portsOfPair()
    const { a, b } = ports
    const members = { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` }
    const outside = new Outside({ pair: 'outside', members, arbiter: 'none', ...changes }, ports)
    t.teardown(() => outside.end())
    return outside
  }

  start(member: 'a' | 'b'): Party {
    const options = JSON.stringify({ ...this.#options, member })
    const child = fork(program, [options], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const party = new Party(member, child)
    this.#parties.push(party)
    child.on('message', (report: Report) => this.#hear(party, report))
    child.once('exit', () => this.#wake())
    for (const id of this.#given.values()) party.send({ type: 'input', ...id })
    return party
  }

  /** Both, the first of them ruling. */
  async startPair(): Promise<{ primary: Party; standby: Party }> {
    const primary = this.start('a')
    await this.until(() => primary.role === 'primary', 'member a rules')
    const standby = this.start('b')
    await this.untilPaired(primary, standby)
    return { primary, standby }
  }

  async untilPaired(primary: Party, standby: Party): Promise<void> {
    await this.until(
      () => primary.mode === 'paired' && standby.role === 'standby',
      `${primary.member} rules and ${standby.member} stands by`,
    )
  }

  /**
   * Gives `count` inputs to every living process. Poison is expected to be left out: nothing is
   * expected to come of it.
   */
  feed(count: number, source = 'source'): void {
    for (let more = 0; more < count; more += 1) {
      const seq = (this.#lastSeq.get(source) ?? 0) + 1
      this.#lastSeq.set(source, seq)
      this.#given.set(`${source} ${seq}`, { source, seq })
      const said = source === poison ? undefined : step(this.#sum, source, seq)
      if (said !== undefined) this.expected.push(said)
      for (const party of this.#living) party.send({ type: 'input', source, seq })
    }
  }

  /** Feeds, and waits until every output that is expected so far has been handed on. */
  async feedThrough(count: number): Promise<void> {
    this.feed(count)
    await this.untilAll()
  }

  async untilAll(): Promise<void> {
    await this.until(() => this.handedOn.length >= this.expected.length, 'all outputs arrive')
  }

  /** What the helper let through, in order. */
  get handedOn(): string[] {
    return this.arrivals
      .filter(({ verdict }) => verdict.type === 'new')
      .map(({ output }) => Buffer.from(output.data).toString())
  }

  /** What must never be seen: a gap is harmless (it is sent again), these are not. */
  get offences(): string[] {
    return this.arrivals
      .filter(({ verdict }) => verdict.type === 'fork')
      .map(({ output, verdict }) => `${verdict.type} ${output.channel} ${output.number}`)
  }

  /** All inputs are given anew to the state that begins with the next history. */
  forgetState(): void {
    this.#given.clear()
    this.#lastSeq.clear()
    this.expected.length = 0
    this.arrivals.length = 0
    this.#sum = { seen: 0, total: 0 }
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      this.#wake()
    }, deadlineMs)
    while (!holds()) {
      if (isLate) throw new Error(`not within ${deadlineMs} ms: ${what}; ${this.#lastWords()}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    clearTimeout(late)
  }

  /** Ends every process at once. */
  async end(): Promise<void> {
    for (const { child } of this.#living) child.kill('SIGKILL')
    await Promise.all(this.#parties.map(({ ended }) => ended))
  }

  get #living(): Party[] {
    return this.#parties.filter(({ isAlive }) => isAlive)
  }

  #hear(party: Party, report: Report): void {
    switch (report.type) {
      case 'event':
        party.told.push(report.event)
        break
      case 'output':
        this.#receive(party, report)
        break
      case 'accepted':
        this.#given.delete(`${report.source} ${report.seq}`)
        break
      case 'refused':
        break
      case 'closed':
        party.isClosed = true
    }
    this.#wake()
  }

  #receive(party: Party, { output, attempt, begunAt }: Extract<Report, { type: 'output' }>): void {
    const verdict = this.#receiver.take(output)
    this.arrivals.push({ at: Date.now(), begunAt, pid: party.pid, output, verdict })
    const isTaken = verdict.type === 'new' || verdict.type === 'known'
    if (isTaken) party.send({ type: 'confirmed', attempt })
  }

  #lastWords(): string {
    const parties = this.#parties.map((party) => {
      const life = party.isAlive ? party.role : 'dead'
      return `${party.member} (${life}): ${JSON.stringify(party.told.slice(-3))}${party.errors}`
    })
    return `${this.handedOn.length} of ${this.expected.length} outputs; ${parties.join('; ')}`
  }
}
