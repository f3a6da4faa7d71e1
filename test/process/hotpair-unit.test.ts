/**
 * The command `hotpair`, as an operator calls it: what it says, how it ends, and a unit that was
 * there before its server.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openMember } from 'hotpair'
import t, { type Test } from 'tap'
import { portsOfPair } from '../member/support.js'
import { Outside } from './outside.js'

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

t.setTimeout(120_000)

/** Ends before this, or the test fails. */
const deadlineMs = 20_000

function hotpair(...args: string[]): { code: number | null; out: string; err: string } {
  const options = { encoding: 'utf8', timeout: deadlineMs } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options)
  return { code: status, out: stdout, err: stderr }
}

interface Running {
  readonly child: ChildProcess
  /** What it says, a line each. */
  readonly lines: AsyncIterator<string>
}

function start(t: Test, ...args: string[]): Running {
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, [program, ...args], { stdio: [...stdio] })
  t.teardown(() => child.kill('SIGKILL'))
  const reader: Interface = createInterface({ input: child.stdout })
  return { child, lines: reader[Symbol.asyncIterator]() }
}

/** What a unit says until it is in `phase`. */
async function untilPhase({ lines }: Running, phase: string): Promise<Record<string, unknown>> {
  for (;;) {
    const { value, done } = await lines.next()
    if (done) throw new Error(`it ended before it was ${phase}`)
    const said = JSON.parse(value)
    if (said.phase === phase) return said
  }
}

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'hp-cli-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

t.test('it says how it is called', async (t) => {
  t.match(hotpair('--help'), { code: 0, out: /hotpair unit/, err: '' })
  t.match(hotpair('unit', '--help'), { code: 0, out: /--config FILE.*exit codes/s, err: '' })
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  t.equal(hotpair('--version').out.trim(), JSON.parse(manifest).version)
})

t.test('a wrong call is refused with exit code 2, by name', async (t) => {
  t.match(hotpair(), { code: 2, out: '', err: /a command is missing/ })
  t.match(hotpair('unite'), { code: 2, out: '', err: /'unite' is no command/ })
  t.match(hotpair('unit', '--sokcet', '/run/x'), { code: 2, out: '', err: /'--sokcet'/ })
  const path = join(folder(t), 'unit.json')
  writeFileSync(path, JSON.stringify({ socket: '/run/x', linger: 5 }))
  const err = /in .*unit\.json: linger is no option/
  t.match(hotpair('unit', '--config', path), { code: 2, out: '', err })
})

t.test('what the system refuses has exit code 1', async (t) => {
  const path = join(folder(t), 'missing', 'folder', 'unit.sock')
  t.match(hotpair('unit', '--socket', path), { code: 1, out: '', err: /folder of the socket/ })
})

t.test('a second unit on the same socket is refused, and the first goes on', async (t) => {
  const path = join(folder(t), 'unit.sock')
  const first = start(t, 'unit', '--socket', path)
  await untilPhase(first, 'waiting')
  const err = /another process listens on the socket/
  t.match(hotpair('unit', '--socket', path), { code: 1, out: '', err })
  t.ok(existsSync(path), 'the socket is still that of the first')
  first.child.kill('SIGTERM')
  t.same(await once(first.child, 'exit'), [0, null])
  t.notOk(existsSync(path), 'it takes its socket with it')
})

t.test('a unit that was there first serves one server after the other', async (t) => {
  const home = folder(t)
  process.env['XDG_RUNTIME_DIR'] = home
  const config = join(home, 'unit.json')
  writeFileSync(config, JSON.stringify({ pair: 'outside', member: 'a' }))
  const unit = start(t, 'unit', '--config', config)
  await untilPhase(unit, 'waiting')
  const outside = await Outside.open(t, { unit: 'process', heartbeatMs: 20, windowMs: 200 })
  const first = outside.start('a')
  t.match(await untilPhase(unit, 'serving'), { serverPid: first.pid, taken: 1, died: 0 })
  await outside.until(() => first.role === 'primary', 'it rules')
  first.send({ type: 'close' })
  await first.ended
  t.match(await untilPhase(unit, 'waiting'), { taken: 1, died: 0 }, 'it waits for the next')
  const second = outside.start('a')
  t.match(await untilPhase(unit, 'serving'), { serverPid: second.pid, taken: 2, died: 0 })
  second.child.kill('SIGKILL')
  t.match(await untilPhase(unit, 'gone'), { serverPid: second.pid, taken: 2, died: 1 })
  unit.child.kill('SIGINT')
  t.same(await once(unit.child, 'exit'), [0, null])
})

t.test('a server whose unit cannot listen says why, without waiting for it', async (t) => {
  const unitSocket = join(folder(t), 'missing', 'folder', 'unit.sock')
  const { a, b } = await portsOfPair()
  const begun = Date.now()
  await t.rejects(
    openMember({
      pair: 'outside',
      member: 'a',
      members: { a: `127.0.0.1:${a}`, b: `127.0.0.1:${b}` },
      arbiter: 'none',
      unit: 'process',
      unitSocket,
      app: { init: () => ({}), process: () => {}, deliver: () => {} },
    }),
    { code: 'ERR_HOTPAIR_UNIT', message: /the one that was started ended: .*folder of the socket/ },
  )
  t.comment(`refused after ${Date.now() - begun} ms`)
})
