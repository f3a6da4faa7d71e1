/**
 * The development trap: while `process` runs, calls that differ between the members are reported,
 * or thrown back.
 *
 * A clock read in `process` works in every test with one member and takes the pair apart in
 * production. With the trap on, the language's and Node's own sources of time, chance and later
 * work are replaced in this process by ones that look whether a frame is being processed; from
 * anywhere else they are passed through. It costs a look at each such call and is for development
 * only. What it cannot see: functions that were taken out of their objects before it was set.
 */

import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import { PairError } from '../errors.js'

/** A trapped function: where it is found, as it is written, and what to do instead. */
interface Trapped {
  readonly holder: unknown
  readonly name: string
  readonly shown: string
  readonly instead: string
}

const onTime = 'use ctx.now'
const onChance = 'use ctx.random() or ctx.uuid()'
const onTimers = 'use ctx.setTimer()'
const onLater = 'what runs later changes the state outside of a frame; do it in process() itself'
const onInput = 'ask outside of process() and give the answer back by receive()'

function trappedIn(holder: unknown, path: string, instead: string, names: string): Trapped[] {
  return names.split(' ').map((name) => ({ holder, name, shown: `${path}${name}()`, instead }))
}

/** Evaluated when a trap is set, for some of them are made when they are first looked at. */
function trapped(): readonly Trapped[] {
  const temporal: unknown = Reflect.get(globalThis, 'Temporal')
  const now: unknown = isHolder(temporal) ? Reflect.get(temporal, 'Now') : undefined
  const ofTemporal =
    'instant plainDateISO plainDateTimeISO plainTimeISO zonedDateTimeISO timeZoneId'
  const ofCrypto = 'randomUUID getRandomValues'
  const later = 'setTimeout setInterval setImmediate'
  return [
    ...trappedIn(Date, 'Date.', onTime, 'now'),
    ...trappedIn(performance, 'performance.', onTime, 'now'),
    ...trappedIn(process, 'process.', onTime, 'hrtime'),
    ...trappedIn(process.hrtime, 'process.hrtime.', onTime, 'bigint'),
    ...trappedIn(now, 'Temporal.Now.', onTime, ofTemporal),
    ...trappedIn(Math, 'Math.', onChance, 'random'),
    ...trappedIn(globalThis.crypto, 'crypto.', onChance, ofCrypto),
    ...trappedIn(crypto, 'crypto.', onChance, `${ofCrypto} randomBytes randomInt randomFillSync`),
    ...trappedIn(globalThis, '', onTimers, later),
    ...trappedIn(timers, '', onTimers, later),
    ...trappedIn(globalThis, '', onLater, 'queueMicrotask'),
    ...trappedIn(process, 'process.', onLater, 'nextTick'),
    ...trappedIn(globalThis, '', onInput, 'fetch'),
  ]
}

/** Places of which reports are remembered, so that each is told once. */
const mostSites = 1_000

/** Where our own code lies: what it does during a frame is not the program's. */
const ownPlace: string = new URL('..', import.meta.url).href

/** One member that has set the trap. */
export interface TrapUser {
  /** `process` begins with `frameNo`; 0: it has ended. */
  markFrame(frameNo: number): void
  /** Takes the trap away when nobody else has set it. Idempotent. */
  close(): void
}

export interface TrapOptions {
  readonly mode: 'report' | 'throw'
  /** Once for each place of a call; in mode `throw` nothing is reported but what is thrown. */
  readonly report: (error: PairError, frameNo: number) => void
}

/** Sets the trap in this process, for one member. */
export function setTrap(options: TrapOptions): TrapUser {
  return trap.join(options)
}

/** Whose `process` is running, and where it was caught before. */
interface Current {
  readonly options: TrapOptions
  readonly sites: Set<string>
  frameNo: number
}

class Trap {
  readonly #users = new Set<TrapUser>()
  readonly #undo: (() => void)[] = []
  #current: Current | undefined

