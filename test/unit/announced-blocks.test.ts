/**
 * Announced blocks that lie inside each other: the beat thread hears of the last end only.
 */

import t from 'tap'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { AnnouncedBlocks } from '#lib/unit/announced-blocks.js'

t.test('the last end counts, and each block ends by itself', async (t) => {
  const clock = new VirtualClock()
  const said: number[] = []
  const blocks = new AnnouncedBlocks(clock, (ms) => said.push(ms))
  const endLong = blocks.announce(1_000)
  await clock.run(100)
  const endShort = blocks.announce(50)
  t.same(said, [1_000, 900], 'a shorter one inside changes nothing')
  endShort()
  endShort()
  t.same(said, [1_000, 900, 900], 'its end neither, once')
  endLong()
  t.same(said.at(-1), 0, 'with the last one it is over')
  t.end()
})

t.test('one that was never ended is over when its time is', async (t) => {
  const clock = new VirtualClock()
  const said: number[] = []
  const blocks = new AnnouncedBlocks(clock, (ms) => said.push(ms))
  const endFirst = blocks.announce(100)
  await clock.run(150)
  const endSecond = blocks.announce(20)
  t.same(said, [100, 20], 'it counts for nothing then')
  endSecond()
  endFirst()
  t.same(said, [100, 20, 0], 'and its end is none')
  t.end()
})
