/**
 * `hotpair/testing` in types: the state is that of the application, members are named `a` and `b`,
 * and what is there to be read cannot be changed.
 *
 * Compiling this file is the test; nothing here is run.
 */

import { type SimulatedPair, simulatePair } from '#lib/testing/index.js'

export async function typed(): Promise<SimulatedPair<{ sum: number }>> {
  const pair = await simulatePair({
    app: {
      init: () => ({ sum: 0 }),
      process: (state, frame) => {
        state.sum += frame.data.length
      },
    },
  })
  const sum: number | undefined = pair.state('a')?.sum
  // @ts-expect-error a state has no such field.
  pair.state('a')?.total
  // @ts-expect-error there is no third member.
  pair.kill('c')
  // @ts-expect-error outputs are there to be read.
  pair.outputs().push(sum)
  // @ts-expect-error a way to the outside is no part of the options.
  await simulatePair({ app: { init: () => 0, process: () => {} }, arbiter: 'none' })
  return pair
}
