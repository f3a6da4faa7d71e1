/**
 * Peers that do not fit, on the ports of a member that works: each is refused and named in an
 * event, once; the member goes on and pairs with the one that fits; a stranger learns nothing.
 */

import { connect } from 'node:net'
import type { Member, MemberOptions, RefusedEvent } from 'hotpair'
import t, { type Test } from 'tap'
import { incarnationOf } from '#lib/units.js'
import { encodeHello } from '#lib/wire/hello.js'
import {
  type Changes,
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
} from './support.js'

const secret = 'sixteen letters and more'

/** Member a, ruling alone. */
async function ruling(t: Test, ports: Ports, changes: Changes<Count> = {}): Promise<Member<Count>> {
  const member = await open(t, optionsOf('a', ports, echo([]), changes))
  await soon(member.until('primary'), 'member a rules')
  return member
}

/** Not what is told of strangers once a minute, beside it. */
function isOfPeer({ code }: RefusedEvent): boolean {
  return code !== 'ERR_HOTPAIR_STRANGERS'
}

/** What `member` has told of the other one, from now on. */
function refusals(member: Member<Count>): () => RefusedEvent[] {
  const events = collect(member, 'refused')
  return () => events.filter(isOfPeer)
}

/** What is told twice is noise: one refusal a side, whatever else is told. */
function isToldOnce(t: Test, events: readonly RefusedEvent[], code: string): void {
  t.equal(events.filter((event) => event.code === code).length, 1, `${code} is told once`)
}

/** The member has taken no harm: it works, and the one that fits pairs with it. */
async function goesOn(t: Test, first: Member<Count>, options: MemberOptions<Count>): Promise<void> {
  const { duplicate } = await soon(first.receive(Buffer.from('x')), 'it takes inputs')
  t.equal(duplicate, false)
  const second = await open(t, options)
  await soon(second.until('standby'), 'the one that fits stands by')
  t.equal(first.mode, 'paired')
}

t.test('another secret is refused on both sides', async (t) => {
  const ports = await portsOfPair()
  const first = await ruling(t, ports, { secret })
  const told = refusals(first)
  const wrong = { secret: 'sixteen letters, others' }
  const stranger = await open(t, optionsOf('b', ports, echo([]), wrong))
  const event = await nextEvent(stranger, 'refused', isOfPeer)
  t.equal(event.code, 'ERR_HOTPAIR_PEER_SECRET')
  t.notMatch(event.message, 'sixteen', 'no secret is shown')
  await eventually(() => told().length > 0, 'the other side tells it too')
  t.equal(stranger.status().peer, undefined, 'its beats say nothing to a stranger')
  await stranger.close()
  isToldOnce(t, told(), 'ERR_HOTPAIR_PEER_SECRET')
  t.ok(first.status().refused.connections > 0, 'it is counted')
  t.ok(first.status().refused.beats > 0, 'and so are its beats')
  await goesOn(t, first, optionsOf('b', ports, echo([]), { secret }))
})

t.test('a member without the secret is not let in', async (t) => {
  const ports = await portsOfPair()
  const first = await ruling(t, ports, { secret })
  const stranger = await open(t, optionsOf('b', ports, echo([])))
  const { code, message } = await nextEvent(stranger, 'refused', isOfPeer)
  t.equal(code, 'ERR_HOTPAIR_PEER_PROTOCOL')
  t.match(message, 'only one of the members has a secret')
  await stranger.close()
  await goesOn(t, first, optionsOf('b', ports, echo([]), { secret }))
})

t.test('a member of another pair is refused and learns nothing', async (t) => {
  const ports = await portsOfPair()
  const first = await ruling(t, ports)
  const told = refusals(first)
  const stranger = await open(t, optionsOf('b', ports, echo([]), { pair: 'other' }))
  const { code, message } = await nextEvent(stranger, 'refused', isOfPeer)
  t.equal(code, 'ERR_HOTPAIR_PEER_PROTOCOL', 'it only finds that nobody answers')
  t.notMatch(message, '"test"')
  t.equal(stranger.status().peer, undefined)
  await stranger.close()
  isToldOnce(t, told(), 'ERR_HOTPAIR_PEER_PAIR')
  t.match(told()[0]?.message, '"other"')
  await goesOn(t, first, optionsOf('b', ports, echo([])))
})

