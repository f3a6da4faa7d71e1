/**
 * The outside world of the pairs that are measured: the source of their inputs and the sink of
 * their outputs, in the process that harms them, so that a fault and its end are read off one
 * clock.
 *
 * Every member of the pair under test keeps one connection to it. Both are given every input; what
 * arrives is confirmed at once. The connection is a witness too: its end, when a process is killed,
 * is the earliest that anybody can know of it.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { confirmedKind, inputKind, onPackets, pack } from './wire.js'

/** Inputs a second: at least the 5,000 at which a takeover is to be measured. */
const rate = 5_000
/** Five inputs at a time; the platform has no finer timer. */
const tickMs = 1

/** Inputs given whose outputs have not arrived, at most: a second's, for no fault takes longer. */
const mostUnanswered = rate

/** Milliseconds on the monotonic clock, exact to the nanosecond. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

interface Arrival {
  readonly epoch: number
  readonly at: number
}

export class World {
  readonly #server: Server
  readonly #sockets = new Map<number, Socket>()
  readonly #ends = new Map<number, number>()
  readonly #watchers = new Set<() => void>()
  #ticks: NodeJS.Timeout | undefined
  #isFeeding = false
  #given = 0
  #answered = 0
  #startedAt = 0
  #givenAtStart = 0
  #newest: Arrival = { epoch: 0, at: 0 }
  /** The last output of the epoch before, and the longest silence between outputs since asked. */
  #lastAt = 0
  #longestMs = 0

  constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#admit(socket))
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address()
        if (address === null || typeof address === 'string') reject(new Error('no port'))
        else resolve(address.port)
      })
    })
  }

  close(): void {
    this.feed(false)
    for (const socket of this.#sockets.values()) socket.destroy()
    this.#server.close()
  }

  /** Whether inputs flow. */
  feed(isFeeding: boolean): void {
    clearInterval(this.#ticks)
    this.#isFeeding = isFeeding
    if (!isFeeding) return
    this.#anchor()
    this.#ticks = setInterval(() => this.#tick(), tickMs)
  }

  /** The highest epoch of which an output has arrived, and when its first one did. */
  get newest(): Arrival {
    return this.#newest
  }

  /** Forgets what was heard: another pair begins. */
  reset(): void {
    this.#newest = { epoch: 0, at: 0 }
    this.#given = 0
    this.#answered = 0
    this.feed(this.#isFeeding)
  }

  /** Since when the connection of process `pid` has been over; undefined while it stands. */
  endOf(pid: number): number | undefined {
    return this.#ends.get(pid)
  }

  /** The longest time between two outputs since this was asked last. */
  takeLongestSilence(): number {
    const longest = this.#longestMs
    this.#longestMs = 0
    return longest
  }

  /** Resolves when `isSo` holds: it is looked at whenever something arrives or ends. */
  until(isSo: () => boolean, what: string, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const guard = setTimeout(() => {
        this.#watchers.delete(check)
        reject(new Error(`not within ${limitMs} ms: ${what}`))
      }, limitMs)
      const check = () => {
        if (!isSo()) return
        clearTimeout(guard)
        this.#watchers.delete(check)
        resolve()
      }
      this.#watchers.add(check)
      check()
    })
  }

  #admit(socket: Socket): void {
    let pid = 0
    let confirmed = 0
    let number = 0
    let at = 0
    const confirm = () => {
      if (number === confirmed) return
      confirmed = number
      socket.write(pack(1, () => [confirmedKind, number]))
    }
    const onPacket = (epoch: number, value: number) => {
      if (epoch === 0) {
        pid = value
        this.#sockets.set(pid, socket)
        return
      }
      number = value
      this.#arrived(epoch, value, at)
    }
    onPackets(socket, onPacket, () => {
      at = monotonicMs()
      process.nextTick(confirm)
    })
    const ended = () => {
      if (!this.#ends.has(pid)) this.#ends.set(pid, monotonicMs())
      this.#sockets.delete(pid)
      this.#look()
    }
    socket.on('error', ended)
    socket.on('end', ended)
    socket.on('close', ended)
  }

  #arrived(epoch: number, number: number, at: number): void {
    if (epoch < this.#newest.epoch) return
    this.#answered = Math.max(this.#answered, number)
    if (this.#lastAt > 0) this.#longestMs = Math.max(this.#longestMs, at - this.#lastAt)
    this.#lastAt = at
    if (epoch === this.#newest.epoch) return
    // What a pair without replication has lost is not waited for.
    this.#answered = this.#given
    this.#newest = { epoch, at }
    this.#look()
  }

  #look(): void {
    for (const watcher of this.#watchers) watcher()
  }

  #anchor(): void {
    this.#startedAt = monotonicMs()
    this.#givenAtStart = this.#given
  }

  #tick(): void {
    if (!this.#isFeeding) return
    // What nobody is there to take would never be answered.
    if (this.#sockets.size === 0) return this.#anchor()
    const elapsed = monotonicMs() - this.#startedAt
    const most = this.#answered + mostUnanswered
    const due = Math.min(most, this.#givenAtStart + Math.floor((elapsed * rate) / 1000))
    // Who could not keep up is not given all that it missed at once.
    if (due === most) this.#anchor()
    const first = this.#given + 1
    const count = due - this.#given
    if (count <= 0) return
    this.#given = due
    const bytes = pack(count, (index) => [inputKind, first + index])
    for (const socket of this.#sockets.values()) socket.write(bytes)
  }
}
