/**
 * The unit as a process of its own, with real processes: whichever of them dies, nothing is lost,
 * nothing is said twice, and nothing is left behind. And a server that lives, but whose connection
 * to its unit breaks.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Party } from './outside.js'
import { isWhole, openWithUnits as open, until } from './unit-folder.js'

if (process.platform !== 'linux') {
  t.comment('skipped: units are found by /proc')
  process.exit(0)
}

t.setTimeout(240_000)

t.test('a server dies amid its work, its unit tells of it and takes the next one in', async (t) => {
  const { outside, folder } = await open(t)
  let { primary, standby } = await outside.startPair()
  for (let round = 1; round <= 4; round += 1) {
    await outside.feedThrough(50)
    const { member } = primary
    const unit = folder.unitOf(member)
    t.ok(unit, `the unit of ${member} is a process of its own`)
    outside.feed(30)
    await sleep(round)
    primary.child.kill('SIGKILL')
    outside.feed(30)
    const heir = standby
    await outside.until(() => heir.role === 'primary', 'the other one rules')
    const verdict = heir.last('verdict')
    t.equal(verdict?.verdict, 'process-gone')
    t.equal(heir.last('takeover')?.verdict, 'renounced', 'the unit has renounced for the dead')
    await outside.untilAll()
    const again = outside.start(member)
    await outside.untilPaired(heir, again)
    t.equal(folder.unitOf(member), unit, 'the unit has outlived its server and serves the next')
    ;[primary, standby] = [heir, again]
  }
  isWhole(t, outside)
})

t.test('a unit dies and no role changes; a new one is started', async (t) => {
  const { outside, folder } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  for (const party of [primary, standby]) {
    const roles = [primary, standby].map((each) => each.all('role').length)
    const unit = folder.unitOf(party.member)
    if (unit === undefined) throw new Error(`${party.member} has no unit`)
    outside.feed(50)
    process.kill(unit, 'SIGKILL')
    outside.feed(50)
    await outside.until(() => party.last('unit')?.place === 'embedded', 'the server beats itself')
    await outside.feedThrough(50)
    await outside.until(() => party.last('unit')?.place === 'process', 'a new unit beats')
    await outside.feedThrough(50)
    t.not(folder.unitOf(party.member), unit, 'it is another process')
    t.same(
      [primary, standby].map((each) => each.all('role').length),
      roles,
      `no role has changed while the unit of ${party.member} was exchanged`,
    )
  }
  isWhole(t, outside)
})

t.test('server and unit die together, as with their machine', async (t) => {
  const { outside, folder } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const unit = folder.unitOf('a')
  outside.feed(50)
  process.kill(primary.pid, 'SIGKILL')
  if (unit !== undefined) process.kill(unit, 'SIGKILL')
  await outside.until(() => standby.role === 'primary', 'the other one rules')
  await outside.feedThrough(50)
  // The socket that the killed unit has left is no obstacle.
  const again = outside.start('a')
  await outside.untilPaired(standby, again)
  t.not(folder.unitOf('a'), unit)
  isWhole(t, outside)
})

t.test('a server that hangs is taken over, and loads when it is back', async (t) => {
  const { outside } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  primary.send({ type: 'block', milliseconds: 1_500 })
  outside.feed(50)
  await outside.until(() => standby.role === 'primary', 'the other one rules')
  t.ok(standby.all('verdict').some(({ verdict }) => verdict === 'hung'))
  await outside.untilPaired(standby, primary)
  await outside.feedThrough(50)
  isWhole(t, outside)
})

t.test('members that close in order leave nothing', async (t) => {
  const { outside, folder } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  const end = async (party: Party) => {
    party.send({ type: 'close' })
    await party.ended
  }
  await end(standby)
  await end(primary)
  await until(() => folder.units.length === 0, 'no unit is left')
  t.same(folder.sockets, [], 'no socket is left')
  isWhole(t, outside)
})

t.test('a second server of one member is refused, and the first goes on', async (t) => {
  const { outside, folder } = await open(t)
  const { primary, standby } = await outside.startPair()
  const twin = outside.start('b')
  t.match(await twin.ended, /^code [1-9]/)
  t.match(twin.errors.join(''), /ERR_HOTPAIR_ADDRESS_IN_USE/)
  await outside.feedThrough(50)
  t.equal(primary.mode, 'paired')
  t.equal(standby.role, 'standby')
  t.equal(folder.units.length, 2)
  isWhole(t, outside)
})

t.test('a live server whose connection to its unit breaks beats by itself', async (t) => {
  const { outside, folder } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  for (const party of [primary, standby]) {
    const roles = [primary, standby].map((each) => each.all('role').length)
    const unit = folder.unitOf(party.member)
    outside.feed(50)
    party.send({ type: 'break-unit' })
    outside.feed(50)
    await outside.until(() => party.last('unit')?.place === 'embedded', 'the server beats itself')
    await outside.feedThrough(50)
    await outside.until(() => party.last('unit')?.place === 'process', 'a unit beats again')
    await outside.feedThrough(50)
    t.not(folder.unitOf(party.member), unit, 'the former one has ended: nobody needs it')
    t.same(
      [primary, standby].map((each) => each.all('role').length),
      roles,
      `no role has changed while ${party.member} had no unit`,
    )
    const other = party === primary ? standby : primary
    t.same(other.all('verdict'), [], 'nobody was found dead')
  }
  isWhole(t, outside)
})
