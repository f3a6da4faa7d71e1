/**
 * The two member processes as main sees them: forks, opens, kills and ends them, and follows what
 * they report.
 *
 * A process is first parked (loaded, nothing opened) and then opened: so both members start at the
 * same moment, and a killed one is back within milliseconds where the fault asks for it. Every
 * child is ended by its own id, also when main itself is interrupted.
 */

import { type ChildProcess, fork } from 'node:child_process'
import type { MemberId, Mode, Role } from 'hotpair'
import type { MemberSettings, Order, Report } from './messages.js'

/** What is known of one member. `role` is `gone` while no process is open. */
export interface Side {
  readonly member: MemberId
  readonly settings: MemberSettings
  child: ChildProcess | undefined
  /** A process that is loaded and waits to be opened. */
  spare: ChildProcess | undefined
  role: Role | 'gone'
  mode: Mode | undefined
  epoch: number
  /** The process of its unit, while that sends its beats. */
  unitPid: number | undefined
  /** What main has told the open process to end by. */
  ending: 'kill' | 'close' | undefined
}

/** Everything that happens to the members, for the timeline and for those who wait. */
export type Happening =
  | Report
  | {
      readonly type: 'exit'
      readonly at: number
      /** Exit code or signal. */
      readonly how: string
      /** It was killed, or closed and ended with code 0. */
      readonly isExpected: boolean
    }

/** How long a member may take to start, to change and to end, before the run is given up. */
const defaultPatienceMs = 20_000

const living = new Set<ChildProcess>()
// The last line of defence: runs whenever main ends in a way that can be noticed.
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export interface MembersOptions {
  readonly settings: { readonly a: MemberSettings; readonly b: MemberSettings }
  readonly onHappening: (member: MemberId, happening: Happening) => void
  /** The module that each member's process runs. Default: `member.js`. */
  readonly program?: URL | undefined
  /** What goes before the command of a member's process, for instance to move it elsewhere. */
  readonly launch?: { readonly a: readonly string[]; readonly b: readonly string[] } | undefined
  /** Milliseconds until a wait is given up. Default 20,000. */
  readonly patienceMs?: number | undefined
}

export class Members {
  readonly a: Side
  readonly b: Side
  readonly #listeners = new Set<() => void>()
  readonly #onHappening: (member: MemberId, happening: Happening) => void
  readonly #program: URL
  readonly #launch: MembersOptions['launch']
  readonly #patienceMs: number

  constructor(options: MembersOptions) {
    this.a = blankSide('a', options.settings.a)
    this.b = blankSide('b', options.settings.b)
    this.#onHappening = options.onHappening
    this.#program = options.program ?? new URL('member.js', import.meta.url)
    this.#launch = options.launch
    this.#patienceMs = options.patienceMs ?? defaultPatienceMs
  }

  /** The member that rules, when exactly one says so. */
  get primary(): Side | undefined {
    const ruling = [this.a, this.b].filter(({ role }) => role === 'primary')
    return ruling.length === 1 ? ruling[0] : undefined
  }

  /** Whether the standby may take over. */
  get isPaired(): boolean {
    const primary = this.primary
    if (primary?.mode !== 'paired') return false
    return this.other(primary).role === 'standby'
  }

  other(side: Side): Side {
    return side === this.a ? this.b : this.a
  }

  /** What both members are, in words. */
  describe(): string {
    const words = ({ member, role, mode }: Side) => `${member} is ${mode ?? ''} ${role}`
    return `${words(this.a)}, ${words(this.b)}`.replaceAll('  ', ' ')
  }

