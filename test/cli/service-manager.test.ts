/**
 * Who waits to hear of the unit, by what stands in its environment.
 */

import t from 'tap'
import { serviceManager } from '#lib/cli/service-manager.js'

t.test('nobody, unless a socket is named', async (t) => {
  t.same(serviceManager({}, 7), { notifySocket: '', watchdogMicros: 0 })
  t.same(serviceManager({ WATCHDOG_USEC: '500' }, 7), { notifySocket: '', watchdogMicros: 0 })
})

t.test('a watchdog, if it waits for this process', async (t) => {
  const env = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '2000000' }
  const notifySocket = '/run/notify'
  t.same(serviceManager(env, 7), { notifySocket, watchdogMicros: 2_000_000 })
  const mine = { ...env, WATCHDOG_PID: '7' }
  t.same(serviceManager(mine, 7), { notifySocket, watchdogMicros: 2_000_000 })
  t.same(serviceManager(mine, 8), { notifySocket, watchdogMicros: 0 })
  t.same(serviceManager({ NOTIFY_SOCKET: '@abstract' }, 7), {
    notifySocket: '@abstract',
    watchdogMicros: 0,
  })
})

t.test('a watchdog that is no number is refused by name', async (t) => {
  for (const wrong of ['soon', '-1', '1.5', '', '99999999999999']) {
    const env = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: wrong }
    t.throws(() => serviceManager(env, 7), {
      code: 'ERR_HOTPAIR_CONFIG',
      message: /WATCHDOG_USEC must be a whole number/,
    })
  }
})
