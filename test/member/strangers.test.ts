/**
 * Attacks on a pair that works, by one who has not its secret and hears all that passes: no role
 * changes, no output is lost or comes twice, and what was turned away is counted and told.
 */

import { connect, type Socket } from 'node:net'
import type { Member, Output } from 'hotpair'
import t, { type Test } from 'tap'
import { forgeriesOf } from './beat-bytes.js'
import { InTheMiddle } from './in-the-middle.js'
import {
  type Count,
  collect,
  echo,
  eventually,
  nextEvent,
  open,
  optionsOf,
  type Ports,
  portsOfPair,
  soon,
  textOf,
} from './support.js'

const secret = 'sixteen letters and more'

interface Scene {
  readonly ports: Ports
  readonly first: Member<Count>
  readonly second: Member<Count>
  readonly middle: InTheMiddle
  readonly outputs: Output[]
  /** Ends the load and demands that nothing has happened. */
  readonly end: () => Promise<void>
}

/** A pair under load, with somebody in the middle. */
async function scene(t: Test): Promise<Scene> {
  const ports = await portsOfPair()
  const outputs: Output[] = []
  const first = await open(t, optionsOf('a', ports, echo(outputs), { secret }))
  await soon(first.until('primary'), 'member a rules')
  const middle = await InTheMiddle.open(t, ports)
  const changes = { secret, members: middle.membersOfB }
  const second = await open(t, optionsOf('b', ports, echo(outputs), changes))
  await soon(Promise.all([first.until('paired'), second.until('standby')]), 'both are paired')
  const members = [first, second]
  const roles = members.map((member) => collect(member, 'role'))
  const verdicts = members.map((member) => collect(member, 'verdict'))
  const faults = members.map((member) => collect(member, 'fault'))
  const { epoch } = first
  let isOn = true
  let seq = 0
  const load = (async () => {
    while (isOn) {
      seq += 1
      const id = { source: 's', seq }
      const given = members.map((member) => member.receive(Buffer.from(`${seq}`), id))
      await soon(Promise.all(given), `input ${seq} is accepted`)
      await new Promise((turn) => setTimeout(turn, 2))
    }
  })()
  const end = async () => {
    isOn = false
    await load
    await eventually(() => outputs.length >= seq, 'every output arrives')
    t.same(
      outputs.map(textOf),
      Array.from({ length: seq }, (_, index) => `${index + 1}`),
      'every output came once and in order',
    )
    t.same([...roles, ...verdicts, ...faults].flat(), [], 'nothing was thought or done')
    t.equal(first.role, 'primary')
    t.equal(first.epoch, epoch)
    await soon(first.until('paired'), 'the pair is whole')
  }
  return { ports, first, second, middle, outputs, end }
}

t.test('beats that are played back, forged or of another key change nothing', async (t) => {
  const { first, second, middle, end } = await scene(t)
  await eventually(() => middle.packets.length >= 20, 'beats pass')
  const told = nextEvent(first, 'refused', ({ code }) => code === 'ERR_HOTPAIR_STRANGERS')

  const heard = middle.packets.slice(0, 20)
  for (let times = 0; times < 5; times += 1) {
    for (const packet of heard) await middle.inject('a', packet)
  }
  // Back to who has said them, too: a key serves one direction.
  for (const packet of heard) await middle.inject('b', packet)
  for (const more of [0n, 2n, 4n]) {
    const epoch = BigInt(first.epoch) + more
    for (const forged of forgeriesOf(middle.packets.at(-1) ?? Buffer.alloc(0), 'test', epoch)) {
      await middle.inject('a', forged)
      await middle.inject('b', forged)
    }
  }
  await eventually(() => first.status().refused.beats >= 80, 'what was injected is counted')
  await eventually(() => second.status().refused.beats >= 9, 'on both sides')
  const { message, address } = await told
  t.match(message, 'old or played back')
  t.match(address, /^127\.0\.0\.1:\d+$/)
  await end()
})

t.test('beats of an earlier start are of no use', async (t) => {
  const { ports, first, second, middle, end } = await scene(t)
  await eventually(() => middle.packets.length >= 20, 'beats pass')
  await end()
  const before = middle.packets.slice()
  const { epoch } = first
  await second.close()
  const changes = { secret, members: middle.membersOfB }
  const again = await open(t, optionsOf('b', ports, echo([]), changes))
  const roles = collect(first, 'role')
  await soon(again.until('standby'), 'it stands by again')
  const verdicts = collect(first, 'verdict')
  for (const packet of before.slice(-100)) await middle.inject('a', packet)
  await new Promise((later) => setTimeout(later, 200))
  t.same([roles, verdicts], [[], []])
  t.equal(first.mode, 'paired', 'who has gone is not believed to be back')
  t.ok(first.epoch >= epoch)
})

t.test('a recorded session opens nothing, at either port', async (t) => {
  const { ports, first, middle, end } = await scene(t)
  const told = nextEvent(first, 'refused', ({ code }) => code === 'ERR_HOTPAIR_STRANGERS')
  await eventually(() => middle.sessions.some(({ length }) => length > 2_000), 'a session passes')
  const links = collect(first, 'link')
  const session = middle.sessions[0] ?? Buffer.alloc(0)
  const before = first.status().refused
  for (const port of [ports.a, ports.a + 1, ports.b, ports.b + 1]) {
    await soon(middle.playBack(port, session), `port ${port} closes it`)
  }
  const after = first.status().refused
  t.ok(after.beats > before.beats, 'what came to the control port is counted')
  t.ok(after.connections > before.connections, 'and what came to the data port')
  t.match((await told).message, 'no beats')
  t.same(links, [], 'the link has not noticed')
  await end()
})

t.test('resets end connections and nothing else', async (t) => {
  const { second, middle, end } = await scene(t)
  for (let times = 0; times < 5; times += 1) {
    const before = middle.passages.length
    t.ok(middle.reset() > 0)
    await eventually(() => middle.passages.length >= before + 2, 'both dial anew')
    await soon(second.until('paired'), 'they are one again')
  }
  await end()
})

t.test('a member with another secret is refused and harms nobody', async (t) => {
  const { ports, first, end } = await scene(t)
  const told = nextEvent(first, 'refused', ({ code }) => code === 'ERR_HOTPAIR_PEER_SECRET')
  const own = await portsOfPair()
  const members = { a: `127.0.0.1:${ports.a}`, b: `127.0.0.1:${own.b}` }
  const wrong = { secret: 'sixteen letters, others', members }
  const stranger = await open(t, optionsOf('b', ports, echo([]), wrong))
  await told
  await stranger.close()
  await end()
})

t.test('a crowd from one host drives out its own, and nobody of another host', async (t) => {
  if (process.platform !== 'linux') return t.comment('only there all of 127/8 is this host')
  const { ports, first, end } = await scene(t)
  const come = (port: number, localAddress: string): Socket => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    t.teardown(() => socket.destroy())
    return socket.on('error', () => {}).on('data', () => {})
  }
  for (const port of [ports.a, ports.a + 1]) {
    const lone = come(port, '127.0.0.2')
    await soon(new Promise((done) => lone.once('connect', done)), 'one is there')
    const crowd = Array.from({ length: 12 }, () => come(port, '127.0.0.3'))
    await eventually(() => crowd.filter(({ closed }) => closed).length >= 4, 'some make place')
    t.notOk(lone.closed, 'who came before all of them has his place')
    for (const socket of crowd) socket.destroy()
  }
  const { connections } = first.status().refused
  t.ok(connections >= 8, `${connections} are counted, at both ports`)
  await end()
})
