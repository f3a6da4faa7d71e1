/**
 * What the program's state is kept in: a plain JavaScript value, or fields in a region.
 *
 * The two differ in how a history begins, in what is digested, and in what the image of a load
 * holds: a plain state travels in it whole; of a shared one it has the digest only, because its
 * bytes come by the side connection. What an image says is checked before anything is changed.
 */

import { serialize } from 'node:v8'
import { PairError, reasonOf } from '../errors.js'
import type { App, PlainApp, SharedApp } from '../options.js'
import type { RegionArrival, RegionPort } from '../runtime/ports-region.js'
import { digestOf, digestToSend } from './digest.js'
import { type ImageMeta, packMeta, unpackMeta } from './image.js'
import { readImage } from './read-image.js'
import type { TimerTable } from './timers.js'

/** Marks are numbers of 48 bits but 0: what two moments have in common by chance is found out. */
const markCount = 2n ** 48n - 1n

/** What has come of a region, beside the one in use. */
export type Pages = Pick<RegionArrival, 'arrived' | 'install'>

/** What came out of an image, found to be right. */
export interface Restored<State> {
  readonly meta: ImageMeta
  readonly state: State
}

export interface Holding<State> {
  /** The state with which a history begins. What the program throws is the caller's. */
  begin(): State
  /** Of the state and the timers. */
  digest(state: State | undefined, timers: TimerTable): bigint
  /** Both members are equal at this moment, which is named by `moment` on both. */
  mark(moment: unknown): void
  /** For a load. Throws ERR_HOTPAIR_STATE when the state cannot be sent. */
  image(meta: Omit<ImageMeta, 'digest'>, state: State | undefined): Uint8Array
  /**
   * Takes all out of an image that `check` does not refuse, with the `pages` that came beside it.
   * Throws ERR_HOTPAIR_LOAD or ERR_HOTPAIR_STATE, and nothing has changed.
   */
  restore(
    image: Uint8Array,
    check: (meta: ImageMeta) => void,
    pages: Pages | undefined,
  ): Restored<State>
}

/** `ofState`: what plain states are compared by. */
export function holdingOf<State>(
  app: App<State>,
  region: RegionPort | undefined,
  ofState?: typeof digestOf,
): Holding<State> {
  if (app.state === undefined) return new PlainHolding(app, ofState)
  if (region !== undefined) return new SharedHolding(app, region)
  throw new PairError('ERR_HOTPAIR_INVARIANT', 'a shared state has no region')
}

class PlainHolding<State> implements Holding<State> {
  readonly #app: PlainApp<State>
  readonly #digestOf: typeof digestOf

  constructor(app: PlainApp<State>, ofState: typeof digestOf = digestOf) {
    this.#app = app
    this.#digestOf = ofState
  }

  begin(): State {
    return this.#app.init()
  }

  digest(state: State | undefined, timers: TimerTable): bigint {
    return this.#digestOf([state, timers])
  }

  mark(): void {}

  image(meta: Omit<ImageMeta, 'digest'>, state: State | undefined): Uint8Array {
    const { digest, objection } = digestToSend([state, meta.timers])
    if (objection !== undefined) {
      throw new PairError('ERR_HOTPAIR_STATE', `the state holds ${objection}; no load is sent`)
    }
    try {
      return serialize([packMeta({ ...meta, digest }), state])
    } catch (error) {
      throw new PairError(
        'ERR_HOTPAIR_STATE',
        `the state cannot be cloned for a load: ${reasonOf(error)}. Keep functions, sockets and class instances out of it.`,
        { cause: error },
      )
    }
  }

  restore(image: Uint8Array, check: (meta: ImageMeta) => void): Restored<State> {
    const [packed, state] = partsOf(image)
    const meta = unpackMeta(packed)
    check(meta)
    if (digestOf([state, meta.timers]) !== meta.digest) throw otherwise(meta)
    return { meta, state }
  }
}

class SharedHolding<State> implements Holding<State> {
  readonly #app: SharedApp<State>
  readonly #region: RegionPort
  readonly #state: State
  readonly #canonicalise: () => void
  #isBlank = true

  constructor(app: SharedApp<State>, region: RegionPort) {
    const { state, canonicalise } = app.state.open(region.buffer)
    this.#app = app
    this.#region = region
    this.#state = state
    this.#canonicalise = canonicalise
  }

  begin(): State {
    if (!this.#isBlank) new Uint8Array(this.#region.buffer).fill(0)
    this.#isBlank = false
    const returned: unknown = this.#app.init?.(this.#state)
    if (returned === undefined) return this.#state
    throw new PairError(
      'ERR_HOTPAIR_STATE',
      'init() of a shared state must return nothing: it fills the state that it is given',
    )
  }

  digest(_state: State | undefined, timers: TimerTable): bigint {
    this.#canonicalise()
    return digestOf([this.#region.digest(), timers])
  }

  mark(moment: unknown): void {
    this.#region.mark(Number(digestOf(moment) % markCount) + 1)
  }

  image(meta: Omit<ImageMeta, 'digest'>): Uint8Array {
    return serialize(packMeta({ ...meta, digest: digestOf([meta.timers]) }))
  }

  restore(
    image: Uint8Array,
    check: (meta: ImageMeta) => void,
    pages: Pages | undefined,
  ): Restored<State> {
    const [packed, digest] = partsOf(image)
    if (!(packed instanceof Uint8Array) || typeof digest !== 'bigint') throw otherForm()
    const meta = unpackMeta(read(packed))
    check(meta)
    if (digestOf([meta.timers]) !== meta.digest) throw otherwise(meta)
    if (pages?.arrived !== digest) {
      const what = pages?.arrived === undefined ? 'have not come' : 'came otherwise than they went'
      throw new PairError('ERR_HOTPAIR_LOAD', `the load cannot be used: its pages ${what}`)
    }
    pages.install()
    this.#isBlank = false
    return { meta, state: this.#state }
  }
}

/** The image of a shared state, now that the digest of the region which was sent is known. */
export function sealImage(image: Uint8Array, digest: bigint): Uint8Array {
  return serialize([image, digest])
}

/** Its two parts, of whatever type: what they are is checked by who uses them. */
function partsOf(image: Uint8Array) {
  const parts = read(image)
  if (!Array.isArray(parts) || parts.length !== 2) throw otherForm()
  return parts
}

function read(image: Uint8Array): unknown {
  try {
    return readImage(image)
  } catch (cause) {
    const text = `the image of a load cannot be read: ${reasonOf(cause)}`
    throw new PairError('ERR_HOTPAIR_STATE', text, { cause })
  }
}

function otherForm(): PairError {
  return new PairError('ERR_HOTPAIR_STATE', 'the image of a load has another form')
}

function otherwise({ frameNo }: ImageMeta): PairError {
  return new PairError(
    'ERR_HOTPAIR_LOAD',
    `the load cannot be used: the state as of frame ${frameNo} came out of it otherwise than it went in`,
  )
}
