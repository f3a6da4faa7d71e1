/**
 * What the compiler knows of a shared state: the type of each field, and that a plain and a shared
 * state are not mixed.
 *
 * Compiling this file is the test. Nothing here is run.
 */
import type { App } from '#lib/options.js'
import { sharedState } from '#lib/state/shared-state.js'

/** As `openMember` takes it. */
function openWith<State>(options: { readonly app: App<State> }): State | undefined {
  return options.app.state?.open(new ArrayBuffer(4_096)).state
}

const plan = sharedState({ total: 'f64', big: 'u64', list: { f32: 9 }, name: { bytes: 4 } })

export const shared = openWith({
  app: {
    state: plan,
    init(state) {
      state.total = 1
    },
    process(state) {
      state.total += 1
      state.big += 1n
      state.list[3] = 0.5
      state.name.set([1])
      // @ts-expect-error a bigint is no number
      state.big = 1
      // @ts-expect-error a list cannot be replaced
      state.list = new Float32Array(9)
      // @ts-expect-error there is no such field
      state.other = 1
    },
    deliver() {},
  },
})

export const bytes = openWith({
  app: {
    state: sharedState({ bytes: 1_024 }),
    process(state) {
      state[7] = 1
      state.buffer.byteLength satisfies number
    },
    deliver() {},
  },
})

export const plain = openWith({
  app: {
    init: () => ({ total: 0 }),
    process(state) {
      state.total += 1
      // @ts-expect-error there is no such field
      state.other = 1
    },
    deliver() {},
  },
})

// @ts-expect-error an int is of a known width
sharedState({ total: 'int' })
// @ts-expect-error one length only
sharedState({ total: { f64: 1, f32: 1 } })
// @ts-expect-error without a state something must begin it
export const neither: App<number> = { process: () => {}, deliver: () => {} }
// @ts-expect-error a shared state is filled, never returned
export const both: App<number> = { state: plan, init: () => 1, process: () => {}, deliver() {} }
