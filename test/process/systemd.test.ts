/**
 * The unit as a service of systemd: what it says to the service manager, whose socket a program in
 * Python plays (Node.js has no datagrams of Unix sockets), and that the unit files are sound.
 *
 * Both other programs may be missing: then their part is skipped, and says so.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Outside } from './outside.js'

t.setTimeout(120_000)

const root = fileURLToPath(new URL('../../../', import.meta.url))
const program = join(root, 'dist/cli/main.js')

function isThere(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0
}

const hasPython = isThere('python3')
const hasSystemd = isThere('systemd-analyze')
const noPython = hasPython ? false : 'python3 is not installed'
const noSystemd = hasSystemd ? false : 'systemd-analyze is not installed'

/** Says each datagram as one line of JSON, the first when it can hear. */
const ear = `
import json, socket, sys
name = sys.argv[1]
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind('\\0' + name[1:] if name[0] == '@' else name)
print(json.dumps('listens'), flush=True)
while True:
    print(json.dumps(heard.recv(4096).decode()), flush=True)
`

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'hp-systemd-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Plays the service manager under `name`; calls back when it has heard a text. */
async function listen(t: Test, name: string): Promise<(text: RegExp) => Promise<string[]>> {
  const child = spawn('python3', ['-c', ear, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const hear = async (text: RegExp): Promise<string[]> => {
    const heard: string[] = []
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`not heard: ${text}; but ${JSON.stringify(heard)}`)
      heard.push(JSON.parse(value))
      if (text.test(heard.at(-1) ?? '')) return heard
    }
  }
  await hear(/listens/)
  return hear
}

function startUnit(t: Test, socket: string, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [program, 'unit', '--socket', socket, '--quiet'], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

t.test(
  'it says that it listens, that it lives, and that it ends',
  { skip: noPython },
  async (t) => {
    const home = folder(t)
    for (const name of [join(home, 'notify'), `@hotpair-test-${process.pid}`]) {
      const hear = await listen(t, name)
      const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '200000' }
      const unit = startUnit(t, join(home, 'unit.sock'), env)
      t.same(await hear(/./), ['READY=1\nSTATUS=waits for its server'], 'first that it is ready')
      t.same(await hear(/./), ['WATCHDOG=1'])
      t.same(await hear(/./), ['WATCHDOG=1'])
      unit.kill('SIGTERM')
      t.same(await once(unit, 'exit'), [0, null])
      t.same((await hear(/STOPPING/)).at(-1), 'STOPPING=1')
    }
  },
)

t.test('it says whom it beats for, and who is dead', { skip: noPython }, async (t) => {
  const home = folder(t)
  const hear = await listen(t, join(home, 'notify'))
  const unitSocket = join(home, 'unit.sock')
  startUnit(t, unitSocket, { NOTIFY_SOCKET: join(home, 'notify') })
  await hear(/READY=1/)
  const outside = await Outside.open(t, { unit: 'process', unitSocket })
  const server = outside.start('a')
  t.match((await hear(/beats for/)).at(-1), `process ${server.pid}`)
  server.child.kill('SIGKILL')
  t.match((await hear(/is dead/)).at(-1), `process ${server.pid}`)
})

t.test('a watchdog that makes no sense is refused', async (t) => {
  const env = { ...process.env, NOTIFY_SOCKET: '@hotpair-nobody', WATCHDOG_USEC: 'soon' }
  const args = [program, 'unit', '--socket', join(folder(t), 'unit.sock')]
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  t.equal(status, 2)
  t.match(stderr, /WATCHDOG_USEC must be a whole number/)
})

const noProc = process.platform === 'linux' ? false : 'there is no /proc'

t.test('a unit that a service has started does not speak for it', { skip: noProc }, async (t) => {
  const unitSocket = join(folder(t), 'unit.sock')
  const variables = { NOTIFY_SOCKET: '@hotpair-nobody', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }
  Object.assign(process.env, variables)
  t.teardown(() => {
    for (const name of Object.keys(variables)) delete process.env[name]
  })
  const outside = await Outside.open(t, { unit: 'process', unitSocket })
  const server = outside.start('a')
  await outside.until(() => server.role === 'primary', 'it rules')
  const unit = readdirSync('/proc').find((pid) => isUnit(pid, unitSocket))
  const environment = readFileSync(`/proc/${unit}/environ`, 'utf8')
  t.match(readFileSync(`/proc/${server.pid}/environ`, 'utf8'), /NOTIFY_SOCKET=@hotpair-nobody/)
  t.notMatch(environment, /NOTIFY_SOCKET|WATCHDOG/)
  server.send({ type: 'close' })
  await server.ended
})

function isUnit(pid: string, socket: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(socket)
  } catch {
    return false
  }
}

t.test('the unit files are sound', { skip: noSystemd }, async (t) => {
  const home = folder(t)
  cpSync(join(root, 'examples/systemd'), home, { recursive: true })
  const names = readdirSync(home).filter((name) => name.endsWith('.service'))
  t.same(names.sort(), ['app.service', 'hotpair-unit@.service', 'hotpair-witness.service'])
  for (const name of names) {
    const text = readFileSync(join(home, name), 'utf8')
    // What a user's machine has, and this one perhaps elsewhere.
    t.match(text, /^ExecStart=\/usr\/bin\/node /m)
    writeFileSync(join(home, name), text.replace('/usr/bin/node', process.execPath))
  }
  const started = ['app.service', 'hotpair-unit@a.service', 'hotpair-witness.service']
  const paths = started.map((name) => join(home, name))
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${home}:` }
  const args = ['verify', '--man=no', ...paths]
  const { status, stderr } = spawnSync('systemd-analyze', args, { env, encoding: 'utf8' })
  const ours = stderr
    .split('\n')
    .filter((line) => /app\.service|hotpair-unit@|hotpair-witness/.test(line))
  t.same(ours, [], 'nothing is wrong with them')
  t.equal(status, 0, stderr)
})
