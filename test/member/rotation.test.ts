/**
 * A pair goes from one secret to another without a stop: each member is started again with both,
 * then with the new one first, then with the new one alone. Under load all the time, with a state
 * in shared memory, whose digests are by a key of the secret; the unit inside and as a process.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, type Member, type StateOf, sharedState } from 'hotpair'
import t from 'tap'
import { collect, eventually, open, optionsOf, portsOfPair, soon } from './support.js'

t.setTimeout(120_000)

const schema = { count: 'u32', cells: { u32: 100_000 } } as const
const plan = sharedState(schema)
type State = StateOf<typeof schema>
type Secret = string | readonly [string, string]

// The one as a process has all that the other one has, and hands the keys on.
const units =
  process.env['CI_LONG'] === '1' ? (['embedded', 'process'] as const) : (['process'] as const)

const old = 'the old secret of the pair'
const next = 'the next secret of the pair'

function app(outputs: number[]): App<State> {
  return {
    state: plan,
    process(state, frame, ctx) {
      state.count += 1
      state.cells[(state.count * 4_099) % 100_000] = frame.frameNo
      ctx.send(Buffer.from(`${state.count}`))
    },
    deliver: (output) => void outputs.push(Number(Buffer.from(output.data).toString())),
  }
}

for (const unit of units) {
  t.test(`the whole way, unit: ${unit}`, async (t) => {
    const ports = await portsOfPair()
    const outputs: number[] = []
    const folder = mkdtempSync(join(tmpdir(), 'hotpair-rotation-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const start = (member: 'a' | 'b', secret: Secret): Promise<Member<State>> => {
      const place = unit === 'process' ? { unit, unitSocket: join(folder, `${member}.sock`) } : {}
      const changes = { secret, digestEvery: 20, hangAfterMs: 5_000, ...place }
      return open(t, optionsOf(member, ports, app(outputs), changes))
    }
    const members = { a: await start('a', old), b: await start('b', old) }
    const both = () => [members.a, members.b]
    const whole = async () => {
      const isWhole = () =>
        both().some(({ mode }) => mode === 'paired') &&
        both().some(({ role }) => role === 'standby')
      await eventually(isWhole, 'the pair is whole')
    }
    await whole()
    const faults = both().map((member) => collect(member, 'fault'))
    const refusals = both().map((member) => collect(member, 'refused'))
    let isOn = true
    let seq = 0
    const load = (async () => {
      while (isOn) {
        const id = { source: 's', seq: seq + 1 }
        const primary = both().find(({ role }) => role === 'primary') ?? members.a
        const given = primary.receive(Buffer.from('x'), id).then(
          () => true,
          () => false,
        )
        if (await soon(given, `input ${id.seq} is answered`)) seq += 1
        await new Promise((turn) => setTimeout(turn, 2))
      }
    })()

    const histories = new Set(both().map(({ history }) => history))
    for (const [secret, heard] of [
      [[old, next], 1],
      [[next, old], 1],
      [next, 1],
    ] as const) {
      for (const name of ['b', 'a'] as const) {
        await members[name].close()
        members[name] = await start(name, secret)
        faults.push(collect(members[name], 'fault'))
        refusals.push(collect(members[name], 'refused'))
        await whole()
        const frames = seq
        await eventually(() => seq > frames + 50, 'they work, and compare digests')
      }
      for (const member of both()) {
        const accepted = typeof secret === 'string' ? 1 : 2
        t.same(member.status().secrets, { accepted, heard, link: 1 }, `the first of ${accepted}`)
        const isTold = member.status().limits.some((limit) => limit.includes('two secrets'))
        t.equal(isTold, accepted === 2, 'and an old one is not forgotten')
      }
      for (const { history } of both()) histories.add(history)
    }
    isOn = false
    await load
    t.equal(histories.size, 1, 'the state has lived on all the time')
    await eventually(() => outputs.length >= seq, 'every output arrives')
    t.same(
      [...new Set(outputs)],
      Array.from({ length: seq }, (_, index) => index + 1),
    )
    t.same(faults.flat(), [], 'no digest differs')
    t.same(refusals.flat(), [], 'and nobody was refused')
  })
}

t.test('in the middle of the way both show what is in use', async (t) => {
  const ports = await portsOfPair()
  const outputs: number[] = []
  const start = (member: 'a' | 'b', secret: Secret) =>
    open(t, optionsOf(member, ports, app(outputs), { secret }))
  const a = await start('a', [old, next])
  await soon(a.until('primary'), 'a rules')
  t.same(a.status().secrets, { accepted: 2, heard: 0, link: 0 })
  const b = await start('b', [next, old])
  await soon(Promise.all([a.until('paired'), b.until('standby')]), 'both are paired')
  t.same(a.status().secrets, { accepted: 2, heard: 2, link: 2 }, 'b uses what a has as its second')
  t.same(b.status().secrets, { accepted: 2, heard: 2, link: 1 }, 'a beats by the old one')
})