  join(options: TrapOptions): TrapUser {
    const frame: Current = { options, sites: new Set(), frameNo: 0 }
    const user: TrapUser = {
      markFrame: (frameNo) => {
        frame.frameNo = frameNo
        this.#current = frameNo > 0 ? frame : undefined
      },
      close: () => {
        if (this.#users.delete(user) && this.#users.size === 0) this.#remove()
      },
    }
    if (this.#users.size === 0) this.#install()
    this.#users.add(user)
    return user
  }

  #install(): void {
    for (const one of trapped()) this.#replace(one)
    this.#replaceDate()
    syncBuiltinESMExports()
  }

  #remove(): void {
    this.#current = undefined
    for (const undo of this.#undo.splice(0).reverse()) undo()
    syncBuiltinESMExports()
  }

  #replace({ holder, name, shown, instead }: Trapped): void {
    if (!isHolder(holder)) return
    const original: unknown = Reflect.get(holder, name)
    if (typeof original !== 'function') return
    const apply = (target: typeof original, self: unknown, list: unknown[]): unknown => {
      this.#look(shown, instead, apply)
      return Reflect.apply(target, self, list)
    }
    this.#put(holder, name, new Proxy(original, { apply }))
  }

  /** `new Date(7)` is fine; without arguments it is a clock. */
  #replaceDate(): void {
    const original = Date
    const instead = 'use new Date(ctx.now)'
    const construct = (target: typeof original, list: unknown[], maker: unknown): object => {
      if (list.length === 0) this.#look('new Date()', instead, construct)
      const isSubclass = maker !== replaced && typeof maker === 'function'
      return Reflect.construct(target, list, isSubclass ? maker : target)
    }
    const apply = (target: typeof original): unknown => {
      this.#look('Date()', instead, apply)
      return target()
    }
    const replaced = new Proxy(original, { construct, apply })
    this.#put(globalThis, 'Date', replaced)
    this.#put(original.prototype, 'constructor', replaced)
  }

  #put(holder: object, name: string, replacement: unknown): void {
    const before = Object.getOwnPropertyDescriptor(holder, name)
    if (before?.configurable === false || (before && !('value' in before))) return
    const own = { enumerable: before?.enumerable ?? true, writable: true, configurable: true }
    Object.defineProperty(holder, name, { ...own, value: replacement })
    this.#undo.push(() => {
      // Somebody else has put something over ours: it would be lost.
      if (Reflect.get(holder, name) !== replacement) return
      if (before) Object.defineProperty(holder, name, before)
      else Reflect.deleteProperty(holder, name)
    })
  }

  #look(shown: string, instead: string, below: (...list: never[]) => unknown): void {
    const current = this.#current
    if (current === undefined) return
    // Whatever is called while this is told is not the program's.
    this.#current = undefined
    try {
      const call = `${shown}, which differs between the members: ${instead}`
      this.#tell(current, call, siteAbove(below))
    } finally {
      this.#current = current
    }
  }

  #tell({ options, sites, frameNo }: Current, call: string, site: string): void {
    // Node itself, or this library, on behalf of the program: not a call that it could leave out.
    if (site.includes('node:') || site.includes(ownPlace)) return
    if (options.mode === 'report' && (sites.has(site) || sites.size >= mostSites)) return
    sites.add(site)
    const text = `process() of frame ${frameNo} called ${call} (at ${site})`
    const error = new PairError('ERR_HOTPAIR_NONDETERMINISM', text)
    if (options.mode === 'throw') throw error
    options.report(error, frameNo)
  }
}

/** What is replaced is the process's, so the trap is one for all members in it. */
const trap = new Trap()

function isHolder(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** The place from which the function above `below` was called. */
function siteAbove(below: (...list: never[]) => unknown): string {
  const holder: { stack?: unknown } = {}
  Error.captureStackTrace(holder, below)
  const [, first = ''] = String(holder.stack).split('\n')
  return first.replace(/^\s*at (?:.*\((.*)\)|)/, '$1').trim()
}
