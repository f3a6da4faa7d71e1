/**
 * Timers of the program over the shipped code, on members whose clocks differ: each fires once, in
 * order, whoever rules, and pair time never goes back.
 */

import t, { type Test } from 'tap'
import type { App } from '#lib/options.js'
import { referenceSnapshot } from '#lib/testing/reference-snapshot.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import { SimPair } from '#lib/testing/sim-pair.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { type MemberId, millis, peerOf } from '#lib/units.js'
import { generator } from './world.js'

const windowMs = 100

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

/** A source that gives both members an input each few milliseconds, and a pair that it feeds. */
class Play {
  readonly clock = new VirtualClock()
  readonly random: () => number
  readonly pair: SimPair<State>
  readonly faults: string[] = []
  readonly accepted = new Set<number>()
  #given = 0

  constructor(seed: number, ahead: Readonly<Record<MemberId, number>>) {
    this.random = generator(seed)
    const around = (ms: number) => () => millis(ms * (0.5 + this.random()))
    this.pair = new SimPair<State>({
      clock: this.clock,
      random: this.random,
      app: () => app,
      limits: {
        inputBytes: 8_192,
        queueBytes: 65_536,
        unacknowledgedBytes: 65_536,
        lagFrames: 100_000,
        outboxBytes: 2_097_152,
        stateBytes: 8_388_608,
        sources: 4,
        channels: 8,
        timers: 1_000,
      },
      snapshot: referenceSnapshot,
      heartbeatMs: 20,
      windowMs,
      ackTimeoutMs: windowMs,
      inFlight: 64,
      onLoss: 'wait',
      drift: {
        a: { rate: 1.0001, wallOffsetMs: ahead.a },
        b: { rate: 0.9999, wallOffsetMs: ahead.b },
      },
      hangAfterMs: 500,
      onSuspect: 'retry',
      deliverTimeoutMs: 10_000,
      beatLoss: 0,
      beatDuplicates: 0,
      mostBeatsLostInRow: 0,
      linkDelay: around(0.2),
      beatDelay: around(0.2),
      pieceMs: 0.01,
      highWaterPieces: 10,
      detectMs: 0.5,
      onFault: (member, error) => this.faults.push(`${member.id} ${error.code} ${error.message}`),
    })
  }

  /** Starts what is not there, and waits until the pair is whole. */
  async whole(): Promise<void> {
    const until = this.clock.now() + 5_000
    while (!this.pair.isPaired && this.clock.now() < until) {
      for (const id of ['a', 'b'] as const) if (!this.pair.member(id)) this.pair.start(id)
      await this.run(5)
    }
  }

  async run(ms: number): Promise<void> {
    await this.clock.run(this.clock.now() + ms)
  }

  /** Gives both members the next input, whose own timer is due after `delay`. */
  feed(delay: number): void {
    this.#given += 1
    const seq = this.#given
    for (const { server } of this.pair.members) {
      const answer = { resolve: () => this.accepted.add(seq), reject: () => {} }
      server.receive({ data: Buffer.from(`${seq}:${delay}`), source: 's', seq, answer })
    }
  }

  /** The log of one that has it, the primary's if there is one. */
  get log(): readonly string[] {
    return this.stateOf(this.pair.primary)?.log ?? []
  }

  stateOf(member: SimMember<State> | undefined): State | undefined {
    return member?.server.held?.state
  }
}

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
  const play = new Play(1, { a: 0, b: 0 })
  play.pair.start('a')
  await play.run(3 * windowMs)
  play.feed(5_000)
  play.feed(30)
  play.feed(20)
  await play.run(1_000)
  const owns = () => play.log.filter((entry) => entry.startsWith('own')).map((e) => e.split(' ')[1])
  t.strictSame(owns(), ['3', '2'])
  await play.run(4_100)
  t.strictSame(owns(), ['3', '2', '1'])
  const ticks = play.log.filter((entry) => entry.startsWith('tick')).length
  t.ok(ticks > 400 && ticks <= 510, `${ticks} ticks of 10 ms in 5.1 s`)
  check(t, play.log, 'alone')
  t.strictSame(play.faults, [])
})

t.test('what is due while nobody rules fires at once in the next reign, in order', async (t) => {
  const play = new Play(2, { a: 0, b: 3_600_000 })
  play.pair.start('a')
  await play.run(3 * windowMs)
  await play.whole()
  for (const delay of [60, 40, 50, 2_000]) play.feed(delay)
  await play.run(20)
  play.pair.stall('a', 5_000)
  await play.run(3 * windowMs)
  t.equal(play.pair.member('b')?.role, 'primary')
  const owns = play.stateOf(play.pair.member('b'))?.log.filter((e) => e.startsWith('own')) ?? []
  t.strictSame(
    owns.map((entry) => entry.split(' ')[1]),
    ['2', '3', '1'],
  )
  const [first = '', , last = ''] = owns
  t.ok(stampOf(last) - stampOf(first) <= 1, 'together')
  check(t, play.stateOf(play.pair.member('b'))?.log ?? [], 'after the takeover')
  t.strictSame(play.faults, [])
})

t.test('an idle primary hands on pair time with a load', async (t) => {
  const play = new Play(3, { a: 0, b: -5_000 })
  play.pair.start('a')
  await play.run(3 * windowMs)
  // No frame for a minute: what the last frame's stamp says is a minute old.
  play.feed(60_500)
  await play.run(60_000)
  t.ok(play.stateOf(play.pair.member('a'))?.log.length, 'it has a log')
  const log = () => play.log.filter((entry) => entry.startsWith('own'))
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
  let takeovers = 0
  let fired = 0
  for (let seed = 1; seed <= 30; seed += 1) {
    const clocks = seed % 2 === 0 ? { a: -5_000, b: 3_600_000 } : { a: 3_600_000, b: -5_000 }
    const play = new Play(seed, clocks)
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
      takeovers += victim === primary ? 1 : 0
      const harm = random()
      if (victim && harm < 0.5) pair.kill(victim.id)
      else if (victim && harm < 0.7) victim.close()
      else if (victim) pair.stall(victim.id, random() * 3 * windowMs)
      // The stall is over, and whoever was left behind has noticed.
      await play.run(5 * windowMs)
      await play.whole()
    }
    await play.run(1_000)
    t.ok(pair.isPaired, `seed ${seed}: whole again`)
    check(t, play.log, `seed ${seed}`)
    for (const seq of play.accepted) {
      for (const what of [`input ${seq}:`, `own ${seq} `]) {
        const count = play.log.filter((entry) => entry.startsWith(what)).length
        if (count !== 1) t.fail(`seed ${seed}: ${what} ${count} times`)
      }
    }
    fired += play.accepted.size
    t.strictSame(play.faults, [], `seed ${seed}`)
  }
  t.ok(takeovers > 50 && fired > 2_500, `${takeovers} takeovers, ${fired} timers`)
})
