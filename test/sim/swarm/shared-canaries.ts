/**
 * Known bugs in the load of a shared state, to be put in one at a time.
 */

import type { RegionPort } from '#lib/runtime/ports-region.js'
import type { ReferenceRegion } from '#lib/testing/reference-region.js'
import { pageBytes } from '#lib/testing/reference-region.js'
import { millis } from '#lib/units.js'
import type { Wraps } from './trial.js'

/** `region` with some of what it does replaced; what is missing is its own. */
function regionWith(
  region: ReferenceRegion,
  changes: Partial<Pick<RegionPort, 'send' | 'receive'>>,
): RegionPort {
  return new Proxy<RegionPort>(region, {
    get(target, key) {
      const value: unknown = Reflect.get(changes, key) ?? Reflect.get(target, key, target)
      return typeof value === 'function' && !(key in changes) ? value.bind(target) : value
    },
  })
}

/** A new one for each trial. */
export const sharedCanaries: Readonly<Record<string, () => Wraps>> = {
  /** What travels beside the pages is taken before the last of them are. */
  'pages-after-the-image': () => ({
    region: (region) =>
      regionWith(region, {
        send: (...asked) => {
          const sending = region.send(...asked)
          let isTaken = false
          const take = () => {
            if (sending.finish() === 'not-yet') region.clock.setTimer(millis(1), take)
          }
          return {
            cancel: () => sending.cancel(),
            progress: () => sending.progress(),
            finish: () => {
              if (!isTaken) region.clock.setTimer(millis(4), take)
              isTaken = true
              return 'taken'
            },
          }
        },
      }),
  }),

  /** One page of a load that has arrived is not put in place. */
  'page-not-in-place': () => ({
    region: (region) =>
      regionWith(region, {
        receive: (...asked) => {
          const arrival = region.receive(...asked)
          return {
            get arrived() {
              return arrival.arrived
            },
            cancel: () => arrival.cancel(),
            progress: () => arrival.progress(),
            install: () => {
              const first = region.bytes.slice(0, pageBytes)
              arrival.install()
              region.bytes.set(first)
            },
          }
        },
      }),
  }),

  /** What was written while the last pages were on their way is forgotten. */
  'last-pages-forgotten': () => ({
    region: (region) =>
      regionWith(region, {
        send: (ask, side, to) => {
          const before = new Map<number, Uint8Array>()
          const sending = region.send(ask, side, {
            ...to,
            nearly: () => {
              for (let page = 0; page < region.pageCount; page += 1) {
                before.set(page, region.page(page).slice())
              }
              region.clock.setTimer(millis(3), () => to.nearly?.())
            },
          })
          return {
            cancel: () => sending.cancel(),
            progress: () => sending.progress(),
            finish: () => {
              const written = region.bytes.slice()
              for (const [page, bytes] of before) region.page(page).set(bytes)
              const status = sending.finish()
              region.bytes.set(written)
              return status
            },
          }
        },
      }),
  }),
}
