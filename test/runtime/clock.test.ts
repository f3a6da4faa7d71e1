/**
 * The real clock keeps what `ClockPort` promises: never early, never within the call, in the stated
 * order.
 */

import t from 'tap'
import { systemClock as clock } from '#lib/runtime/clock.js'
import { elapsed, millis } from '#lib/units.js'

t.test('the monotonic clock does not go back, the wall clock is that of the day', async (t) => {
  const first = clock.now()
  t.ok(clock.now() >= first)
  t.ok(Math.abs(clock.wall() - Date.now()) < 60_000)
})

t.test('a timer never fires early, and not at all once it is cleared', async (t) => {
  const started = clock.now()
  const cleared = clock.setTimer(millis(1), () => t.fail('it was cleared'))
  let isWithin = true
  await new Promise<void>((fired) => {
    clock.setTimer(millis(4.2), () => {
      t.notOk(isWithin)
      fired()
    })
    cleared.clear()
    cleared.clear()
    isWithin = false
  })
  t.ok(elapsed(started, clock.now()) >= 4.2)
  clock.setTimer(millis(2 ** 40), () => t.fail('a far timer does not fire at once')).clear()
})

t.test('deferred work comes before the next turn', async (t) => {
  const order: string[] = []
  await new Promise<void>((done) => {
    clock.nextTurn(() => {
      order.push('turn')
      done()
    })
    clock.defer(() => order.push('deferred'))
    order.push('now')
  })
  t.strictSame(order, ['now', 'deferred', 'turn'])
})
