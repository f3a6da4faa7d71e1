/**
 * The shipped rules, runtime, sync and server under kills in virtual time: whatever is killed when,
 * the stream behind the receiver's helper is that of one uninterrupted process.
 */

import t from 'tap'
import type { App, Output } from '#lib/options.js'
import { createReceiver } from '#lib/receiver.js'
import { type SimMember, SimPair } from '#lib/testing/sim-pair.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { type MemberId, millis, peerOf } from '#lib/units.js'

interface Sum {
  total: number
  seen: number
}

const limits = {
  inputBytes: 65_536,
  queueBytes: 8_388_608,
  unacknowledgedBytes: 8_388_608,
  outboxBytes: 8_388_608,
  stateBytes: 8_388_608,
  sources: 100,
  channels: 16,
}

const frames = 1_500

function process(
  state: Sum,
  data: Uint8Array,
  send: (text: string, channel: string) => void,
): void {
  const amount = new DataView(data.buffer, data.byteOffset).getUint32(0)
  state.seen += 1
  state.total = (state.total * 31 + amount) % 1_000_003
  if (state.total % 3 !== 0) send(`${state.seen}:${state.total}`, 'first')
  if (state.total % 7 === 0) send(`second ${state.total}`, 'second')
}

function input(seq: number): Uint8Array {
  const data = new Uint8Array(4)
  new DataView(data.buffer).setUint32(0, (seq * 2_654_435_761) >>> 0)
  return data
}

function oracle(): Map<string, string[]> {
  const streams = new Map<string, string[]>()
  const state = { total: 0, seen: 0 }
  for (let seq = 1; seq <= frames; seq += 1) {
    process(state, input(seq), (text, channel) => {
      streams.set(channel, [...(streams.get(channel) ?? []), text])
    })
  }
  return streams
}

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The sink: confirms after a while what its helper takes. */
class Sink {
  readonly receiver = createReceiver()
  readonly streams = new Map<string, string[]>()
  readonly problems: string[] = []
  repeated = 0

  take(output: Output): boolean {
    const verdict = this.receiver.take(output)
    if (verdict.type === 'known') this.repeated += 1
    if (verdict.type === 'fork' || verdict.type === 'stale') {
      this.problems.push(`${verdict.type} ${output.channel} ${output.number}`)
    }
    if (verdict.type === 'new') {
      const text = Buffer.from(output.data).toString()
      this.streams.set(output.channel, [...(this.streams.get(output.channel) ?? []), text])
    }
    return verdict.type === 'new' || verdict.type === 'known'
  }
}

function app(
  clock: VirtualClock,
  sink: Sink,
  random: () => number,
  member: SimMember<Sum>,
): App<Sum> {
  return {
    init: () => ({ total: 0, seen: 0 }),
    process: (state, frame, ctx) =>
      process(state, frame.data, (text, channel) => ctx.send(Buffer.from(text), { channel })),
    deliver: (output) =>
      new Promise((resolve, reject) => {
        clock.setTimer(millis(0.2), () => {
          // It reaches the sink even if its sender is dead by then; the confirmation does not.
          const isTaken = sink.take(output)
          clock.setTimer(millis(0.2), () => {
            if (!member.isAlive) return
            if (isTaken && random() > 0.02) resolve()
            else reject(new Error('not confirmed'))
          })
        })
      }),
  }
}

/** Feeds both members, resending what nobody has accepted. */
class Source {
  #accepted = 0
  readonly #next = new Map<SimMember<Sum>, number>()

  get isDone(): boolean {
    return this.#accepted === frames
  }

  feed(member: SimMember<Sum>): void {
    let next = this.#next.get(member) ?? this.#accepted + 1
    const until = Math.min(frames, this.#accepted + 200, next + 2)
    for (; next < until + 1; next += 1) {
      const seq = next
      member.receive(input(seq), 'source', seq).then(
        () => {
          this.#accepted = Math.max(this.#accepted, seq)
        },
        () => {
          this.#next.set(member, Math.min(this.#next.get(member) ?? seq, seq))
        },
      )
    }
    this.#next.set(member, next)
  }
}

async function run(seed: number): Promise<{ sink: Sink; pair: SimPair<Sum>; faults: string[] }> {
  const random = generator(seed)
  const clock = new VirtualClock()
  const sink = new Sink()
  const faults: string[] = []
  const pair = new SimPair<Sum>({
    clock,
    random,
    app: (member) => app(clock, sink, random, member),
    limits,
    delayMs: 0.1,
    detectMs: 0.5,
    windowMs: 500,
    onFault: (member, error) => faults.push(`${member} ${error.code} ${error.message}`),
  })
  const source = new Source()
  pair.start('a')
  pair.start('b')
  const downSince = new Map<MemberId, number>()
  for (let at = 1; at < 60_000; at += 1) {
    await clock.run(at)
    for (const id of ['a', 'b'] as const) {
      const member = pair.member(id)
      if (member) source.feed(member)
      else if (at - (downSince.get(id) ?? at) > random() * 60) pair.start(id)
    }
    if (pair.isPaired && !source.isDone && random() < 0.02) {
      const ruling = pair.primary?.id ?? 'a'
      const victim = random() < 0.6 ? ruling : peerOf(ruling)
      pair.kill(victim)
      downSince.set(victim, at)
    }
    if (source.isDone && pair.isPaired && pair.primary?.server.counts.pending === 0) break
  }
  await clock.run(clock.now() + 50)
  return { sink, pair, faults }
}

const seeds = Number(globalThis.process.env['SIM_SEEDS'] ?? 20)
const first = Number(globalThis.process.env['SIM_SEED'] ?? 1)

t.test('behind the helper stands the stream of one uninterrupted process', async (t) => {
  const expected = oracle()
  let takeovers = 0
  for (let seed = first; seed < first + seeds; seed += 1) {
    const { sink, pair, faults } = await run(seed)
    takeovers += pair.takeovers.length
    const unexpected = faults.filter((fault) => !fault.includes('ERR_HOTPAIR_DELIVER'))
    t.same(unexpected, [], `seed ${seed}: no fault but refused deliveries`)
    t.same(sink.problems, [], `seed ${seed}: no fork, nothing stale`)
    for (const [channel, stream] of expected) {
      t.same(sink.streams.get(channel), stream, `seed ${seed}: channel ${channel}`)
    }
  }
  t.ok(takeovers > seeds, 'there were takeovers')
})
