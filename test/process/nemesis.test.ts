/**
 * The nemesis as a user runs it, short: it strikes, ends by itself, and tells what it promises.
 *
 * Whether the pair stands it longer is a matter of `npm run nemesis`; that the checks find what
 * they are there to find, of `test/nemesis`.
 */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { whyNoNamespaces } from './netns/namespaces.js'

const main = fileURLToPath(new URL('../nemesis/main.js', import.meta.url))

interface Ended {
  readonly code: number | string
  readonly output: string
}

function nemesis(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '' }
    const options = { timeout: 100_000, env }
    execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? 'killed'), output: stdout + stderr }),
    )
  })
}

t.setTimeout(120_000)

t.test('a short run has no violation', async (t) => {
  const faults = whyNoNamespaces() === undefined ? 'kill,cut,loss' : 'kill,stop-standby'
  // A member that waits for a processor must not look hung.
  const args = ['--minutes', '0.2', '--seed', '1', '--hang-after', '3000', '--faults', faults]
  const { code, output } = await nemesis(args)
  if (code !== 0) t.comment(output)
  t.equal(code, 0)
  const line = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '')
  const zero = { lost: 0, duplicated: 0, twoOpenGates: 0, violations: [] }
  t.match(line, { minutes: 0.2, ...zero })
  t.ok(line.faults >= 1, `${line.faults} faults`)
  t.ok(line.outputs > 1_000, `${line.outputs} outputs`)
})

t.test('wrong arguments get a sentence and the usage', async (t) => {
  const { code, output } = await nemesis(['--minutes', 'ten'])
  t.equal(code, 2)
  t.match(output, /--minutes must be a number from 0.1 to 120, not ten\n\nUsage: npm run nemesis/)
})
