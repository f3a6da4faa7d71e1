/**
 * The complete program of docs/SHARED-STATE.md, as two processes: killed while it is loaded and
 * when it is paired, what goes on is the same state, to the number.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { freePorts } from '../../examples/demo/ports.js'

const program = fileURLToPath(new URL('../../examples/shared-state.js', import.meta.url))

interface Running {
  readonly name: string
  readonly child: ChildProcess
  /** Everything it said, both streams. */
  text: string
}

function start(t: Test, name: string, port: number): Running {
  const env = { ...process.env, SHARED_STATE_PORT: String(port) }
  const child = spawn(process.execPath, [program, name], { env })
  t.teardown(() => child.kill('SIGKILL'))
  const running = { name, child, text: '' }
  const collect = (text: string) => {
    running.text += text
  }
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  return running
}

/** Number, count and sum of each output: the n-th reading of 300 makes 300 × n. */
function outputsOf({ text }: Running) {
  const lines = text.matchAll(/output (\d+), count (\d+), sum (\d+)\n/g)
  return Array.from(lines, ([, number, count, sum]) => ({
    number: Number(number),
    isRight: count === number && Number(sum) === 300 * Number(number),
  }))
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`not within a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const isStandby = ({ text }: Running) => text.includes('is standby')
const isLoading = ({ text }: Running) => text.includes('is loading')

t.test('the document shows the program', async (t) => {
  const root = new URL('../../../', import.meta.url)
  const source = readFileSync(new URL('examples/shared-state.ts', root), 'utf8')
  const document = readFileSync(new URL('docs/SHARED-STATE.md', root), 'utf8')
  const [, code = ''] = source.split(' */\n')
  t.ok(document.includes(`\`\`\`ts\n${code}\`\`\`\n`), 'word for word, but for the header')
})

t.test('killed when it is paired, the other goes on from the same bytes', async (t) => {
  const port = await freePorts(4, [])
  const a = start(t, 'a', port)
  await until(() => outputsOf(a).length > 10, 'a rules')
  const b = start(t, 'b', port)
  await until(() => isStandby(b), 'b has loaded')
  const { length } = outputsOf(a)
  await until(() => outputsOf(a).length > length + 5, 'a goes on')
  a.child.kill('SIGKILL')
  await until(() => outputsOf(b).length > 10, 'b goes on')
  const [last] = outputsOf(a).slice(-1)
  const [first] = outputsOf(b)
  t.ok(first && last && first.number <= last.number + 1, 'no number is left out')
  t.ok(
    [...outputsOf(a), ...outputsOf(b)].every(({ isRight }) => isRight),
    'every sum is right',
  )
})

t.test('a mirror that is killed while it loads costs nothing, and loads anew', async (t) => {
  const port = await freePorts(4, [])
  const a = start(t, 'a', port)
  await until(() => outputsOf(a).length > 10, 'a rules')
  for (let round = 0; round < 3; round += 1) {
    const b = start(t, 'b', port)
    await until(() => isLoading(b), 'b loads')
    // Some way into its load: 64 MiB take tens of milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 10 * round))
    b.child.kill('SIGKILL')
    const { length } = outputsOf(a)
    await until(() => outputsOf(a).length > length + 3, 'a goes on')
  }
  const b = start(t, 'b', port)
  await until(() => isStandby(b), 'b has loaded')
  a.child.kill('SIGKILL')
  await until(() => outputsOf(b).length > 5, 'b goes on')
  t.ok(
    [...outputsOf(a), ...outputsOf(b)].every(({ isRight }) => isRight),
    'every sum is right',
  )
  const numbers = [...outputsOf(a), ...outputsOf(b)].map(({ number }) => number)
  t.equal(new Set(numbers).size, Math.max(...numbers), 'every number was there')
})

t.test(
  'a primary that is killed while it is loaded takes the state along, and says so',
  async (t) => {
    const port = await freePorts(4, [])
    const a = start(t, 'a', port)
    await until(() => outputsOf(a).length > 10, 'a rules')
    const b = start(t, 'b', port)
    await until(() => isLoading(b), 'b loads')
    a.child.kill('SIGKILL')
    await until(() => isStandby(b) || outputsOf(b).length > 3, 'b rules, over what it has')
    // In sync it goes on; else a new history begins at 1: never from half a state.
    const outputs = outputsOf(b)
    t.ok(
      outputs.every(({ isRight }) => isRight),
      'every sum is right',
    )
  },
)
