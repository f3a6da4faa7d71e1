/**
 * A small application for the examples of tests: a tank's level, and a valve that is closed when
 * the tank is full and opened again ten minutes later.
 */

import type { App } from 'hotpair'

export interface State {
  level: number
  isClosed: boolean
}

const fullAt = 100
const openAfterMs = 10 * 60_000

export const app: App<State> = {
  init: () => ({ level: 0, isClosed: false }),
  process(state, { data, timer }, ctx) {
    const order = (what: string) => {
      state.isClosed = what === 'close'
      ctx.send(Buffer.from(`${what} at ${state.level}`), { channel: 'valve' })
    }
    if (timer === 'open') return order('open')
    state.level = Number(Buffer.from(data).toString())
    if (state.level < fullAt || state.isClosed) return
    order('close')
    ctx.setTimer('open', openAfterMs)
  },
  deliver: () => {
    throw new Error('there is no valve here: in production this tells it, and resolves then')
  },
}
