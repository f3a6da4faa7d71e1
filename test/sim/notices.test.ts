/**
 * What a primary begins while its standby does not know yet what was sent: at most `inFlight`
 * outputs of a channel, from the moment at which the standby may be told that it is in sync.
 *
 * Found by a seed: the bound came into force with the next commit only, so a primary that worked
 * off a backlog alone began one output too many, of which its heir knew nothing.
 */

import t from 'tap'
import { Play } from './play.js'

t.test('the bound by notices is in force when pairing begins, without an input', async (t) => {
  const begun: string[] = []
  const settle: (() => void)[] = []
  const play = new Play<object>({
    seed: 1,
    inFlight: 1,
    app: ({ id }) => ({
      init: () => ({}),
      process: (_state, frame, ctx) => ctx.send(frame.data),
      deliver: ({ number }) => {
        begun.push(`${id} ${number}`)
        return new Promise((resolve) => settle.push(resolve))
      },
    }),
  })
  const { pair } = play
  pair.start('a')
  while (pair.primary === undefined) await play.run(5)
  for (let i = 0; i < 3; i += 1) play.feed()
  await play.run(1)
  t.strictSame(begun, ['a 1'], 'alone, with a backlog')
  await play.whole()
  settle.shift()?.()
  // Every promise settles, and no time passes: nothing of it has reached the standby.
  await play.run(0)
  t.strictSame(begun, ['a 1'], 'the standby does not know that 1 is sent')
  await play.run(5)
  t.strictSame(begun, ['a 1', 'a 2'], 'it has said that it does')
})
