/**
 * The timers of the program: part of the replicated state, alike on both members.
 *
 * `process` sets and clears them; a primary makes a frame of each that is due by pair time, and
 * both members take it off the table when they process that frame. Each setting has a number, so
 * that a frame made for a setting which an earlier frame has cleared or replaced is passed over, on
 * both alike (docs/PROTOCOL.md#15). No clock is read here.
 */

import { Heap } from '../sync/heap.js'

/** One timer that is set. */
export interface TimerEntry {
  readonly name: string
  /** Pair time, in milliseconds since the epoch, from which on it is due. */
  readonly due: number
  /** Which setting this is, counted from 1 within a history. */
  readonly setting: number
  readonly data: Uint8Array
}

/** The table as it travels in a load. */
export interface TimerTable {
  readonly settings: number
  readonly entries: readonly TimerEntry[]
}

/** Longest name, in UTF-16 units: it travels where the name of a source does. */
export const timerNameLength = 64
/**
 * Most bytes that a timer keeps. Ten thousand timers at the default bound are 40 MiB then; what is
 * larger belongs into the state.
 */
export const timerDataBytes = 4_096
/** Longest delay, in milliseconds: ten years. */
export const longestDelayMs: number = 10 * 365 * 86_400_000

export class Timers {
  readonly #most: number
  readonly #table = new Map<string, TimerEntry>()
  /**
   * The earliest first. Entries that are no longer in the table are dropped when they come up, or
   * all at once when they outnumber the others.
   */
  readonly #heap = new Heap<TimerEntry>(isBefore)
  #settings = 0

  /** `most`: how many may be set at once. */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#table.size
  }

  /** Settings so far: the number of the newest. */
  get settings(): number {
    return this.#settings
  }

  /** Sets `name` in place of a former setting. False when no further name may be set. */
  set(name: string, due: number, data: Uint8Array): boolean {
    if (!this.#table.has(name) && this.#table.size >= this.#most) return false
    this.#settings += 1
    const entry: TimerEntry = { name, due, setting: this.#settings, data }
    this.#table.set(name, entry)
    this.#add(entry)
    return true
  }

  clear(name: string): void {
    this.#table.delete(name)
  }

  /** When the next one is due; undefined when none is set. */
  get earliest(): number | undefined {
    this.#dropStale()
    return this.#heap.first?.due
  }

  /**
   * The next one that is due at `stamp`, in order of due time, then name. It is handed out once and
   * stays in the table until its frame is processed.
   */
  takeDue(stamp: number): TimerEntry | undefined {
    this.#dropStale()
    const { first } = this.#heap
    return first === undefined || first.due > stamp ? undefined : this.#heap.shift()
  }

  /** The frame of `setting` is processed. False when that setting does not stand any more. */
  fire(name: string, setting: number): boolean {
    if (this.#table.get(name)?.setting !== setting) return false
    return this.#table.delete(name)
  }

  /** For a load, in the order in which they were set. */
  list(): TimerTable {
    const entries = [...this.#table.values()].sort((one, other) => one.setting - other.setting)
    return { settings: this.#settings, entries }
  }

  reset({ settings, entries }: TimerTable): void {
    this.#settings = settings
    this.#table.clear()
    this.#heap.clear()
    for (const entry of entries) {
      this.#table.set(entry.name, entry)
      this.#add(entry)
    }
  }

  #isStale(entry: TimerEntry): boolean {
    return this.#table.get(entry.name) !== entry
  }

  #dropStale(): void {
    for (let { first } = this.#heap; first && this.#isStale(first); first = this.#heap.first) {
      this.#heap.shift()
    }
  }

  #add(entry: TimerEntry): void {
    // Twice the table and a little: a standby, which never takes from the heap, stays bounded too.
    const isMostlyStale = this.#heap.length > 2 * this.#table.size + 64
    if (isMostlyStale) this.#heap.filter((each) => !this.#isStale(each))
    this.#heap.push(entry)
  }
}

/** By due time, then by name in the order of its UTF-16 units: alike wherever it is compared. */
function isBefore(one: TimerEntry, other: TimerEntry): boolean {
  if (one.due !== other.due) return one.due < other.due
  return one.name < other.name
}
