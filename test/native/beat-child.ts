/**
 * One member's heartbeat in a process of its own, for the tests that kill, stop or end it.
 *
 * Arguments: member (`a` or `b`), own port, the other's port, after which step it ends and how. It
 * prints a line at each step. It is no test by itself.
 */

import { setInterval } from 'node:timers'
import { Worker } from 'node:worker_threads'
import { openHeartbeat } from '#lib/native/heartbeat.js'
import { heartbeatOptions } from './beat-options.js'

const [member = 'a', ownPort = '', otherPort = '', step = 'heard', ending = 'stay'] =
  process.argv.slice(2)

function end(): void {
  switch (ending) {
    case 'exit':
      process.exit(0)
      break
    case 'throw':
      throw new Error('thrown on purpose')
    case 'return':
      clearInterval(awake)
      break
  }
}

// The heartbeat itself keeps no process alive.
const awake = setInterval(() => {}, 1_000)

if (ending === 'terminate') {
  const argv = [member, ownPort, otherPort, step, 'stay']
  const worker = new Worker(new URL(import.meta.url), { argv, stdout: true })
  worker.stdout.on('data', async (text: Buffer) => {
    process.stdout.write(text)
    if (!text.toString().includes(`${step}\n`)) return
    await worker.terminate()
    clearInterval(awake)
  })
} else {
  const options = heartbeatOptions(member === 'a' ? 'a' : 'b', Number(ownPort), Number(otherPort))
  const beats = openHeartbeat(options, () => {
    if (beats.view().suspicion !== 'alive') return
    process.stdout.write('alive\n')
    if (step === 'heard') {
      process.stdout.write('heard\n')
      end()
    }
  })
  beats.announce(new Uint8Array(128).fill(member.charCodeAt(0)))
  process.stdout.write('open\n')
  if (step === 'closed') {
    beats.close()
    process.stdout.write('closed\n')
  }
  if (step !== 'heard') end()
}
