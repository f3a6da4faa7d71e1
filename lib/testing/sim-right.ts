/**
 * What the right of a simulated member rests on beside the other one, as `lib/member/right.ts`: its
 * record on the disk of its host, and the arbiter.
 *
 * What either says reaches the process like anything else: when its loop runs.
 */

import type { Happening } from '../core/event.js'
import type { Remembered } from '../core/state.js'
import { Claims } from '../runtime/claims.js'
import type { StorePort } from '../runtime/ports.js'
import { RecordStore } from '../store/record-store.js'
import { millis } from '../units.js'
import type { SimDisk } from './sim-disk.js'
import type { SimMember } from './sim-member.js'
import type { SimPair } from './sim-pair.js'

/** What a service manager takes to start a process again. */
const restart = millis(100)

export class SimRight<App> {
  readonly claims: Claims | undefined
  /** What the runtime has the store do. */
  readonly store: StorePort
  readonly #member: SimMember<App>
  readonly #disk: SimDisk | undefined
  readonly #post: (happening: Happening) => void
  #kept: RecordStore | undefined

  constructor(member: SimMember<App>, pair: SimPair<App>, post: (happening: Happening) => void) {
    const { wraps, arbiter: reached } = pair.options
    this.#member = member
    this.#disk = pair.diskOf(member.id)
    this.#post = post
    const own: StorePort = {
      save: (record) => this.#kept?.save(record),
      note: (record, highest) => this.#kept?.note(record, highest),
    }
    this.store = wraps?.store?.(own) ?? own
    const arbiter = reached?.(member.id)
    this.claims =
      arbiter &&
      new Claims({
        arbiter: wraps?.arbiter?.(arbiter) ?? arbiter,
        clock: member.clock,
        post: (happening) => member.act(() => post(happening)),
        reach: () => {},
      })
  }

  /** The rules begin when what was kept is known, at once where there is no disk; then `begun`. */
  open(begun: () => void): void {
    if (this.#disk === undefined) return this.#begin(undefined, begun)
    const { id, clock } = this.#member
    const place = { files: this.#disk.filesOf(clock), clock, folder: '/kept', pair: 'simulated' }
    const failed = (error: unknown) => this.#member.fault(error)
    RecordStore.open({ ...place, member: id, failed }).then(
      (kept) => {
        this.#kept = kept
        this.#member.act(() => this.#begin(kept.remembered, begun))
      },
      // The process ends, and is started again: nobody has heard of this incarnation yet.
      (error) => {
        failed(error)
        clock.setTimer(restart, () => this.open(begun))
      },
    )
  }

  #begin(remembered: Remembered | undefined, begun: () => void): void {
    this.claims?.open()
    this.#post(remembered === undefined ? { type: 'opened' } : { type: 'opened', remembered })
    begun()
  }
}
