/**
 * No false takeover on a machine that is busy beyond reason: window 30 ms, both processors taken by
 * others, event loops that stand still for 200 ms, and storms of garbage.
 *
 * Beats come from a thread of their own and silence is counted in the listener's own time, so none
 * of this is a reason to take over; `hangAfterMs` is 500. `FALSE_ALARM_SECONDS` sets how long.
 */

import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createRandom } from '../../examples/demo/random.js'
import { Outside } from './outside.js'

const { FALSE_ALARM_SECONDS = '5', FALSE_ALARM_SEED = '1' } = process.env
const seconds = Number(FALSE_ALARM_SECONDS)
const random = createRandom(Number(FALSE_ALARM_SEED))
const hog = fileURLToPath(new URL('./programs/hog.js', import.meta.url))

t.setTimeout((seconds + 60) * 1000)

/** Of `hangAfterMs`, 500 by default, two fifths: long, and no reason to act. */
const blockMs = 200

t.test(`none in ${seconds} s`, async (t) => {
  const outside = await Outside.open(t, { heartbeatMs: 10, windowMs: 30 })
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const parties = [primary, standby]
  const before = parties.map(({ told }) => told.length)
  const hogs = Array.from({ length: availableParallelism() }, () => fork(hog, { stdio: 'ignore' }))
  t.teardown(() => {
    for (const child of hogs) child.kill('SIGKILL')
  })
  const end = Date.now() + seconds * 1000
  let harms = 0
  while (Date.now() < end) {
    for (const party of parties) {
      if (random.next() < 0.5) continue
      const type = random.next() < 0.5 ? 'block' : 'litter'
      party.send({ type, milliseconds: blockMs })
      harms += 1
    }
    outside.feed(10)
    // One after the other: two at once would be a longer one.
    await sleep(random.between(1.5 * blockMs, 3 * blockMs))
  }
  for (const child of hogs) child.kill('SIGKILL')
  await outside.untilAll()
  t.comment(`${harms} blocks and storms of ${blockMs} ms each`)
  const told = parties.map(({ told }, index) => told.slice(before[index]))
  t.same(told, [[], []], 'neither member has found, lost or changed anything')
  t.same(outside.handedOn, outside.expected, 'the stream is that of one uninterrupted process')
})
