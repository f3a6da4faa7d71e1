/**
 * Both members in one process, of which one's ring throws; for the test of what becomes of that.
 *
 * It prints `caught <message>` for the uncaught exception and `rung` when the other pair is rung
 * after it, then ends. In a process of its own because the test runner catches exceptions too.
 */

import { openHeartbeat } from '#lib/native/heartbeat.js'
import { freePort, heartbeatOptions } from './beat-options.js'

const [portA, portB] = [await freePort(), await freePort()]
const awake = setInterval(() => {}, 1_000)
let hasThrown = false

process.on('uncaughtException', (error) => {
  process.stdout.write(`caught ${error.message}\n`)
  // News for the other pair, which must still be told.
  a.announce(new Uint8Array(128).fill(3))
})
const a = openHeartbeat(heartbeatOptions('a', portA, portB), () => {
  if (hasThrown) return
  hasThrown = true
  throw new Error('thrown by the ring')
})
const b = openHeartbeat(heartbeatOptions('b', portB, portA), () => {
  if (b.view().presence[0] !== 3) return
  process.stdout.write('rung\n')
  clearInterval(awake)
  a.close()
  b.close()
})
a.announce(new Uint8Array(128).fill(1))
b.announce(new Uint8Array(128).fill(2))
