/**
 * `onHang: 'kill'` with real processes: a hung server is killed by its unit when the other member
 * rules, and is started again by whoever keeps it (here, the test); one that may be the last holder
 * of the state never is.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Outside, Party } from './outside.js'
import { isWhole, openWithUnits } from './unit-folder.js'

if (process.platform !== 'linux') {
  t.comment('skipped: units are found by /proc')
  process.exit(0)
}

t.setTimeout(240_000)

/** Longer than any of these tests takes. */
const forEver = 600_000
const hangAfterMs = 300

const open = (t: Test) => openWithUnits(t, { onHang: 'kill', hangAfterMs })

/** The hung one was killed; a new one of the same member joins the unit that has outlived it. */
async function startAgain(t: Test, outside: Outside, hung: Party, heir: Party): Promise<Party> {
  t.equal(await hung.ended, 'SIGKILL', 'its unit kills it')
  const again = outside.start(hung.member)
  await outside.untilPaired(heir, again)
  t.match(again.all('unit'), [{ place: 'process', reason: /hung, and its unit has killed it/ }])
  await outside.feedThrough(50)
  return again
}

t.test('a hung primary is taken over, killed, and pairs again when it is started', async (t) => {
  const { outside, folder } = await open(t)
  let { primary, standby } = await outside.startPair()
  for (const how of ['block', 'stop'] as const) {
    await outside.feedThrough(50)
    const unit = folder.unitOf(primary.member)
    if (how === 'block') primary.send({ type: 'block', milliseconds: forEver })
    else primary.child.kill('SIGSTOP')
    outside.feed(50)
    const heir = standby
    await outside.until(() => heir.role === 'primary', 'the other one rules')
    t.ok(heir.all('verdict').some(({ verdict }) => verdict === 'hung'))
    const again = await startAgain(t, outside, primary, heir)
    t.equal(heir.all('verdict').at(-1)?.verdict, 'process-gone', 'its unit tells of the death')
    t.equal(folder.unitOf(again.member), unit, 'its unit is the same')
    ;[primary, standby] = [heir, again]
  }
  isWhole(t, outside)
})

t.test('a process that is stopped amid a frame: no frame is suspect', async (t) => {
  const { outside } = await openWithUnits(t, { onSuspect: 'skip', hangAfterMs })
  let { primary, standby } = await outside.startPair()
  for (let round = 0; round < 3; round += 1) {
    await outside.feedThrough(50)
    // Nearly all the time it is inside one.
    primary.send({ type: 'slow', milliseconds: 20 })
    outside.feed(20)
    await sleep(100)
    primary.child.kill('SIGSTOP')
    const [stopped, heir] = [primary, standby]
    await outside.until(() => heir.role === 'primary', 'the other one rules')
    t.match(heir.last('takeover'), { verdict: 'hung', suspect: undefined })
    stopped.child.kill('SIGCONT')
    stopped.send({ type: 'slow', milliseconds: 0 })
    await outside.untilPaired(heir, stopped)
    ;[primary, standby] = [heir, stopped]
  }
  await outside.feedThrough(50)
  isWhole(t, outside)
})

t.test('a hung standby is killed when its primary has gone on alone', async (t) => {
  const { outside } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  standby.send({ type: 'block', milliseconds: forEver })
  outside.feed(50)
  await startAgain(t, outside, standby, primary)
  t.ok(
    primary.all('mode').some(({ mode }) => mode === 'solo'),
    'it had gone on alone',
  )
  isWhole(t, outside)
})

t.test('alone a hung server is never killed: it goes on where it stood', async (t) => {
  const { outside } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  standby.child.kill('SIGKILL')
  await outside.until(() => primary.mode === 'solo', 'it goes on alone')
  primary.send({ type: 'block', milliseconds: 5 * hangAfterMs })
  await outside.feedThrough(50)
  t.ok(primary.isAlive)
  t.equal(primary.role, 'primary')
  // Nor is one that hangs while the other is there but holds nothing yet.
  primary.send({ type: 'block', milliseconds: 5 * hangAfterMs })
  const again = outside.start('b')
  await outside.untilPaired(primary, again)
  await outside.feedThrough(50)
  t.ok(primary.isAlive)
  isWhole(t, outside)
})

t.test('one that hangs and comes back before the other rules is left alone', async (t) => {
  const { outside } = await open(t)
  const { primary, standby } = await outside.startPair()
  await outside.feedThrough(50)
  primary.send({ type: 'block', milliseconds: hangAfterMs / 2 })
  await outside.feedThrough(50)
  t.ok(primary.isAlive)
  t.equal(primary.mode, 'paired')
  t.equal(standby.role, 'standby')
  isWhole(t, outside)
})
