/**
 * The record of one pair as a witness keeps it: compared and changed one question after the other,
 * durable before the answer.
 *
 * When a write has failed half way, nobody knows which record the disk will give back. Then nothing
 * is answered from memory any more: the next question reads the file anew, syncs it, and what it
 * says counts. A file that cannot be understood is never overwritten: it is an operator's to judge.
 */

import { PairError, reasonOf } from '../../errors.js'
import { fileNameOf } from '../../store/file-name.js'
import { type Files, KeptFile, SaveError } from '../../store/kept-file.js'
import { decodeKept, encodeKept } from '../../wire/kept.js'
import { areSameBytes, decodeRecord } from '../../wire/record.js'

const nothing = new Uint8Array(0)

/** How a swap ended: undefined if it was done, else what is kept instead. */
export type Swapped = Uint8Array | undefined

export class Keeper {
  readonly #pair: string
  readonly #file: KeptFile
  readonly #changed: (record: Uint8Array) => void
  /** The record's bytes, empty for none; undefined while only the disk knows. */
  #kept: Uint8Array | undefined
  /** The last question in the queue; never rejects. */
  #last: Promise<unknown> = Promise.resolve()

  /** `changed` is called with each new record, when it is durable. */
  constructor(
    files: Files,
    folder: string,
    pair: string,
    changed: (record: Uint8Array) => void = () => {},
  ) {
    this.#pair = pair
    this.#file = new KeptFile(files, folder, fileNameOf(pair))
    this.#changed = changed
  }

  /**
   * The bytes of the record, empty for none. Rejects with `ERR_HOTPAIR_ARBITER_RECORD` where there
   * is a file that cannot be understood, `…_UNREACHABLE` where it cannot be read.
   */
  read(): Promise<Uint8Array> {
    return this.#inTurn(() => this.#settled())
  }

  /**
   * Rejects also with `ERR_HOTPAIR_ARBITER_UNKNOWN`, where it may have been done, and
   * `…_UNREACHABLE`, where it surely was not.
   */
  swap(expected: Uint8Array, next: Uint8Array): Promise<Swapped> {
    return this.#inTurn(async () => {
      const kept = await this.#settled()
      if (!areSameBytes(kept, expected)) return kept
      await this.#save(next)
      return undefined
    })
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#last
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run)
    this.#last = result.catch(() => {})
    return result
  }

  async #settled(): Promise<Uint8Array> {
    this.#kept ??= await this.#load()
    return this.#kept
  }

  async #load(): Promise<Uint8Array> {
    const file = await this.#file.load().catch((cause: unknown) => {
      const message = `the file ${this.#file.path} cannot be read: ${reasonOf(cause)}`
      throw new PairError('ERR_HOTPAIR_ARBITER_UNREACHABLE', message, { cause })
    })
    if (file === undefined) return nothing
    const record = decodeKept('witness', this.#pair, file)
    const isRecord = typeof record !== 'string' && decodeRecord(record) !== undefined
    if (isRecord) return record
    const why = typeof record === 'string' ? record : 'its record is of another version'
    const message = `the file ${this.#file.path} is not taken: ${why}`
    throw new PairError('ERR_HOTPAIR_ARBITER_RECORD', message)
  }

  async #save(next: Uint8Array): Promise<void> {
    const kept = Uint8Array.from(next)
    try {
      await this.#file.save(encodeKept('witness', this.#pair, kept))
    } catch (cause) {
      if (cause instanceof SaveError && cause.isOldKept) {
        const message = `the record was not changed, it cannot be written: ${reasonOf(cause)}`
        throw new PairError('ERR_HOTPAIR_ARBITER_UNREACHABLE', message, { cause })
      }
      this.#kept = undefined
      const message = `the record may have been changed, writing it has failed: ${reasonOf(cause)}`
      throw new PairError('ERR_HOTPAIR_ARBITER_UNKNOWN', message, { cause })
    }
    this.#kept = kept
    this.#changed(kept)
  }
}
