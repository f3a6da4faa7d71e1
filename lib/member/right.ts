/**
 * What the right to rule rests on beside the other member: the record that this one keeps in its
 * folder, and the arbiter. Both are optional, and neither is waited for while the pair is whole.
 */

import { openArbiter } from '../arbiter/open.js'
import type { Config } from '../config.js'
import type { Happening } from '../core/event.js'
import type { State } from '../core/state.js'
import { asPairError, PairError } from '../errors.js'
import { Claims } from '../runtime/claims.js'
import { systemClock } from '../runtime/clock.js'
import type { QuestionsPort, StorePort, Told } from '../runtime/ports.js'
import type { ArbiterPort, ArbiterSight } from '../runtime/ports-arbiter.js'
import { systemFiles } from '../store/kept-file.js'
import { ownFolder } from '../store/own-folder.js'
import { RecordStore } from '../store/record-store.js'
import type { Status } from './contract.js'

export interface RightOwner {
  readonly post: (happening: Happening) => void
  readonly tell: (event: Told) => void
  readonly fault: (error: PairError) => void
}

type Wanted = Pick<Config<unknown>, 'pair' | 'member' | 'secrets' | 'arbiter' | 'folder'>

export class Right {
  readonly #config: Wanted
  readonly #owner: RightOwner
  #kept: RecordStore | undefined
  #arbiter: ArbiterPort | undefined
  #claims: Claims | undefined
  #isReachable = false

  constructor(config: Wanted, owner: RightOwner) {
    this.#config = config
    this.#owner = owner
  }

  /** Without a folder what is kept ends with the process. */
  get store(): StorePort {
    return {
      save: (record) => this.#kept?.save(record),
      note: (record, highest) => this.#kept?.note(record, highest),
    }
  }

  get questions(): QuestionsPort {
    return {
      read: () => this.#claims?.read(),
      claim: (expected, next, delay) => this.#claims?.claim(expected, next, delay),
      close: () => this.#claims?.close(),
    }
  }

  get status(): Pick<Status, 'arbiter' | 'record'> {
    const { name } = this.#arbiter ?? {}
    return {
      arbiter: name === undefined ? undefined : { name, isReachable: this.#isReachable },
      record: this.#kept && { path: this.#kept.path, isFailing: this.#kept.isFailing },
    }
  }

  /** Reads what was kept. The arbiter is not waited for: it may be out of reach. */
  async open(): Promise<void> {
    const { pair, member, secrets, arbiter, folder } = this.#config
    const { post, fault } = this.#owner
    if (folder !== undefined) {
      await this.#own(folder)
      const place = { files: systemFiles, clock: systemClock, folder, pair, member }
      this.#kept = await RecordStore.open({ ...place, failed: fault })
    }
    const owner = { pair, member, secrets, clock: systemClock, random: Math.random }
    this.#arbiter = await openArbiter(arbiter, owner)
    if (this.#arbiter === undefined) return
    const reach = (sight: Extract<ArbiterSight, { kind: 'reach' }>) => this.#reach(sight)
    this.#claims = new Claims({ arbiter: this.#arbiter, clock: systemClock, post, reach })
  }

  /** The rules begin: with what is remembered, and from here on with what the arbiter keeps. */
  begin(): void {
    this.#claims?.open()
    const remembered = this.#kept?.remembered
    this.#owner.post(remembered === undefined ? { type: 'opened' } : { type: 'opened', remembered })
  }

  /** Says what the user has to put right. */
  note(from: State, to: State): void {
    if (to.kept !== 'lost' || from.kept === 'lost') return
    const before = typeof from.kept === 'object' ? ` (reign ${from.kept.epoch})` : ''
    const message = `the arbiter ${this.#arbiter?.name} keeps less than it did${before}: it has lost what was entrusted to it. A whole pair works on; no member gets a right from it until this one starts again`
    this.#owner.fault(new PairError('ERR_HOTPAIR_ARBITER_RECORD', message))
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#claims?.close()
    await this.#arbiter?.close()
    await this.#kept?.close()
  }

  async #own(folder: string): Promise<void> {
    await ownFolder(folder).catch((cause: unknown) => {
      const { message } = asPairError(cause, 'ERR_HOTPAIR_FOLDER')
      const text = `the folder ${folder} cannot be used: ${message}`
      throw new PairError('ERR_HOTPAIR_FOLDER', text, { cause })
    })
  }

  #reach({ isReachable, error }: Extract<ArbiterSight, { kind: 'reach' }>): void {
    this.#isReachable = isReachable
    this.#owner.tell({ type: 'arbiter', isReachable, reason: error?.message })
  }
}
