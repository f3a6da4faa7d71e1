/**
 * The option `folder` with real members: what one remembers when it starts again, what it does with
 * that, and what becomes of folders and files that it cannot use.
 */

import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openMember } from 'hotpair'
import t, { type Test } from 'tap'
import {
  collect,
  echo,
  eventually,
  open,
  openPair,
  optionsOf,
  portsOfPair,
  soon,
} from './support.js'

function homeOf(t: Test): string {
  const home = mkdtempSync(join(tmpdir(), 'hp-folder-'))
  t.teardown(() => {
    chmodSync(home, 0o700)
    rmSync(home, { recursive: true, force: true })
  })
  return home
}

/** Neither hears the other, as on the first of two hosts that come back after a power cut. */
const pauseMs = 1_500

t.test('a member that was in sync waits for the other one when it starts alone', async (t) => {
  const folder = join(homeOf(t), 'records')
  const { ports, first, second, outputs } = await openPair(t, echo, { folder })
  t.match(first.status().record, { path: /test-[0-9a-f]{16}-a\.record$/, isFailing: false })
  t.match(readdirSync(folder).sort(), [/-a\.record$/, /-b\.record$/])
  t.notOk(first.status().limits.some((limit) => limit.includes('memory')))
  const { epoch } = first
  // Both go, as when the power is cut; a leaves last, and b starts first.
  await Promise.all([first.close(), second.close()])
  const again = await open(t, optionsOf('b', ports, echo(outputs), { folder }))
  await new Promise((resolve) => setTimeout(resolve, pauseMs))
  t.equal(again.role, 'starting', 'it waits: the other one may hold the state')
  const other = await open(t, optionsOf('a', ports, echo(outputs), { folder }))
  const anyRules = Promise.race([again.until('primary'), other.until('primary')])
  await soon(anyRules, 'both blank: one of them begins')
  const ruling = again.role === 'primary' ? again : other
  await soon(ruling.until('paired'), 'they pair')
  t.ok(ruling.epoch > epoch, 'reigns go on')
})

t.test("one that may go on alone does so after the start window (onLoss: 'go')", async (t) => {
  const folder = join(homeOf(t), 'records')
  const { ports, first, second, outputs } = await openPair(t, echo, { folder })
  await Promise.all([first.close(), second.close()])
  const options = optionsOf('b', ports, echo(outputs), { folder, onLoss: 'go' })
  const again = await open(t, options)
  await soon(again.until('primary'), 'it begins anew')
})

t.test('one that waits begins when its operator says that nobody else rules', async (t) => {
  const folder = join(homeOf(t), 'records')
  const { ports, first, second, outputs } = await openPair(t, echo, { folder })
  await t.rejects(first.force(), { code: 'ERR_HOTPAIR_FORCE', message: /this member is primary/ })
  await t.rejects(second.force(), { code: 'ERR_HOTPAIR_FORCE', message: /this member is standby/ })
  await Promise.all([first.close(), second.close()])
  const again = await open(t, optionsOf('b', ports, echo(outputs), { folder }))
  const roles = collect(again, 'role')
  await soon(again.force(), 'it rules')
  t.match(roles, [{ role: 'primary', from: 'starting', cause: 'forced' }])
  const other = await open(t, optionsOf('a', ports, echo(outputs), { folder }))
  await soon(other.until('standby'), 'the other one loads from it')
})

t.test('one that ruled alone begins anew: nobody else can hold the state', async (t) => {
  const folder = homeOf(t)
  const ports = await portsOfPair()
  const alone = await open(t, optionsOf('a', ports, echo([]), { folder }))
  await soon(alone.until('primary'), 'it rules')
  const { epoch } = alone
  await alone.close()
  const again = await open(t, optionsOf('a', ports, echo([]), { folder }))
  await soon(again.until('primary'), 'it rules again')
  t.ok(again.epoch > epoch)
})

t.test('after a switchover the one that has started again rules', async (t) => {
  const folder = homeOf(t)
  const { ports, first, second, outputs } = await openPair(t, echo, { folder })
  await second.close()
  const again = await open(t, optionsOf('b', ports, echo(outputs), { folder }))
  await soon(Promise.all([first.until('paired'), again.until('standby')]), 'both are paired')
  await soon(first.switchover(), 'the rule is handed over')
  await soon(again.until('paired'), 'it rules')
})

t.test('what cannot be used is refused before anything is opened', async (t) => {
  const home = homeOf(t)
  const ports = await portsOfPair()
  const refused = (folder: string, message: RegExp) =>
    t.rejects(openMember(optionsOf('a', ports, echo([]), { folder })), {
      code: 'ERR_HOTPAIR_FOLDER',
      message,
    })
  const file = join(home, 'file')
  writeFileSync(file, '')
  await refused(file, /folder .*file cannot be used: it is no folder/)
  await refused(join(home, 'none', 'below'), /cannot be used: ENOENT/)
  const shared = join(home, 'shared')
  const first = await open(t, optionsOf('a', ports, echo([]), { folder: shared }))
  await soon(first.until('primary'), 'it rules')
  const path = first.status().record?.path ?? ''
  await first.close()
  writeFileSync(path, 'rubbish')
  await refused(shared, /not written by a member of hotpair\. Move it away to start without it/)
  rmSync(path)
  chmodSync(shared, 0o777)
  await refused(shared, /others may write in it/)
})

t.test('a folder that is gone stops nobody, and is told once', async (t) => {
  const folder = join(homeOf(t), 'records')
  const ports = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([]), { folder }))
  const told: string[] = []
  first.on('fault', ({ error }) => told.push(error.code))
  await soon(first.until('primary'), 'it rules')
  rmSync(folder, { recursive: true })
  const second = await open(t, optionsOf('b', ports, echo([])))
  await soon(Promise.all([first.until('paired'), second.until('standby')]), 'both are paired')
  await eventually(() => first.status().record?.isFailing === true, 'it says so')
  t.strictSame(told, ['ERR_HOTPAIR_FOLDER'])
})
