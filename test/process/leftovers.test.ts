/**
 * What is left behind when everything is killed: no process, no memory; of files only the sockets
 * of the units, which the next start takes the place of.
 *
 * Memory is followed by the number of each memory file that the processes of the pair had open or
 * mapped: none of them may be anybody's afterwards. What else runs on this machine does not matter.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { isWhole, openWithUnits, UnitFolder, until } from './unit-folder.js'

if (process.platform !== 'linux') {
  t.comment('skipped: what a process has is read from /proc')
  process.exit(0)
}

t.setTimeout(120_000)

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Another user's, or gone meanwhile.
    return []
  }
}

/** The numbers of the memory files that process `pid` has open or mapped. */
function memoryFilesOf(pid: string): Set<string> {
  const found = new Set<string>()
  for (const fd of entries(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${fd}`
    try {
      if (readlinkSync(path).startsWith('/memfd:')) found.add(String(statSync(path).ino))
    } catch {
      // Closed meanwhile.
    }
  }
  for (const line of textOf(`/proc/${pid}/maps`).split('\n')) {
    const [, , , , inode = '', path = ''] = line.split(/\s+/)
    if (path.startsWith('/memfd:')) found.add(inode)
  }
  return found
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Which of the memory files `inodes` any process has still. */
function stillHad(inodes: ReadonlySet<string>): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const had = new Set(pids.flatMap((pid) => [...memoryFilesOf(pid)]))
  return [...inodes].filter((inode) => had.has(inode))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Killed, and not collected by its parent yet: it has nothing any more.
  return !/^\d+ \(.*\) Z/.test(textOf(`/proc/${pid}/stat`))
}

t.test('everything is killed at once; the next start finds nothing in its way', async (t) => {
  const { outside, folder } = await openWithUnits(t)
  const sharedBefore = new Set(entries('/dev/shm'))
  for (const round of [1, 2]) {
    const { primary, standby } = await outside.startPair()
    await outside.feedThrough(50)
    const pids = [primary.pid, standby.pid, ...folder.units.map(({ pid }) => pid)]
    t.equal(new Set(pids).size, 4, `round ${round}: two servers and two units`)
    const memory = new Set(pids.flatMap((pid) => [...memoryFilesOf(String(pid))]))
    t.ok(memory.size >= 2, 'each unit shares memory with its server')
    const ours = new Set(stillHad(memory))
    t.same(ours, memory, 'which is seen where it is')

    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await Promise.all([primary.ended, standby.ended])
    await until(() => !pids.some(isAlive), 'all of them have ended')
    t.same(stillHad(memory), [], 'their memory is gone with them')
    const shared = entries('/dev/shm').filter((name) => !sharedBefore.has(name))
    t.same(
      shared.filter((name) => /hotpair/i.test(name)),
      [],
      'nothing has a name in /dev/shm',
    )
    t.same(folder.units, [], 'no unit is left')
    t.equal(folder.sockets.length, 2, 'their sockets lie there: who was killed removes none')
    t.same(
      entries(join(folder.path, 'hotpair')).filter((name) => !name.endsWith('.sock')),
      [],
      'and no other file',
    )
    outside.forgetState()
  }

  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  t.equal(folder.sockets.length, 2, 'new ones stand in the place of the old')
  for (const party of [standby, primary]) {
    party.send({ type: 'close' })
    await party.ended
  }
  await until(() => folder.units.length === 0, 'the units have ended')
  t.same(folder.sockets, [], 'who ends in order leaves no socket')
  isWhole(t, outside)
})

t.test('a unit whose server was killed ends when its time is over', async (t) => {
  const folder = new UnitFolder()
  t.teardown(() => folder.end())
  const unitSocket = join(folder.path, 'hotpair', 'unit-a.sock')
  const args = [program, 'unit', '--socket', unitSocket, '--linger', '6000']
  const unit = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(unit.stdout, 'data')
  const { outside } = await openWithUnits(t, { unitSocket })
  const server = outside.start('a')
  await outside.until(() => server.role === 'primary', 'it rules')
  const memory = new Set([unit.pid, server.pid].flatMap((pid) => [...memoryFilesOf(String(pid))]))
  t.equal(memory.size, 1)
  server.child.kill('SIGKILL')
  t.same(await once(unit, 'exit'), [0, null])
  t.same(folder.sockets, [])
  t.same(stillHad(memory), [])
})

t.test(
  "a server that is killed alone leaves its unit, and what both had is the unit's",
  async (t) => {
    const { outside, folder } = await openWithUnits(t)
    const { primary, standby } = await outside.startPair()
    await outside.feedThrough(20)
    const unit = folder.unitOf('a')
    const memory = memoryFilesOf(String(unit))
    primary.child.kill('SIGKILL')
    await outside.until(() => standby.role === 'primary', 'the other one rules')
    t.same(stillHad(memory), [...memory], 'the unit tells what had been sent')
    const again = outside.start('a')
    await outside.untilPaired(standby, again)
    t.equal(folder.unitOf('a'), unit)
    t.same(stillHad(memory), [], 'the next server has words of its own')
    isWhole(t, outside)
  },
)
