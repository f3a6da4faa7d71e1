/**
 * A primary whose event loop stands still, in a process of its own, and what its beat thread does
 * meanwhile: it says so, and gives its reign up when it is asked and is right.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Heartbeat, openHeartbeat } from '#lib/native/heartbeat.js'
import { loadBinding } from '#lib/native/load.js'
import { decodePresence } from '#lib/wire/presence.js'
import { eventually, freePort, hangAfterMs, heartbeatOptions, rulingIn } from './beat-options.js'
import type { Done, Order, Phase } from './hang-child.js'

const program = fileURLToPath(new URL('./hang-child.js', import.meta.url))
const epoch = 1_001

interface Pair {
  readonly standby: Heartbeat
  /** Every verdict since the beginning, in order, without repeats. */
  readonly verdicts: readonly string[]
  order(order: Order): Promise<Done>
}

/** A standby here, that asks a hung primary to renounce, and its primary elsewhere. */
async function openPair(t: Test): Promise<Pair> {
  const [portA, portB] = [await freePort(), await freePort()]
  const child = fork(program, [`${portA}`, `${portB}`, `${epoch}`])
  const gone = once(child, 'exit')
  t.teardown(() => {
    child.kill('SIGKILL')
    return gone
  })
  await once(child, 'message')
  const verdicts = ['none']
  const standby = openHeartbeat(heartbeatOptions('b', portB, portA), () => {
    const { verdict } = standby.view()
    if (verdicts.at(-1) === verdict) return
    verdicts.push(verdict)
    standby.announce(rulingIn(epoch, 'standby', verdict === 'hung'))
  })
  t.teardown(() => standby.close())
  standby.announce(rulingIn(epoch, 'standby'))
  const isWell = () => standby.view().linksUp === 1 && standby.view().verdict === 'none'
  await eventually('the primary is heard and runs', isWell)
  return {
    standby,
    verdicts,
    async order(order) {
      const done = once(child, 'message')
      child.send(order)
      const [said] = (await done) as [Done]
      return said
    },
  }
}

// hangAfter and a round trip and a half, with room for a machine with other work: there the turn in
// which the order comes may have begun before, and everything takes longer.
const shortest = 0.9 * hangAfterMs
const longest = 2.5 * hangAfterMs

const nowMs = () => Number(loadBinding().monotonicNanos()) / 1e6
const renouncedBy = (beats: Heartbeat) => Number(decodePresence(beats.view().presence)?.renounced)

t.test('a primary that stands still renounces when it is asked, while it stands', async (t) => {
  const { standby, order } = await openPair(t)
  let isDone = false
  const begun = nowMs()
  const done = order({ type: 'block', ms: 2_000, frameNo: 2 ** 32 + 7 }).then((said) => {
    isDone = true
    return said
  })
  await eventually('it is found hung', () => standby.view().verdict === 'hung')
  const view = standby.view()
  await eventually('it has renounced', () => renouncedBy(standby) === epoch)
  const took = nowMs() - begun
  t.notOk(isDone, 'its event loop had no part in it')
  t.ok(view.peerVouchAgeMs >= hangAfterMs, `it has stood for ${view.peerVouchAgeMs} ms`)
  t.equal(view.peerInFrame, 2 ** 32 + 7, 'the frame in which it stands is known')
  t.equal(decodePresence(standby.view().presence)?.role, 'primary', 'it has not changed its role')
  t.ok(took > shortest && took < longest, `it took ${took.toFixed(1)} ms`)
  t.comment(`renounced ${took.toFixed(1)} ms after the block began; hangAfterMs is ${hangAfterMs}`)
  const { wasOpen, opensAgain, renounced } = await done
  t.notOk(wasOpen, 'its gate was shut when its loop went on')
  t.notOk(opensAgain, 'and could not be opened before the loop had taken note')
  t.equal(renounced, `${epoch}`, 'the loop takes note by disarming')
  await eventually('it is alive again', () => standby.view().verdict === 'none')
})

for (const phase of ['timer', 'poll', 'immediate', 'microtask'] satisfies Phase[]) {
  t.test(`a loop that stands still in a callback of kind ${phase} is found hung`, async (t) => {
    const { standby, order } = await openPair(t)
    const begun = nowMs()
    const done = order({ type: 'block-in', ms: 3 * hangAfterMs, phase })
    await eventually('it is found hung', () => standby.view().verdict === 'hung')
    const took = nowMs() - begun
    t.ok(took > shortest && took < longest, `it took ${took.toFixed(1)} ms`)
    t.comment(`found ${took.toFixed(1)} ms after the order; hangAfterMs is ${hangAfterMs}`)
    t.equal((await done).renounced, `${epoch}`)
  })
}

t.test('blocks of 200 ms and garbage by the hundred thousand are no hang', async (t) => {
  const { order, verdicts } = await openPair(t)
  const { renounced, longestMs } = await order({ type: 'storm', ms: 2_500, blockMs: 200 })
  t.ok(longestMs >= 200, `the longest turn took ${longestMs.toFixed(1)} ms`)
  // On a machine with much other work a turn may last long enough to be a hang indeed. Turns begin
  // a step of libuv earlier than they are measured, so close to the limit either may come.
  if (longestMs < 0.8 * hangAfterMs) {
    t.strictSame(verdicts, ['none'])
    t.equal(renounced, '0')
  } else if (longestMs > 1.2 * hangAfterMs) {
    t.equal(verdicts[1], 'hung')
  }
})

t.test('a block that was announced is busy and no hang', async (t) => {
  const { standby, order, verdicts } = await openPair(t)
  let wasBusy = false
  const watch = setInterval(() => {
    wasBusy ||= standby.view().isPeerBusy
  }, 5)
  const { renounced } = await order({ type: 'announced', ms: 1_500, atMost: 2_000 })
  await eventually('it is busy no more', () => !standby.view().isPeerBusy)
  clearInterval(watch)
  t.ok(wasBusy, 'its beats said so')
  t.strictSame(verdicts, ['none'])
  t.equal(renounced, '0')
})

t.test('a block that lasts longer than was announced is a hang', async (t) => {
  const { standby, order } = await openPair(t)
  const done = order({ type: 'announced', ms: 2_500, atMost: 500 })
  await eventually('it is busy', () => standby.view().isPeerBusy)
  await eventually('it is found hung', () => standby.view().verdict === 'hung')
  t.notOk(standby.view().isPeerBusy)
  const { renounced } = await done
  t.equal(renounced, `${epoch}`)
})
