/**
 * The record of a member in a folder of its host: what it knows when it starts again.
 *
 * Nothing waits for the disk that need not. Reigns are reserved ahead, and whoever is left out of
 * the record may be left out late: a restarted member then waits for one more to be known gone.
 * Only who comes into the record is kept before anything rests on it, for a restarted member that
 * does not know of a holder would begin anew beside it (docs/PROTOCOL.md#22).
 *
 * A disk that fails or stands still stops nobody. It is told once, tried again, and until it works
 * a restart knows what one without a folder would know, or a former record.
 */

import type { PairRecord, Remembered } from '../core/state.js'
import { PairError, reasonOf } from '../errors.js'
import type { StorePort } from '../runtime/ports.js'
import type { ClockPort, Timer } from '../runtime/ports-clock.js'
import { type Epoch, epochOf, type MemberId, type Millis, millis } from '../units.js'
import { fileNameOf } from './file-name.js'
import { fileOf, type Kept, keptIn } from './kept-bytes.js'
import { type Files, KeptFile } from './kept-file.js'

export interface RecordStoreOptions {
  readonly files: Files
  readonly clock: ClockPort
  /** It is there already. */
  readonly folder: string
  readonly pair: string
  readonly member: MemberId
  /** The record cannot be kept: told once, until it could be again. */
  readonly failed: (error: PairError) => void
}

/** So many reigns lie between the highest known one and the last that may be used unkept. */
const reignsAhead = 1_000
/** Longest that the rules wait for the disk. */
const patience: Millis = millis(1_000)
const firstPauseMs = 1_000
const longestPauseMs = 60_000

/** Somebody waits until `record` is kept. */
interface Waiter {
  readonly record: PairRecord
  readonly done: () => void
}

export class RecordStore implements StorePort {
  readonly path: string
  readonly #options: RecordStoreOptions
  readonly #file: KeptFile
  /** On disk for certain. */
  #kept: Kept
  /** To be on disk. */
  #record: PairRecord | undefined
  #highest: Epoch
  #waiters: Waiter[] = []
  #writing: Promise<void> | undefined
  #pauseMs = 0
  #pause: Timer | undefined
  #isFailing = false
  #isClosed = false

  private constructor(options: RecordStoreOptions, file: KeptFile, kept: Kept) {
    this.#options = options
    this.#file = file
    this.#kept = kept
    this.#record = kept.record
    this.#highest = kept.reserved
    this.path = file.path
  }

  /**
   * Reads what was kept of `member` of `pair` in `folder`.
   *
   * @throws PairError `ERR_HOTPAIR_FOLDER` for a file that is damaged, of a version from the
   * future, or of another member, and where nothing can be read.
   */
  static async open(options: RecordStoreOptions): Promise<RecordStore> {
    const { files, folder, pair, member } = options
    const file = new KeptFile(files, folder, fileNameOf(pair, member))
    const bytes = await file.load().catch((cause: unknown) => {
      throw refusal(`${file.path} cannot be read: ${reasonOf(cause)}`, cause)
    })
    const none = { reserved: epochOf(0), record: undefined }
    const kept = bytes === undefined ? none : keptIn(pair, member, bytes)
    if (typeof kept === 'string') throw refusal(`${file.path} cannot be used: ${kept}. ${wayOut}`)
    return new RecordStore(options, file, kept)
  }

  get remembered(): Remembered {
    return { record: this.#kept.record, highest: this.#kept.reserved }
  }

  /** What is on disk is older than what is known, because it cannot be written. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  save(record: PairRecord): Promise<void> | undefined {
    this.note(record, record.epoch)
    if (this.#covers(record) || this.#isFailing || this.#isClosed) return undefined
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(patience, () => {
        this.#tell(`keeping ${this.path} has taken more than ${patience} ms so far`)
        this.#release()
      })
      this.#waiters.push({
        record,
        done: () => {
          timer.clear()
          resolve()
        },
      })
    })
  }

  note(record: PairRecord | undefined, highest: Epoch): void {
    this.#record = record ?? this.#record
    this.#highest = epochOf(Math.max(this.#highest, highest))
    if (this.#pause === undefined) this.#write()
  }

  /** Ends when nothing is being written any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#pause?.clear()
    this.#release()
    await this.#writing
  }

  get #isDue(): boolean {
    const { record, reserved } = this.#kept
    return this.#record !== record || this.#highest + reignsAhead / 2 > reserved
  }

  /**
   * Whether a member that reads what is kept waits for everybody that `record` names, but for
   * itself, which is gone then, and takes no reign that may have been used.
   */
  #covers({ inSync, epoch }: PairRecord): boolean {
    const { record, reserved } = this.#kept
    if (epoch > reserved) return false
    return inSync.every((holder) => {
      if (holder.member === this.#options.member) return true
      return record?.inSync.some(({ incarnation }) => incarnation === holder.incarnation) === true
    })
  }

  #write(): void {
    if (this.#writing !== undefined || this.#isClosed || !this.#isDue) return
    this.#writing = this.#writeOnce().finally(() => {
      this.#writing = undefined
      if (this.#pause === undefined) this.#write()
    })
  }

  async #writeOnce(): Promise<void> {
    const { pair, member } = this.#options
    const reserved = epochOf(this.#highest + reignsAhead)
    const next: Kept = { reserved, record: this.#record }
    try {
      await this.#file.save(fileOf(pair, member, next))
    } catch (error) {
      this.#tell(`${this.path} cannot be written: ${reasonOf(error)}`, error)
      this.#release()
      return this.#tryLater()
    }
    this.#kept = next
    this.#isFailing = false
    this.#pauseMs = 0
    this.#release((record) => this.#covers(record))
  }

  #tryLater(): void {
    if (this.#isClosed) return
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs === 0 ? firstPauseMs : 2 * this.#pauseMs)
    this.#pause = this.#options.clock.setTimer(millis(this.#pauseMs), () => {
      this.#pause = undefined
      this.#write()
    })
  }

  #release(isReady: (record: PairRecord) => boolean = () => true): void {
    const ready = this.#waiters.filter(({ record }) => isReady(record))
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter))
    for (const { done } of ready) done()
  }

  #tell(what: string, cause?: unknown): void {
    if (this.#isFailing || this.#isClosed) return
    this.#isFailing = true
    const message = `${what}; the pair goes on, and after a restart this member may know less than it should. It is tried again.`
    this.#options.failed(new PairError('ERR_HOTPAIR_FOLDER', message, { cause }))
  }
}

const wayOut =
  'Move it away to start without it, which is safe when the other member runs or nobody does'

function refusal(message: string, cause?: unknown): PairError {
  return new PairError('ERR_HOTPAIR_FOLDER', message, { cause })
}
