/**
 * Timers of the program over the shipped code, on members whose clocks differ: each fires once, in
 * order, whoever rules, and pair time never goes back.
 */

import t, { type Test } from 'tap'
import type { App } from '#lib/options.js'
import { type MemberId, peerOf } from '#lib/units.js'
import { Play, windowMs } from './play.js'

interface State {
  /** What each frame was, in order: `input 3`, `tick 5`, with the stamp behind it. */
  readonly log: string[]
  ticks: number
}

/** Every input sets a timer of its own for `delay` ms, and input 1 begins a ticker. */
const app: App<State> = {
  init: () => ({ log: [], ticks: 0 }),
  process(state, frame, ctx) {
    const word = Buffer.from(frame.data).toString()
    const what = frame.timer === undefined ? `input ${word}` : `${frame.timer} ${word}`
    state.log.push(`${what} @${ctx.now}`)
    if (frame.timer === 'tick') {
      state.ticks += 1
      ctx.setTimer('tick', 10, Buffer.from(String(state.ticks)))
    }
    if (frame.timer !== undefined) return
    const [number = 0, delay = 0] = word.split(':').map(Number)
    if (number === 1) ctx.setTimer('tick', 10, Buffer.from('0'))
    ctx.setTimer(`own ${number}`, delay, Buffer.from(String(ctx.now + delay)))
    // One that is set and taken back in the same breath never fires.
    ctx.setTimer('never', 0)
    ctx.clearTimer('never')
    ctx.send(Buffer.from(what))
  },
  deliver: () => {},
}

const playOf = (seed: number, ahead: Readonly<Record<MemberId, number>>) =>
  new Play<State>({ seed, ahead, app: () => app })

/** The log of the primary. */
const logOf = (play: Play<State>): readonly string[] => play.state()?.log ?? []

const stampOf = (entry: string) => Number(entry.slice(entry.indexOf('@') + 1))

/** What must hold of the log of one history, whoever has ruled meanwhile. */
function check(t: Test, log: readonly string[], what: string): void {
  const backward = log.findIndex((entry, at) => stampOf(entry) < stampOf(log[at - 1] ?? entry))
  if (backward >= 0) t.fail(`${what}: time goes back at ${log[backward]}`)
  const owns = log.filter((entry) => entry.startsWith('own'))
  const names = owns.map((entry) => entry.split(' ')[1])
  if (new Set(names).size !== names.length) t.fail(`${what}: a timer has fired twice`)
  for (const entry of owns) {
    const due = Number(entry.split(' ')[2])
    if (stampOf(entry) < due) t.fail(`${what}: ${entry} before it was due at ${due}`)
  }
  const ticks = log.filter((entry) => entry.startsWith('tick')).map((entry) => entry.split(' ')[1])
  if (ticks.some((tick, at) => tick !== String(at))) t.fail(`${what}: the ticker jumps: ${ticks}`)
  if (log.some((entry) => entry.startsWith('never'))) t.fail(`${what}: a cleared timer has fired`)
}

t.setTimeout(120_000)

t.test('timers fire by pair time on a primary alone, in order of due time', async (t) => {
  const play = playOf(1, { a: 0, b: 0 })
  play.pair.start('a')
  await play.run(3 * windowMs)
  play.feed(5_000)
  play.feed(30)
  play.feed(20)
  await play.run(1_000)
  const owns = () =>
    logOf(play)
      .filter((entry) => entry.startsWith('own'))
      .map((e) => e.split(' ')[1])
  t.strictSame(owns(), ['3', '2'])
  await play.run(4_100)
  t.strictSame(owns(), ['3', '2', '1'])
  const ticks = logOf(play).filter((entry) => entry.startsWith('tick')).length
  t.ok(ticks > 400 && ticks <= 510, `${ticks} ticks of 10 ms in 5.1 s`)
  check(t, logOf(play), 'alone')
  t.strictSame(play.faults, [])
})

t.test('what is due while nobody rules fires at once in the next reign, in order', async (t) => {
  const play = playOf(2, { a: 0, b: 3_600_000 })
  play.pair.start('a')
  await play.run(3 * windowMs)
  await play.whole()
  for (const delay of [60, 40, 50, 2_000]) play.feed(delay)
  await play.run(20)
  play.pair.stall('a', 5_000)
  await play.run(3 * windowMs)
  t.equal(play.pair.member('b')?.role, 'primary')
  const owns = play.state(play.pair.member('b'))?.log.filter((e) => e.startsWith('own')) ?? []
  t.strictSame(
    owns.map((entry) => entry.split(' ')[1]),
    ['2', '3', '1'],
  )
  const [first = '', , last = ''] = owns
  t.ok(stampOf(last) - stampOf(first) <= 1, 'together')
  check(t, play.state(play.pair.member('b'))?.log ?? [], 'after the takeover')
  t.strictSame(play.faults, [])
})

t.test('an idle primary hands on pair time with a load', async (t) => {
  const play = playOf(3, { a: 0, b: -5_000 })
  play.pair.start('a')
  await play.run(3 * windowMs)
  // No frame for a minute: what the last frame's stamp says is a minute old.
  play.feed(60_500)
  await play.run(60_000)
  t.ok(play.state(play.pair.member('a'))?.log.length, 'it has a log')
  const log = () => logOf(play).filter((entry) => entry.startsWith('own'))
  const begun = play.clock.now()
  await play.whole()
  play.pair.kill('a')
  await play.run(1_000)
  t.equal(play.pair.member('b')?.role, 'primary')
  t.equal(log().length, 1)
  const due = Number(log()[0]?.split(' ')[2])
  t.ok(stampOf(log()[0] ?? '') - due < 300, `${begun}: late by the silence alone`)
})

t.test('one-source-two-doors: clocks that differ by -5 s and by +1 h', async (t) => {
  let changes = 0
  let fired = 0
  for (let seed = 1; seed <= 30; seed += 1) {
    const clocks = seed % 2 === 0 ? { a: -5_000, b: 3_600_000 } : { a: 3_600_000, b: -5_000 }
    const play = playOf(seed, clocks)
    const { pair, random } = play
    await play.whole()
    for (let round = 0; round < 6; round += 1) {
      for (let count = 0; count < 20; count += 1) {
        play.feed(Math.floor(random() * 120))
        await play.run(random() * 6)
      }
      const { primary } = pair
      if (primary === undefined || !pair.isPaired) continue
      const standby = pair.member(peerOf(primary.id))
      const victim = random() < 0.7 ? primary : standby
      changes += victim === primary ? 1 : 0
      const harm = random()
      if (victim && harm < 0.4) pair.kill(victim.id)
      else if (victim && harm < 0.6) victim.close()
      else if (victim === primary && harm < 0.8) primary.switchover(100)
      else if (victim) pair.stall(victim.id, random() * 3 * windowMs)
      // The stall is over, and whoever was left behind has noticed.
      await play.run(5 * windowMs)
      await play.whole()
    }
    await play.run(1_000)
    t.ok(pair.isPaired, `seed ${seed}: whole again`)
    check(t, logOf(play), `seed ${seed}`)
    for (const seq of play.accepted) {
      for (const what of [`input ${seq}:`, `own ${seq} `]) {
        const count = logOf(play).filter((entry) => entry.startsWith(what)).length
        if (count !== 1) t.fail(`seed ${seed}: ${what} ${count} times`)
      }
    }
    fired += play.accepted.size
    t.strictSame(play.faults, [], `seed ${seed}`)
  }
  t.ok(changes > 50 && fired > 2_500, `${changes} changes of the rule, ${fired} timers`)
})
