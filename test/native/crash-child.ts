/**
 * A server's heartbeat at a unit, in a process of its own that does what looks like a crash and is
 * none, or is one.
 *
 * Arguments: own port, the other's port, the unit's socket. It is told by messages what to do and
 * answers with what was thrown. It is no test by itself.
 */

import { runInThisContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { openHeartbeat } from '#lib/native/heartbeat.js'
import { heartbeatOptions, rulingIn } from './beat-options.js'

/** What a crash-child is asked to do. */
export type Deed =
  | 'unreachable'
  | 'out-of-bounds'
  | 'out-of-bounds-in-worker'
  | 'overflow'
  | 'abort'

// (module (func (export "f") unreachable))
const unreachable = [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
  ...[7, 5, 1, 1, 0x66, 0, 0, 10, 5, 1, 3, 0, 0, 0x0b],
]
// (module (memory 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0)))): of a
// place that is known only when it runs, so that the processor finds it out of bounds and V8 by its
// handler of SIGSEGV.
const load = [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0],
  ...[5, 3, 1, 0, 1, 7, 5, 1, 1, 0x66, 0, 0, 10, 9, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b],
]

// As text, for a worker runs it as well, and because the types know no WebAssembly.
const runText = `(code) => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(code)))
  exports.f(0x7fff0000)
}`
const run: (code: readonly number[]) => void = runInThisContext(runText)

const inWorker = `
const { parentPort, workerData } = require('node:worker_threads')
try { (${runText})(workerData) } catch (error) { parentPort.postMessage(String(error)) }`

function deeper(depth: number): number {
  return 1 + deeper(depth + 1)
}

async function carryOut(deed: Deed): Promise<string> {
  try {
    if (deed === 'unreachable') run(unreachable)
    if (deed === 'out-of-bounds') run(load)
    // By --stack-size the engine lets the stack grow until the processor finds its end.
    if (deed === 'overflow') deeper(0)
    if (deed === 'abort') process.abort()
  } catch (error) {
    return String(error)
  }
  if (deed !== 'out-of-bounds-in-worker') return 'nothing was thrown'
  const worker = new Worker(inWorker, { eval: true, workerData: load })
  return new Promise((resolve) => worker.once('message', resolve))
}

const [ownPort = '', otherPort = '', unit = ''] = process.argv.slice(2)
const options = heartbeatOptions('b', Number(ownPort), Number(otherPort), { unit })
const beats = openHeartbeat(options, () => undefined)
beats.announce(rulingIn(1001, 'primary'))

process.on('message', async (deed: Deed) => process.send?.(await carryOut(deed)))
process.on('disconnect', () => {
  // Held by this: collected as garbage it would be taken for the end of the server.
  beats.close()
  process.exit(0)
})
process.send?.('ready')
