/**
 * The complete program of README, as two processes: when the one that prints is killed, the other
 * goes on from the very next number. It must stay short enough to be read at a glance.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePorts } from '../../examples/demo/ports.js'

const program = fileURLToPath(new URL('../../examples/quick-start.js', import.meta.url))

interface Running {
  readonly name: string
  readonly child: ChildProcess
  /** Everything it said, both streams. */
  text: string
}

function start(name: string, port: number): Running {
  const env = { ...process.env, QUICK_START_PORT: String(port) }
  const child = spawn(process.execPath, [program, name], { env })
  const running = { name, child, text: '' }
  const collect = (text: string) => {
    running.text += text
  }
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  return running
}

// Each input gives one output, so number and count are the same; NaN where they are not.
function numbersOf({ text }: Running): number[] {
  const outputs = text.matchAll(/output (\d+), count (\d+)\n/g)
  return Array.from(outputs, ([, number, count]) => (number === count ? Number(number) : NaN))
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('README shows the program, and it is under 40 lines', async (t) => {
  const root = new URL('../../../', import.meta.url)
  const source = readFileSync(new URL('examples/quick-start.ts', root), 'utf8')
  const readme = readFileSync(new URL('README.md', root), 'utf8')
  const [, code = ''] = source.split(' */\n')
  t.ok(readme.includes(`\`\`\`ts\n${code}\`\`\`\n`), 'word for word, but for the header')
  t.ok(source.trimEnd().split('\n').length < 40)
})

t.test('two of it are a pair', { timeout: 30_000 }, async (t) => {
  const port = await freePorts(4, [])
  const a = start('a', port)
  const b = start('b', port)
  t.teardown(() => [a, b].map(({ child }) => child.kill('SIGKILL')))
  const isStandby = ({ text }: Running) => text.includes('is standby')
  await until(() => (isStandby(a) || isStandby(b)) && /output 10,/.test(a.text + b.text))
  const [first, second] = isStandby(a) ? [b, a] : [a, b]
  first.child.kill('SIGKILL')
  const before = numbersOf(first)
  const last = before.at(-1) ?? 0
  await until(() => (numbersOf(second).at(-1) ?? 0) >= last + 10)
  const after = numbersOf(second)
  t.ok(second.text.includes(`${second.name} is primary (takeover)`), second.text)
  t.strictSame(
    before,
    Array.from(before, (_, index) => index + 1),
  )
  // What was printed and not yet noticed is in doubt, and printed again.
  const from = after[0] ?? 0
  t.ok(from >= last - 1 && from <= last + 1, `${last}, then ${from}`)
  t.strictSame(
    after,
    Array.from(after, (_, index) => from + index),
  )
})
