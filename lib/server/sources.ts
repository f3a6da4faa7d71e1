/**
 * Who has sent what: the last number taken of each source. Part of the replicated state.
 *
 * A source is one run of a sender and counts without gaps. The next number is taken (a new source's
 * first as it comes), a known one is answered as accepted, a gap is refused. Both members make
 * the same changes in the same order, so the same source is forgotten on both when the bound is
 * reached: the one whose last frame is oldest.
 */

/** What is known of one source. */
export interface SourceEntry {
  readonly source: string
  /** Last number taken. */
  readonly seq: number
  /** The frame that took it. */
  readonly frameNo: number
}

export type SourceVerdict =
  | { readonly type: 'next' }
  /**
   * Taken before; `frameNo` is the frame of the source's newest input: when that is held, so is
   * this one.
   */
  | { readonly type: 'known'; readonly frameNo: number; readonly isNewest: boolean }
  | { readonly type: 'gap'; readonly expected: number }

export class Sources {
  readonly #entries = new Map<string, { seq: number; frameNo: number }>()
  readonly #most: number

  /** `most`: how many sources are remembered at once. */
  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#entries.size
  }

  classify(source: string, seq: number): SourceVerdict {
    const entry = this.#entries.get(source)
    if (entry === undefined || seq === entry.seq + 1) return { type: 'next' }
    if (seq <= entry.seq) {
      return { type: 'known', frameNo: entry.frameNo, isNewest: seq === entry.seq }
    }
    return { type: 'gap', expected: entry.seq + 1 }
  }

  /** The input (source, seq) became frame `frameNo`. */
  take(source: string, seq: number, frameNo: number): void {
    const entry = this.#entries.get(source)
    if (entry) {
      entry.seq = seq
      entry.frameNo = frameNo
      return
    }
    if (this.#entries.size >= this.#most) this.#forgetOldest()
    this.#entries.set(source, { seq, frameNo })
  }

  /** For a load. */
  list(): SourceEntry[] {
    return Array.from(this.#entries, ([source, entry]) => ({ source, ...entry }))
  }

  reset(entries: readonly SourceEntry[]): void {
    this.#entries.clear()
    for (const { source, seq, frameNo } of entries) this.#entries.set(source, { seq, frameNo })
  }

  /** Frame numbers differ from source to source, so both members find the same one. */
  #forgetOldest(): void {
    let oldest: string | undefined
    let least = Number.POSITIVE_INFINITY
    for (const [source, { frameNo }] of this.#entries) {
      if (frameNo < least) {
        least = frameNo
        oldest = source
      }
    }
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
