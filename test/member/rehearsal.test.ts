/**
 * A rehearsal runs in the background of a member: it must reach its end, give way to the event loop
 * and leave nothing behind. What it is worth is measured, not tested (docs/BENCHMARKS.md).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Rehearsal } from '#lib/member/rehearsal.js'
import { systemClock } from '#lib/runtime/clock.js'
import type { ClockPort } from '#lib/runtime/ports-clock.js'
import { instant } from '#lib/units.js'

/** Real turns of the event loop; timers wait until they are fired here. */
function stage(isWanted = () => true) {
  const timers: { readonly delay: number; readonly fire: () => void }[] = []
  let turns = 0
  let now = 0
  const clock: ClockPort = {
    // Each look is a slice later, so that every step is one.
    now() {
      now += 1
      return instant(now)
    },
    wall: () => 0,
    setTimer(delay, fire) {
      const timer = { delay, fire }
      timers.push(timer)
      return { clear: () => timers.splice(timers.indexOf(timer), 1) }
    },
    defer: systemClock.defer,
    nextTurn(run) {
      turns += 1
      systemClock.nextTurn(run)
    },
  }
  const rehearsal = new Rehearsal(clock, isWanted)
  const until = async (isSo: () => boolean) => {
    for (let i = 0; i < 2_000 && !isSo(); i += 1) await sleep(5)
    return isSo()
  }
  return { rehearsal, timers, until, turns: () => turns }
}

t.test('it is played to the end, gives way to the event loop, and is due again', async (t) => {
  const { rehearsal, timers, until, turns } = stage()
  rehearsal.begin()
  t.equal(turns(), 0, 'nothing of it runs in the caller')
  t.ok(await until(() => timers.length > 0))
  t.equal(rehearsal.count, 1)
  t.ok(turns() > 20, `it gave way ${turns()} times`)
  t.same(
    timers.map(({ delay }) => delay),
    [30_000],
  )
  timers.shift()?.fire()
  t.ok(await until(() => timers.length > 0))
  t.equal(rehearsal.count, 2)
})

t.test('a member that rules is left alone, and asked again', async (t) => {
  const { rehearsal, timers, until } = stage(() => false)
  rehearsal.begin()
  t.ok(await until(() => timers.length > 0))
  timers.shift()?.fire()
  t.equal(timers.length, 1)
  t.equal(rehearsal.count, 1)
})

t.test('when the member closes it ends in the middle, and is not due again', async (t) => {
  const { rehearsal, timers, until, turns } = stage()
  rehearsal.begin()
  await until(() => turns() > 10)
  await rehearsal.close()
  const seen = turns()
  await sleep(50)
  t.equal(turns(), seen)
  t.equal(rehearsal.count, 0)
  t.same(timers, [])
})

t.test('after its end it is taken back', async (t) => {
  const { rehearsal, timers, until } = stage()
  rehearsal.begin()
  t.ok(await until(() => timers.length > 0))
  await rehearsal.close()
  t.same(timers, [])
})
