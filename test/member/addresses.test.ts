/**
 * Ports that are taken and names that nobody knows: a clear error at open where it is this member's
 * own, patience where it is the other's.
 */

import { createSocket } from 'node:dgram'
import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'
import { createServer } from 'node:net'
import { NativeError, openMember } from 'hotpair'
import t, { type Test } from 'tap'
import {
  collect,
  echo,
  eventually,
  nextEvent,
  open,
  optionsOf,
  portsOfPair,
  soon,
} from './support.js'

/** A name that is none by its top-level domain (RFC 6761). */
const nobody = 'nobody.invalid'
const secret = 'sixteen letters and more'

async function takeTcp(t: Test, port: number): Promise<() => Promise<void>> {
  const server = createServer().listen(port, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const free = () => new Promise<void>((closed) => server.close(() => closed()))
  t.teardown(free)
  return free
}

async function takeUdp(t: Test, port: number): Promise<() => Promise<void>> {
  const socket = createSocket('udp4')
  await new Promise<void>((bound) => socket.bind(port, '127.0.0.1', bound))
  let isClosed = false
  const free = () =>
    new Promise<void>((closed) => {
      if (isClosed) return closed()
      isClosed = true
      socket.close(() => closed())
    })
  t.teardown(free)
  return free
}

const taken = [
  { what: 'the control port for TCP', take: takeTcp, above: 0 },
  { what: 'the control port for UDP', take: takeUdp, above: 0 },
  { what: 'the data port', take: takeTcp, above: 1 },
]

for (const { what, take, above } of taken) {
  t.test(`${what} is taken: the error names it, and nothing stays open`, async (t) => {
    const ports = await portsOfPair()
    const free = await take(t, ports.a + above)
    const error = await openMember(optionsOf('a', ports, echo([]))).catch((error) => error)
    t.ok(error instanceof NativeError, `${error}`)
    t.equal(error.code, 'ERR_HOTPAIR_ADDRESS_IN_USE')
    t.match(error.message, `${ports.a + above}`)
    t.match(error.message, '127.0.0.1')
    await free()
    const member = await open(t, optionsOf('a', ports, echo([])))
    await soon(member.until('primary'), 'it opens and rules when the port is free')
  })
}

t.test('an address of another host is refused at open', async (t) => {
  const { a, b } = await portsOfPair()
  const members = { a: `192.0.2.1:${a}`, b: `127.0.0.1:${b}` }
  const opening = openMember(optionsOf('a', { a, b }, echo([]), { members, secret }))
  await t.rejects(opening, { code: 'ERR_HOTPAIR_ADDRESS', message: /192\.0\.2\.1/ })
})

t.test("an unknown name of this member's own is refused at open", async (t) => {
  const { a, b } = await portsOfPair()
  const members = { a: `${nobody}:${a}`, b: `127.0.0.1:${b}` }
  const opening = openMember(optionsOf('a', { a, b }, echo([]), { members, secret }))
  await t.rejects(opening, { code: 'ERR_HOTPAIR_ADDRESS', message: `${nobody}:${a}` })
})

for (const self of ['a', 'b'] as const) {
  t.test(`member ${self} works though the other's name is unknown, and says so once`, async (t) => {
    const ports = await portsOfPair()
    const other = self === 'a' ? 'b' : 'a'
    const own = `127.0.0.1:${ports[self]}`
    const members = { [self]: own, [other]: `${nobody}:${ports[other]}` }
    const { a = '', b = '' } = members
    const member = await open(t, optionsOf(self, ports, echo([]), { members: { a, b }, secret }))
    const told = collect(member, 'refused')
    await soon(member.until('primary'), 'it rules alone')
    await eventually(() => told.length > 0, 'it says that the name is unknown')
    t.equal(told[0]?.code, 'ERR_HOTPAIR_ADDRESS')
    t.match(told[0]?.message, `${nobody}:${ports[other]} of the other member`)
    t.equal(told[0]?.address, `${nobody}:${ports[other]}`)
    t.equal(told.length, 1, 'once for beats and data')
  })
}

t.test("the other's name is known later: they find each other then", async (t) => {
  const ports = await portsOfPair()
  const { lookup } = dns
  let isKnown = false
  // Every module that asks for a name, the library too, gets this answer from here on.
  Object.assign(dns, {
    lookup: (host: string, options: object) =>
      lookup(host === 'control-a' && isKnown ? '127.0.0.1' : host, options),
  })
  syncBuiltinESMExports()
  t.teardown(() => {
    Object.assign(dns, { lookup })
    syncBuiltinESMExports()
  })
  const first = await open(t, optionsOf('a', ports, echo([]), { secret }))
  await soon(first.until('primary'), 'member a rules')
  const members = { a: `control-a:${ports.a}`, b: `127.0.0.1:${ports.b}` }
  const patience = { members, secret, startWindowMs: 60_000 }
  const second = await open(t, optionsOf('b', ports, echo([]), patience))
  const { message } = await nextEvent(second, 'refused')
  t.match(message, 'control-a')
  t.equal(second.status().isLinked, false)
  isKnown = true
  await soon(second.until('standby'), 'they pair when the name is known')
})

t.test('two members find each other by name', async (t) => {
  const ports = await portsOfPair()
  const members = { a: `localhost:${ports.a}`, b: `localhost:${ports.b}` }
  const first = await open(t, optionsOf('a', ports, echo([]), { members }))
  await soon(first.until('primary'), 'member a rules')
  const second = await open(t, optionsOf('b', ports, echo([]), { members }))
  await soon(second.until('standby'), 'member b stands by')
})
