/**
 * The demo as a user runs it, short: two processes, real records, each fault, a perfect verdict.
 *
 * This is the strongest test of the whole. The seed is fixed for the plan of faults; what the
 * machine does between them is not, so a failure prints the run's whole timeline.
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const main = fileURLToPath(new URL('../../examples/demo/main.js', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly output: string
}

// Runs the demo; the guard ends it by its own id when it does not end by itself.
function demo(args: readonly string[], interruptAfter = 0): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args])
    const guard = setTimeout(() => child.kill('SIGKILL'), 60_000)
    let output = ''
    let isInterrupted = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const lines = output.split('\n').length
      if (interruptAfter === 0 || lines <= interruptAfter || isInterrupted) return
      isInterrupted = true
      child.kill('SIGINT')
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(guard)
      resolve({ code, output })
    })
  })
}

interface Line {
  readonly takeovers: readonly { cause: string; verdict: string; silenceMs: number }[]
  readonly standbyFaults: readonly { fault: string; silenceMs: number }[]
  readonly switchovers: readonly { tookMs: number; silenceMs: number }[]
}

for (const seed of [1, 2]) {
  t.test(`a short run with seed ${seed} is perfect`, { timeout: 90_000 }, async (t) => {
    const { code, output } = await demo(['--short', '--seed', `${seed}`, '--json'])
    if (code !== 0) t.comment(output)
    t.equal(code, 0)
    const line: Line = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '')
    const zero = { lost: 0, duplicated: 0, reordered: 0 }
    t.match(line, { frames: 35_000, ...zero, identical: true, seed })
    const causes = line.takeovers.map(({ cause }) => cause)
    t.notOk(causes.includes('none'), `takeovers: ${causes.join()}`)
    const all = [...line.takeovers, ...line.standbyFaults, ...line.switchovers]
    t.ok(all.length >= 2, 'some faults struck in 7 s')
    for (const { silenceMs } of all) {
      t.ok(silenceMs < 1000, `${silenceMs} ms of silence`)
    }
    for (const { verdict } of line.takeovers)
      t.match(verdict, /process-gone|unreachable|hung|renounced/)
  })
}

t.test('an interrupt ends the demo and its members', { timeout: 30_000 }, async (t) => {
  const { code, output } = await demo(['--short', '--seed', '3'], 6)
  t.equal(code, 130, output)
})

t.test('wrong arguments get a sentence and the usage', async (t) => {
  const { code, output } = await demo(['--rate', 'fast'])
  t.equal(code, 2)
  t.match(output, /--rate must be a whole number from 1 to 100000, not fast\n\nUsage: npm run demo/)
})
