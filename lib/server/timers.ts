/**
 * The timers of the program: part of the replicated state, alike on both members.
 *
 * `process` sets and clears them; a primary makes a frame of each that is due by pair time, and
 * both members take it off the table when they process that frame. Each setting has a number, so
 * that a frame made for a setting which an earlier frame has cleared or replaced is passed over, on
 * both alike (docs/PROTOCOL.md#15). No clock is read here.
 */

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
   * A binary heap, the earliest first. Entries that are no longer in the table are dropped when
   * they come up, or all at once when they outnumber the others.
   */
  #heap: TimerEntry[] = []
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
    return this.#heap[0]?.due
  }

  /**
   * The next one that is due at `stamp`, in order of due time, then name. It is handed out once and
   * stays in the table until its frame is processed.
   */
  takeDue(stamp: number): TimerEntry | undefined {
    this.#dropStale()
    const [first] = this.#heap
    if (first === undefined || first.due > stamp) return undefined
    this.#removeFirst()
    return first
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
    this.#heap = []
    for (const entry of entries) {
      this.#table.set(entry.name, entry)
      this.#add(entry)
    }
  }

  #isStale(entry: TimerEntry): boolean {
    return this.#table.get(entry.name) !== entry
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first && this.#isStale(first); first = this.#heap[0]) {
      this.#removeFirst()
    }
  }

  #add(entry: TimerEntry): void {
    // Twice the table and a little: a standby, which never takes from the heap, stays bounded too.
    if (this.#heap.length > 2 * this.#table.size + 64) {
      const left = this.#heap.filter((each) => !this.#isStale(each))
      this.#heap = []
      for (const each of left) this.#push(each)
    }
    this.#push(entry)
  }

  #push(entry: TimerEntry): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(entry, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      const left = heap[2 * index + 1]
      const right = heap[2 * index + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const least = isRight ? right : left
      if (!isBefore(least, last)) break
      heap[index] = least
      index = 2 * index + (isRight ? 2 : 1)
    }
    heap[index] = last
  }
}

/** By due time, then by name in the order of its UTF-16 units: alike wherever it is compared. */
function isBefore(one: TimerEntry, other: TimerEntry): boolean {
  if (one.due !== other.due) return one.due < other.due
  return one.name < other.name
}
