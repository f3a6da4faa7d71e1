/**
 * A few bytes that survive any crash: the old ones or the new ones, never a mixture, and the new
 * ones for certain once `save` has resolved.
 *
 * The new bytes go into a file beside, which is synced, put in the place of the old one by a
 * rename, and its folder is synced too: without that the name may still lead to the old file after
 * the power was cut. What is read is synced before it is handed out, for somebody who was told of
 * it must not find it gone. It must not know what the bytes mean.
 *
 *     write FILE.new ─► sync it ─► rename over FILE ─► sync the folder ─► saved
 */

import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** A file that is being written. */
export interface FileOut {
  write(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is needed of a file system; each call is one step that may fail or be the last. */
export interface Files {
  /** Undefined: there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Makes the file anew, empty. */
  create(path: string): Promise<FileOut>
  rename(from: string, to: string): Promise<void>
  /** Of a file that is there, or of a folder. */
  sync(path: string): Promise<void>
}

/** The file system of this host. */
export const systemFiles: Files = {
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  },
  async create(path) {
    const file = await open(path, 'w', 0o600)
    return {
      write: (bytes) => file.writeFile(bytes),
      sync: () => file.sync(),
      close: () => file.close(),
    }
  },
  rename,
  async sync(path) {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  },
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** What a failed `save` has left: surely the old bytes, or one of the two. */
export class SaveError extends Error {
  readonly isOldKept: boolean

  constructor(isOldKept: boolean, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.isOldKept = isOldKept
  }
}

/** One file. Calls must not overlap. */
export class KeptFile {
  readonly path: string
  readonly #files: Files
  readonly #folder: string

  /** `folder` is there already. */
  constructor(files: Files, folder: string, name: string) {
    this.#files = files
    this.#folder = folder
    this.path = join(folder, name)
  }

  /** The bytes that are kept, and that are so for certain; undefined: none ever were. */
  async load(): Promise<Uint8Array | undefined> {
    const bytes = await this.#files.read(this.path)
    if (bytes !== undefined) await this.#files.sync(this.path)
    await this.#files.sync(this.#folder)
    return bytes
  }

  /** Keeps `bytes` instead. Rejects with a SaveError. */
  async save(bytes: Uint8Array): Promise<void> {
    const beside = `${this.path}.new`
    try {
      await this.#writeBeside(beside, bytes)
    } catch (error) {
      throw new SaveError(true, error)
    }
    try {
      await this.#files.rename(beside, this.path)
      await this.#files.sync(this.#folder)
    } catch (error) {
      throw new SaveError(false, error)
    }
  }

  async #writeBeside(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#files.create(path)
    try {
      await file.write(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  }
}
