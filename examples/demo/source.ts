/**
 * The source: replays the records at a steady rate to both members, each with its number.
 *
 * It stands for a sender that knows the pair's rule: it keeps what neither member has accepted and
 * sends from the first of those on to a member that comes back. So no record is lost with a
 * member, and a member that is away, slow or dead never slows the other: each connection has its
 * own position and its own back-pressure. When too many records are unaccepted it stops producing.
 *
 * To a member:   `source NAME`, then one line a record, `SEQ JSON`
 * From a member: `SEQ`, everything up to this number is accepted
 *                `wants SEQ`: this number is next for it, although another member has accepted it.
 *                Only two that ruled at once can say so; the source has kept it and sends it again
 */

import { connect, type Socket } from 'node:net'
import { onLines } from './lines.js'
import type { Place } from './ports.js'

export interface SourceOptions {
  /** The name of this run of the source; its numbers count from 1 within it. */
  readonly name: string
  readonly records: readonly string[]
  /** Records a second. */
  readonly rate: number
  /** Where the members take records. */
  readonly doors: readonly Place[]
  /** Unaccepted records at most. Default 16,384: 3.3 s at the default rate, 6 windows. */
  readonly window?: number
}

/** How often the clock is asked which records are due: a record is late by this at most. */
const tickMs = 2
/** A dead member is tried again after this: a fraction of the time it takes to start. */
const retryMs = 20
/** What a connection may have buffered here; beyond, TCP's own back-pressure has set in. */
const maxBuffered = 256 * 1024
/** Records joined into one write. */
const batch = 256

// One member as the source sees it. `next` is the index of the next record to send to it.
interface Feed {
  readonly door: Place
  socket: Socket | undefined
  next: number
  /** It wants records again that another member has accepted. */
  isBehind: boolean
}

/** Replays until every record is accepted, then `finished` is settled. */
export class Source {
  readonly finished: Promise<void>
  /** The `seq` of each record that was put in between. */
  readonly inserted: number[] = []
  readonly #options: SourceOptions
  readonly #records: string[]
  readonly #window: number
  readonly #feeds: Feed[]
  #ticks: NodeJS.Timeout | undefined
  #retries = new Set<NodeJS.Timeout>()
  #startedAt = 0
  #produced = 0
  #accepted = 0
  #isClosed = false
  #finish: () => void = () => {}

  constructor(options: SourceOptions) {
    this.#options = options
    this.#records = [...options.records]
    this.#window = options.window ?? 16_384
    this.#feeds = options.doors.map((door) => ({
      ...{ door, socket: undefined },
      ...{ next: 0, isBehind: false },
    }))
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
  }

  /** Records that a member has accepted, all from the first on. */
  get accepted(): number {
    return this.#accepted
  }

  /** Records whose moment has come. */
  get produced(): number {
    return this.#produced
  }

  /** Milliseconds of the stream that nobody has accepted yet. */
  get remainingMs(): number {
    return ((this.#records.length - this.#accepted) / this.#options.rate) * 1000
  }

  /** The records in their order, read as they are asked for; those that are put in, too. */
  *replay(): Generator<string> {
    for (const record of this.#records) yield record
  }

  /** Puts one more record into the stream, as the next one whose moment comes. */
  insert(record: string): void {
    this.#records.splice(this.#produced, 0, record)
    this.inserted.push(this.#produced + 1)
  }

  /** No record comes any more that has not come yet. */
  stop(): void {
    this.#records.length = this.#produced
    if (this.#accepted === this.#produced) this.#finish()
  }

  start(): void {
    this.#startedAt = performance.now()
    for (const feed of this.#feeds) this.#open(feed)
    this.#ticks = setInterval(() => this.#tick(), tickMs)
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#ticks)
    for (const retry of this.#retries) clearTimeout(retry)
    for (const feed of this.#feeds) feed.socket?.destroy()
  }

  // Late ticks are made up for: what is due follows from the clock, not from the count of ticks.
  #tick(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) * this.#options.rate) / 1000)
    this.#produced = Math.min(due, this.#records.length, this.#accepted + this.#window)
    for (const feed of this.#feeds) this.#pump(feed)
  }

  #open(feed: Feed): void {
    const socket = connect({ ...feed.door, noDelay: true })
    socket.on('connect', () => {
      feed.socket = socket
      if (!feed.isBehind) feed.next = this.#accepted
      socket.write(`source ${this.#options.name}\n`)
      this.#pump(feed)
    })
    onLines(socket, (line) => this.#onLine(feed, line))
    socket.on('drain', () => this.#pump(feed))
    socket.on('error', () => {})
    socket.on('close', () => {
      feed.socket = undefined
      if (this.#isClosed) return
      const retry = setTimeout(() => {
        this.#retries.delete(retry)
        this.#open(feed)
      }, retryMs)
      this.#retries.add(retry)
    })
  }

  #pump(feed: Feed): void {
    const { socket } = feed
    if (socket === undefined) return
    if (feed.next >= this.#accepted) feed.isBehind = false
    if (!feed.isBehind) feed.next = Math.max(feed.next, this.#accepted)
    while (feed.next < this.#produced && socket.writableLength < maxBuffered) {
      const end = Math.min(feed.next + batch, this.#produced)
      let lines = ''
      for (let i = feed.next; i < end; i++) lines += `${i + 1} ${this.#records[i]}\n`
      feed.next = end
      socket.write(lines)
    }
  }

  #onLine(feed: Feed, line: string): void {
    if (!line.startsWith('wants ')) {
      this.#onAccepted(Number(line))
      return
    }
    const seq = Number(line.slice('wants '.length))
    if (!(seq >= 1 && seq <= this.#accepted)) return
    feed.isBehind = true
    feed.next = seq - 1
    feed.socket?.destroy()
  }

  #onAccepted(seq: number): void {
    if (!(seq > this.#accepted && seq <= this.#produced)) return
    this.#accepted = seq
    if (seq === this.#records.length) this.#finish()
  }
}