t.test('a second member of the same name is refused on both sides', async (t) => {
  const ports = await portsOfPair()
  const first = await ruling(t, ports)
  const told = refusals(first)
  // The mistake of one who copied the configuration and turned the addresses, not the name.
  const turned = { members: { a: `127.0.0.1:${ports.b}`, b: `127.0.0.1:${ports.a}` } }
  const twin = await open(t, optionsOf('a', ports, echo([]), turned))
  const { code, message } = await nextEvent(twin, 'refused', isOfPeer)
  t.equal(code, 'ERR_HOTPAIR_PEER_MEMBER')
  t.match(message, 'a and b')
  await eventually(() => told().length > 0, 'the other side tells it too')
  await twin.close()
  isToldOnce(t, told(), 'ERR_HOTPAIR_PEER_MEMBER')
  await goesOn(t, first, optionsOf('b', ports, echo([])))
})

t.test('two members b refuse each other by name', async (t) => {
  const ports = await portsOfPair()
  const turned = { members: { a: `127.0.0.1:${ports.b}`, b: `127.0.0.1:${ports.a}` } }
  const one = await open(t, optionsOf('b', ports, echo([])))
  const refusal = nextEvent(one, 'refused', ({ code }) => code === 'ERR_HOTPAIR_PEER_MEMBER')
  const two = await open(t, optionsOf('b', ports, echo([]), turned))
  await nextEvent(two, 'refused', ({ code }) => code === 'ERR_HOTPAIR_PEER_MEMBER')
  await refusal
})

t.test('a member with other settings is refused key by key', async (t) => {
  const ports = await portsOfPair()
  const first = await ruling(t, ports, { appVersion: '1.0.0' })
  const other = { appVersion: '2.0.0', inFlight: 7 }
  const told = refusals(first)
  const stranger = await open(t, optionsOf('b', ports, echo([]), other))
  const { code, message } = await nextEvent(stranger, 'refused', isOfPeer)
  t.equal(code, 'ERR_HOTPAIR_PEER_SETTINGS')
  t.match(
    message,
    'appVersion is "1.0.0" on a and "2.0.0" on b; inFlight is "64" on a and "7" on b',
  )
  await eventually(() => told().length > 0, 'the other side tells it too')
  t.equal(told()[0]?.message, message, 'in the same words')
  t.equal(stranger.role, 'starting', 'it neither rules nor stands by')
  t.equal(first.role, 'primary')
  await stranger.close()
  isToldOnce(t, told(), 'ERR_HOTPAIR_PEER_SETTINGS')
  await goesOn(t, first, optionsOf('b', ports, echo([]), { appVersion: '1.0.0' }))
})

t.test('a member from the future is refused by versions', async (t) => {
  const ports = await portsOfPair()
  const first = await ruling(t, ports)
  const told = nextEvent(first, 'refused', isOfPeer)
  const socket = connect(ports.a + 1, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const heard: Buffer[] = []
  socket.on('data', (bytes: Buffer) => heard.push(bytes))
  socket.write(
    encodeHello({
      protocol: 9,
      oldestProtocol: 8,
      pair: 'test',
      member: 'b',
      incarnation: incarnationOf(5n),
      settings: {},
    }),
  )
  const { code, message } = await told
  t.equal(code, 'ERR_HOTPAIR_PEER_VERSION')
  t.match(message, 'member "a" speaks 1 to 1, member "b" speaks 8 to 9')
  await soon(new Promise((closed) => socket.once('close', closed)), 'its connection is closed')
  t.match(Buffer.concat(heard).toString('latin1'), 'ERR_HOTPAIR_PEER_VERSION', 'and it is told why')
  await goesOn(t, first, optionsOf('b', ports, echo([])))
})
