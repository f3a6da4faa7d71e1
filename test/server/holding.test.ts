/**
 * What a state is kept in: an image brings it back, plain or shared, and nothing is changed by one
 * that is wrong.
 */

import { serialize } from 'node:v8'
import t from 'tap'
import type { App } from '#lib/options.js'
import type { RegionPort } from '#lib/runtime/ports-region.js'
import { holdingOf, type Pages, sealImage } from '#lib/server/holding.js'
import type { ImageMeta } from '#lib/server/image.js'
import { type StateOf, sharedState } from '#lib/state/shared-state.js'
import { historyId } from '#lib/units.js'

const history = historyId('0123456789abcdef0123456789abcdef')
const meta: Omit<ImageMeta, 'digest'> = {
  history,
  epoch: 1,
  frameNo: 7,
  stamp: 1_234,
  sources: [],
  channels: [],
  timers: { settings: 0, entries: [] },
  skipped: [],
  pending: [],
}
const timers = { settings: 1, entries: [{ name: 't', due: 9, setting: 1, data: Uint8Array.of(1) }] }
const fine = () => {}
const refused = () => {
  throw new Error('not the announced one')
}

function plain(state: unknown) {
  const app: App<unknown> = { init: () => state, process: () => {}, deliver: () => {} }
  return holdingOf(app, undefined)
}

t.test('an image brings a plain state and its meta back', (t) => {
  const image = plain(0).image(meta, { total: 1 })
  const restored = plain(0).restore(image, fine, undefined)
  t.strictSame(restored.state, { total: 1 })
  const { digest, ...rest } = restored.meta
  t.strictSame(rest, meta)
  t.equal(digest, plain(0).digest({ total: 1 }, meta.timers))
  t.not(digest, plain(0).digest({ total: 1 }, timers), 'timers count')
  t.end()
})

t.test('a state that cannot be cloned is said, with what to keep out of it', (t) => {
  const image = () => plain(0).image(meta, { socket: () => {} })
  t.throws(image, { code: 'ERR_HOTPAIR_STATE', message: /functions/ })
  t.end()
})

const garbage = [
  new Uint8Array(0),
  Uint8Array.of(1, 2, 3),
  serialize('text'),
  serialize([1]),
  serialize([1, 2, 3]),
  serialize([1, 2]).subarray(0, 5),
]

t.test('garbage is refused', (t) => {
  for (const image of garbage) {
    t.throws(() => plain(0).restore(image, fine, undefined), { code: 'ERR_HOTPAIR_STATE' })
  }
  const image = plain(0).image(meta, { total: 9 })
  t.throws(() => plain(0).restore(image, refused, undefined), /announced/)
  t.end()
})

const schema = { total: 'f64', list: { u8: 4 } } as const
type Shared = StateOf<typeof schema>

/** A region without a load, whose digest is the sum of its bytes. */
function regionOf(): RegionPort {
  const buffer = new ArrayBuffer(4_096)
  const never = () => {
    throw new Error('no load is expected')
  }
  return {
    buffer,
    way: 'shadow',
    refusal: undefined,
    marked: undefined,
    digest: () => new Uint8Array(buffer).reduce((sum, byte) => sum + BigInt(byte), 0n),
    mark: fine,
    send: never,
    receive: never,
    close: fine,
  }
}

function shared(init?: (state: Shared) => void) {
  const state = sharedState(schema)
  const app = { state, process: () => {}, deliver: () => {}, ...(init && { init }) }
  const region = regionOf()
  return { region, holding: holdingOf<Shared>(app, region) }
}

t.test('a shared state begins as zeros, filled by init, whatever was there', (t) => {
  const { holding, region } = shared((state) => {
    t.strictSame([...state.list], [0, 0, 0, 0])
    state.list[2] = 7
  })
  t.equal(holding.begin().list[2], 7)
  new Uint8Array(region.buffer).fill(9)
  const state = holding.begin()
  t.strictSame([state.total, ...state.list], [0, 0, 0, 7, 0])
  t.end()
})

t.test('init of a shared state that returns one is refused', (t) => {
  const wrong: unknown = () => ({ total: 1 })
  const { holding } = shared(wrong as () => void)
  t.throws(() => holding.begin(), { code: 'ERR_HOTPAIR_STATE', message: /return nothing/ })
  t.end()
})

t.test('a shared state without a region is our mistake', (t) => {
  const app: App<Shared> = { state: sharedState(schema), process: fine, deliver: fine }
  t.throws(() => holdingOf(app, undefined), { code: 'ERR_HOTPAIR_INVARIANT' })
  t.end()
})

t.test('the image of a shared state has its digest, and its pages come beside it', (t) => {
  const { holding } = shared()
  holding.begin()
  const image = sealImage(holding.image({ ...meta, timers }, undefined), 77n)
  t.ok(image.length < 1_000, 'no page is in it')
  const other = shared()
  let installed = 0
  const pages = (arrived: bigint | undefined): Pages => ({
    arrived,
    install: () => {
      installed += 1
      new Uint8Array(other.region.buffer)[8] = 5
    },
  })
  for (const wrong of [undefined, pages(undefined), pages(78n)]) {
    t.throws(() => other.holding.restore(image, fine, wrong), { code: 'ERR_HOTPAIR_LOAD' })
  }
  t.throws(() => other.holding.restore(image, refused, pages(77n)), /announced/)
  t.equal(installed, 0, 'nothing was put in place')
  const restored = other.holding.restore(image, fine, pages(77n))
  t.strictSame(restored.meta.timers, timers)
  t.equal(restored.state.list[0], 5)
  t.equal(installed, 1)
  t.end()
})

t.test('garbage in place of the image of a shared state is refused', (t) => {
  const { holding } = shared()
  const pages = { arrived: 1n, install: () => t.fail('garbage was installed') }
  const image = holding.image(meta, undefined)
  const wrong = [image, serialize([image, 1]), serialize([1n, 1n]), plain(0).image(meta, 1)]
  for (const each of [...garbage, ...wrong]) {
    t.throws(() => holding.restore(each, fine, pages), { code: 'ERR_HOTPAIR_STATE' })
  }
  const garbled = sealImage(serialize({ version: 0 }), 1n)
  t.throws(() => holding.restore(garbled, fine, pages), { code: 'ERR_HOTPAIR_LOAD' })
  t.end()
})

t.test('a number that is none has one digest, however it came about', (t) => {
  const wide = sharedState({ list: { f64: 4 }, small: { f32: 2 } })
  const app = { state: wide, process: fine, deliver: fine }
  const [one, other] = [regionOf(), regionOf()]
  const digests = [one, other].map((region, index) => {
    const holding = holdingOf(app, region)
    const state = holding.begin()
    const bits = new BigUint64Array(region.buffer)
    bits[1] = index === 0 ? 0x7ff8_0000_0000_0000n : 0xfff8_0000_0000_0123n
    const small = new Uint32Array(region.buffer, 32, 2)
    small[1] = index === 0 ? 0x7fc0_0000 : 0xffc0_0001
    t.ok(Number.isNaN(state.list[1]) && Number.isNaN(state.small[1]))
    return holding.digest(undefined, timers)
  })
  t.equal(digests[0], digests[1])
  t.end()
})
