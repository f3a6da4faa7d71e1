/**
 * The disk of a simulated host: a page cache over a platter, in virtual time.
 *
 * Each step takes its time, fails while the disk does, and is the last one where the process ends
 * that waits for it. What was written is seen at once and outlives the process; a power cut leaves
 * what was synced.
 */

import type { ClockPort } from '../runtime/ports-clock.js'
import type { FileOut, Files } from '../store/kept-file.js'
import type { Millis } from '../units.js'

interface Content {
  cached: Uint8Array
  durable: Uint8Array
}

const nothing = new Uint8Array(0)

export class SimDisk {
  isFailing = false
  readonly #step: () => Millis
  #names = new Map<string, Content>()
  #durableNames = new Map<string, Content>()

  /** `step`: what the next step takes. */
  constructor(step: () => Millis) {
    this.#step = step
  }

  /** Nothing is left but what was synced. */
  cutPower(): void {
    this.#names = new Map(
      [...this.#durableNames].map(([name, { durable }]) => [name, { cached: durable, durable }]),
    )
    this.#durableNames = new Map(this.#names)
  }

  /** What a power cut would leave of a file. */
  durable(path: string): Uint8Array | undefined {
    return this.#durableNames.get(path)?.durable
  }

  /** The disk as a process sees it whose time is `clock`. */
  filesOf(clock: ClockPort): Files {
    const step = async (): Promise<void> => {
      await new Promise<void>((resolve) => clock.setTimer(this.#step(), resolve))
      if (this.isFailing) throw new Error('EIO: the disk fails')
    }
    return {
      read: async (path) => {
        await step()
        return this.#names.get(path)?.cached
      },
      create: async (path) => {
        await step()
        return this.#create(path, step)
      },
      rename: async (from, to) => {
        await step()
        const content = this.#names.get(from)
        if (content === undefined) throw new Error(`ENOENT: ${from}`)
        this.#names.delete(from)
        this.#names.set(to, content)
      },
      sync: async (path) => {
        await step()
        const content = this.#names.get(path)
        if (content) content.durable = content.cached
        else this.#durableNames = new Map(this.#names)
      },
    }
  }

  #create(path: string, step: () => Promise<void>): FileOut {
    const content: Content = { cached: nothing, durable: nothing }
    this.#names.set(path, content)
    return {
      write: async (bytes) => {
        content.cached = bytes.slice(0, bytes.length >> 1)
        await step()
        content.cached = bytes.slice()
      },
      sync: async () => {
        await step()
        content.durable = content.cached
      },
      close: async () => {},
    }
  }
}
