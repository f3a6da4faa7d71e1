/**
 * A disk as a page cache over a platter: what was written is seen at once and is durable only when
 * it was synced; and each step can fail, or be the last one that the process did.
 *
 * When the power is cut, what was not synced may or may not have reached the platter: contents
 * (whole, cut or not at all) and names each for themselves, in any combination. `choose` decides.
 */

import type { FileOut, Files } from '#lib/store/kept-file.js'

/** Thrown by the step at which the process ends; nothing that it does later has an effect. */
export class Killed extends Error {}

interface Content {
  cached: Uint8Array
  durable: Uint8Array
}

export class ModelDisk implements Files {
  /** Steps done so far. */
  steps = 0
  /** The step that is not done any more: `kill` ends the process there, `fail` is an error. */
  fault: { readonly at: number; readonly how: 'kill' | 'fail' } | undefined
  /** The process has ended and was not started again. */
  isDead = false
  #names = new Map<string, Content>()
  #durableNames = new Map<string, Content>()

  /** Starts anew after the process was killed; with `choose`, after the power was cut. */
  restart(choose?: () => boolean): void {
    this.isDead = false
    this.fault = undefined
    if (choose === undefined) return
    const names = choose() ? this.#names : this.#durableNames
    const after = new Map<string, Content>()
    for (const [name, content] of names) {
      const torn = content.cached.subarray(0, content.cached.length >> 1)
      const isWhole = Buffer.from(content.cached).equals(content.durable)
      const unsynced = choose() ? content.cached : choose() ? torn : content.durable
      const left = isWhole ? content.durable : unsynced
      after.set(name, { cached: left, durable: left })
    }
    this.#names = after
    this.#durableNames = new Map(after)
  }

  /** Puts a file there as an operator would. */
  put(path: string, bytes: Uint8Array): void {
    const content = { cached: bytes, durable: bytes }
    this.#names.set(path, content)
    this.#durableNames.set(path, content)
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    await this.#step()
    const content = this.#names.get(path)
    return content && Uint8Array.from(content.cached)
  }

  async create(path: string): Promise<FileOut> {
    await this.#step()
    const content = this.#names.get(path) ?? {
      cached: new Uint8Array(0),
      durable: new Uint8Array(0),
    }
    content.cached = new Uint8Array(0)
    this.#names.set(path, content)
    return {
      write: async (bytes) => {
        content.cached = bytes.slice(0, bytes.length >> 1)
        await this.#step()
        content.cached = Uint8Array.from(bytes)
      },
      sync: async () => {
        await this.#step()
        content.durable = content.cached
      },
      close: async () => {},
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step()
    const content = this.#names.get(from)
    if (content === undefined) throw new Error(`ENOENT: ${from}`)
    this.#names.delete(from)
    this.#names.set(to, content)
  }

  async sync(path: string): Promise<void> {
    await this.#step()
    const content = this.#names.get(path)
    if (content) content.durable = content.cached
    else this.#durableNames = new Map(this.#names)
  }

  async #step(): Promise<void> {
    await undefined
    if (this.isDead) throw new Killed('the process has ended')
    const { at, how } = this.fault ?? {}
    if (this.steps === at) {
      this.fault = undefined
      this.isDead = how === 'kill'
      throw how === 'kill' ? new Killed('the process ends') : new Error('EIO: no such luck')
    }
    this.steps += 1
  }
}