  /** Waits until `isSo` holds; rejects with what is missing when patience ends or on abort. */
  until(isSo: () => boolean, what: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => {
        clearTimeout(guard)
        this.#listeners.delete(check)
        signal.removeEventListener('abort', abort)
        if (error === undefined) resolve()
        else reject(error)
      }
      const check = () => isSo() && settle()
      const abort = () => settle(signal.reason)
      const missing = () => `after ${this.#patienceMs / 1000} s: not ${what}; ${this.describe()}`
      const guard = setTimeout(() => settle(new Error(missing())), this.#patienceMs)
      signal.addEventListener('abort', abort)
      this.#listeners.add(check)
      if (signal.aborted) abort()
      else check()
    })
  }

  /** Loads a process for this side that waits to be opened. */
  async park(side: Side, signal: AbortSignal): Promise<void> {
    const command = [...(this.#launch?.[side.member] ?? []), process.execPath]
    const [execPath = '', ...execArgv] = command
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    const child = fork(this.#program, { execPath, execArgv, stdio: [...stdio] })
    living.add(child)
    let isParked = false
    child.on('message', (report: Report) => {
      if (report.type === 'parked') isParked = true
      else if (child === side.child) this.#follow(side, report)
      this.#check()
    })
    child.on('error', () => {})
    child.on('exit', (code, exitSignal) => {
      living.delete(child)
      if (child === side.spare) side.spare = undefined
      if (child === side.child) this.#leave(side, code, exitSignal)
      this.#check()
    })
    side.spare = child
    const what = `process of member ${side.member} loaded`
    await this.until(() => isParked || side.spare !== child, what, signal)
    if (!isParked) throw new Error(`the process of member ${side.member} ended while it loaded`)
  }

  /** Opens the parked process of this side. */
  open(side: Side): void {
    side.child = side.spare
    side.spare = undefined
    side.role = 'starting'
    side.mode = undefined
    side.ending = undefined
    this.tell(side, { type: 'open', settings: side.settings })
  }

  /** SIGKILL, and waits until the system has taken the process away. */
  async kill(side: Side, signal: AbortSignal): Promise<void> {
    side.ending = 'kill'
    side.child?.kill('SIGKILL')
    await this.until(() => side.child === undefined, `member ${side.member} dead`, signal)
  }

  /** SIGKILL of its unit, which no child of main is. */
  killUnit(side: Side): void {
    if (side.unitPid === undefined) throw new Error(`member ${side.member} has no unit to kill`)
    process.kill(side.unitPid, 'SIGKILL')
    side.unitPid = undefined
  }

  /** Closes this side's member and waits for its process to end by itself. */
  async close(side: Side, signal: AbortSignal): Promise<void> {
    if (side.child === undefined) return
    side.ending = 'close'
    this.tell(side, { type: 'close' })
    await this.until(() => side.child === undefined, `member ${side.member} closed`, signal)
  }

  /** A process that has just died takes no more orders; its exit is reported by itself. */
  tell({ child }: Side, order: Order): void {
    if (child?.connected) child.send(order, () => {})
  }

  /** Ends every process of this run at once. */
  end(): void {
    for (const side of [this.a, this.b]) {
      side.ending = 'kill'
      side.child?.kill('SIGKILL')
      side.spare?.kill('SIGKILL')
      if (side.unitPid !== undefined) endUnit(side.unitPid)
    }
  }

  #follow(side: Side, report: Report): void {
    if (report.type === 'role') {
      side.role = report.role
      side.epoch = report.epoch
      if (report.role !== 'primary') side.mode = undefined
    }
    if (report.type === 'mode') {
      side.mode = report.mode
      side.epoch = report.epoch
    }
    if (report.type === 'unit') side.unitPid = report.place === 'process' ? report.pid : undefined
    this.#onHappening(side.member, report)
  }

  #leave(side: Side, code: number | null, signal: string | null): void {
    const how = signal ?? `exit code ${code}`
    const isExpected = side.ending === 'close' ? code === 0 : side.ending === 'kill'
    side.child = undefined
    side.role = 'gone'
    side.mode = undefined
    this.#onHappening(side.member, { type: 'exit', at: Date.now(), how, isExpected })
  }

  #check(): void {
    for (const check of this.#listeners) check()
  }
}

// It may have ended by itself: then there is nothing to do.
function endUnit(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {}
}

function blankSide(member: MemberId, settings: MemberSettings): Side {
  const unknown = {
    ...{ child: undefined, spare: undefined, mode: undefined },
    ...{ ending: undefined, unitPid: undefined },
  }
  return { member, settings, role: 'gone', epoch: 0, ...unknown }
}
