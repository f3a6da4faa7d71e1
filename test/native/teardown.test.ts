/**
 * How a process or a worker may end while its beat thread runs: after each step of a heartbeat's
 * life, each way to end, always without a crash and without hanging.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openHeartbeat } from '#lib/native/heartbeat.js'
import { eventually, freePort, heartbeatOptions } from './beat-options.js'

const child = fileURLToPath(new URL('./beat-child.js', import.meta.url))

/** How each way ends; `signal` where the process does not end by itself. */
const endings = {
  exit: { code: 0 },
  throw: { code: 1 },
  return: { code: 0 },
  terminate: { code: 0 },
  stay: { signal: 'SIGTERM' },
} as const

const steps = ['open', 'heard', 'closed'] as const

/**
 * After an uncaught throw nothing is freed and nothing is meant to be: a leak detector would report
 * Node's own memory and put its exit code in place of the one that is looked at here.
 */
function environment(ending: string): NodeJS.ProcessEnv {
  if (ending !== 'throw') return process.env
  return { ...process.env, ASAN_OPTIONS: `${process.env['ASAN_OPTIONS'] ?? ''}:detect_leaks=0` }
}

for (const step of steps) {
  for (const [ending, expected] of Object.entries(endings)) {
    t.test(`a heartbeat that is ${step} survives the ending ${ending}`, async (t) => {
      const [portA, portB] = [await freePort(), await freePort()]
      const beats = openHeartbeat(heartbeatOptions('b', portB, portA), () => {})
      t.teardown(() => beats.close())
      beats.announce(new Uint8Array(128).fill(2))
      const args = [child, 'a', `${portA}`, `${portB}`, step, ending]
      const peer = spawn(process.execPath, args, { env: environment(ending) })
      let text = ''
      peer.stdout.on('data', (chunk: Buffer) => {
        text += chunk
        if ('signal' in expected && text.includes(`${step}\n`)) peer.kill(expected.signal)
      })
      let errors = ''
      peer.stderr.on('data', (chunk: Buffer) => {
        errors += chunk
      })
      const [code, signal] = await once(peer, 'exit')
      t.match(text, new RegExp(`^${step}$`, 'm'))
      if ('signal' in expected) t.equal(signal, expected.signal)
      else t.equal(code, expected.code, errors)
      if (ending === 'throw') t.match(errors, /thrown on purpose/)
      else t.equal(errors, '')
      if (step === 'heard') {
        await eventually('the end is found', () => beats.view().verdict === 'process-gone')
      }
    })
  }
}

t.test('a heartbeat keeps no process alive', async (t) => {
  const [portA, portB] = [await freePort(), await freePort()]
  const peer = spawn(process.execPath, [child, 'a', `${portA}`, `${portB}`, 'open', 'return'])
  const [code] = await once(peer, 'exit')
  t.equal(code, 0)
})
