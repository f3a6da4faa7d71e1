/**
 * The heartbeat through JavaScript: two members in one process, then in two, of which one is
 * killed and one is stopped. What the rules of silence are is tested in C++; here is tested that
 * they reach JavaScript, with real processes behind them.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Heartbeat, openHeartbeat } from '#lib/native/heartbeat.js'
import { loadBinding } from '#lib/native/load.js'
import { eventually, freePort, heartbeatOptions, windowMicros } from './beat-options.js'

const child = fileURLToPath(new URL('./beat-child.js', import.meta.url))
const windowMs = windowMicros / 1_000

interface Opened {
  readonly beats: Heartbeat
  rings: number
}

function open(t: Test, ...options: Parameters<typeof heartbeatOptions>): Opened {
  const opened = {
    rings: 0,
    beats: openHeartbeat(heartbeatOptions(...options), () => {
      opened.rings++
    }),
  }
  t.teardown(() => opened.beats.close())
  return opened
}

/** Both members in this process, alive to each other. */
async function openPair(t: Test): Promise<[Opened, Opened]> {
  const [portA, portB] = [await freePort(), await freePort()]
  const a = open(t, 'a', portA, portB)
  const b = open(t, 'b', portB, portA)
  a.beats.announce(new Uint8Array(128).fill(1))
  b.beats.announce(new Uint8Array(128).fill(2))
  await eventually('both alive', () =>
    [a, b].every(({ beats }) => {
      const view = beats.view()
      return view.suspicion === 'alive' && view.linksUp === 1
    }),
  )
  return [a, b]
}

/** A member in a process of its own that this process hears. */
async function spawnPeer(t: Test): Promise<[Heartbeat, ChildProcess]> {
  const [portA, portB] = [await freePort(), await freePort()]
  const peer = spawn(process.execPath, [child, 'a', `${portA}`, `${portB}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const gone = once(peer, 'exit')
  t.teardown(() => {
    peer.kill('SIGKILL')
    return gone
  })
  const { beats } = open(t, 'b', portB, portA)
  beats.announce(new Uint8Array(128).fill(2))
  await eventually('the peer is heard', () => {
    const view = beats.view()
    return view.suspicion === 'alive' && view.linksUp === 1
  })
  return [beats, peer]
}

const nowMs = () => Number(loadBinding().monotonicNanos()) / 1e6

t.test('members hear each other, see what is announced and are rung', async (t) => {
  const [a, b] = await openPair(t)
  t.strictSame(b.beats.view().presence, new Uint8Array(128).fill(1))
  t.strictSame(a.beats.view().presence, new Uint8Array(128).fill(2))
  await eventually('both are rung', () => a.rings > 0 && b.rings > 0)
  const rings = b.rings
  a.beats.announce(new Uint8Array(128).fill(9))
  await eventually('rung for the announcement', () => b.rings > rings)
  await eventually('the announcement', () => b.beats.view().presence[0] === 9)
  const view = b.beats.view()
  t.ok(view.peerIncarnation > 0n && view.goneIncarnation === 0n)
  t.ok(view.answeredSeq > 0n && view.ownSeq >= view.answeredSeq)
  t.ok(view.heardAtMs > 0 && view.heardAtMs <= nowMs())
  t.equal(view.refused, 0)
  await eventually('a round trip', () => b.beats.view().roundTripMs > 0)
})

t.test('counters travel with the beats', async (t) => {
  const [a, b] = await openPair(t)
  a.beats.setCounters(new Uint8Array(32).fill(5))
  await eventually('the counters', () => b.beats.view().peerCounters[31] === 5)
})

t.test('a look at the board gives values of its own', async (t) => {
  const [, b] = await openPair(t)
  const view = b.beats.view()
  view.presence.fill(0xff)
  t.equal(b.beats.view().presence[0], 1)
})

t.test('the gate opens, shuts, and is shut after close', async (t) => {
  const [a] = await openPair(t)
  t.equal(a.beats.isGateOpen(), false)
  a.beats.openGate()
  t.equal(a.beats.isGateOpen(), true)
  const seq = a.beats.view().ownSeq
  // Longer than the gate is valid without a renewal: a window of 25 beats.
  await eventually('beats', () => a.beats.view().ownSeq > seq + 30n)
  t.equal(a.beats.isGateOpen(), a.beats.view().gateLapses === 0)
  a.beats.closeGate()
  t.equal(a.beats.isGateOpen(), false)
  a.beats.openGate()
  a.beats.close()
  t.equal(a.beats.isGateOpen(), false)
})

t.test('after close all but close is refused, and the last look stays', async (t) => {
  const [a, b] = await openPair(t)
  a.beats.close()
  a.beats.close()
  t.equal(a.beats.view().suspicion, 'alive')
  for (const act of [
    () => a.beats.announce(new Uint8Array(128)),
    () => a.beats.setCounters(new Uint8Array(32)),
    () => a.beats.probe(),
    () => a.beats.setPeerHost(0, '127.0.0.1'),
    () => a.beats.openGate(),
  ]) {
    t.throws(act, { name: 'NativeError', code: 'ERR_HOTPAIR_CLOSED' })
  }
  a.beats.closeGate()
  await eventually('b finds a gone', () => b.beats.view().verdict === 'process-gone')
})

t.test('a closed board is detached', async (t) => {
  const port = await freePort()
  const handle = loadBinding().openHeartbeat(heartbeatOptions('a', port, port + 2), () => {})
  const board = handle.board
  t.equal(board.byteLength, loadBinding().facts.board.bytes)
  handle.close()
  t.equal(board.byteLength, 0)
  t.equal(handle.board.byteLength, 0)
  t.throws(() => handle.announce(new Uint8Array(128)), { code: 'ERR_HOTPAIR_CLOSED' })
})

t.test('the bound question about the gate outlives its heartbeat', async (t) => {
  const port = await freePort()
  const handle = loadBinding().openHeartbeat(heartbeatOptions('a', port, port + 2), () => {})
  const isGateOpen = handle.gateQuestion()
  t.equal(isGateOpen(), false)
  handle.openGate()
  t.equal(isGateOpen(), true)
  t.equal(isGateOpen.call({}), true, 'it has no receiver')
  handle.close()
  t.equal(isGateOpen(), false)
  t.equal(handle.gateQuestion()(), false, 'one that is made afterwards, too')
})

t.test('a foreign receiver is refused', async (t) => {
  const port = await freePort()
  const handle = loadBinding().openHeartbeat(heartbeatOptions('a', port, port + 2), () => {})
  t.teardown(() => handle.close())
  for (const receiver of [{}, Object.create(handle), loadBinding().openOutbox(1 << 20), null]) {
    t.throws(() => handle.gateQuestion.call(receiver), TypeError)
    t.throws(() => handle.close.call(receiver), TypeError)
  }
  t.throws(() => Reflect.construct(handle.constructor, []), TypeError)
})

t.test('a port that another holds is an address in use', async (t) => {
  const port = await freePort()
  open(t, 'a', port, port + 2)
  t.throws(() => openHeartbeat(heartbeatOptions('a', port, port + 2), () => {}), {
    name: 'NativeError',
    code: 'ERR_HOTPAIR_ADDRESS_IN_USE',
    message: new RegExp(`127\\.0\\.0\\.1 port ${port}`),
  })
  const other = await freePort()
  const server = createServer().listen(other, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  t.throws(() => openHeartbeat(heartbeatOptions('a', other, port), () => {}), {
    code: 'ERR_HOTPAIR_ADDRESS_IN_USE',
  })
})

t.test('options that C++ could not take are refused', async (t) => {
  const port = await freePort()
  const good = heartbeatOptions('a', port, port + 2)
  const [link] = good.links
  const refused = (change: object, expected: { code: string }) =>
    t.throws(() => openHeartbeat({ ...good, ...change }, () => {}), expected)
  const native = { code: 'ERR_HOTPAIR_NATIVE' }
  refused({ incarnation: 0n }, native)
  refused({ incarnation: 1n << 64n }, native)
  refused({ pair: -1n }, native)
  refused({ keys: new Uint8Array(31) }, native)
  refused({ intervalMicros: 999 }, native)
  refused({ windowMicros: good.intervalMicros * 3 - 1 }, native)
  refused({ windowMicros: Number.NaN }, native)
  refused({ links: [] }, native)
  refused({ links: [link, link, link, link, link] }, native)
  refused({ links: [{ ...link, selfPort: 65_536 }] }, native)
  refused({ links: [{ ...link, peerHost: 'localhost' }] }, { code: 'ERR_HOTPAIR_ADDRESS' })
  // An address of the documentation, which this host does not have.
  refused({ links: [{ ...link, selfHost: '192.0.2.1' }] }, { code: 'ERR_HOTPAIR_ADDRESS' })
  const { beats } = open(t, 'a', port, port + 2)
  t.throws(() => beats.announce(new Uint8Array(127)), native)
  t.throws(() => beats.setPeerHost(1, '127.0.0.1'), native)
  t.throws(() => beats.setPeerHost(0, 'localhost'), { code: 'ERR_HOTPAIR_ADDRESS' })
})

t.test('a peer that moved to another host is found there', async (t) => {
  const [portA, portB] = [await freePort(), await freePort()]
  const wrong = heartbeatOptions('b', portB, portA).links.map((link) => ({
    ...link,
    peerHost: '127.0.0.99',
  }))
  const a = open(t, 'a', portA, portB)
  const b = open(t, 'b', portB, portA, { links: wrong })
  b.beats.announce(new Uint8Array(128).fill(2))
  b.beats.setPeerHost(0, '127.0.0.1')
  a.beats.announce(new Uint8Array(128).fill(1))
  await eventually('the link is up', () => b.beats.view().linksUp === 1)
})

t.test('two links carry one pair', async (t) => {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()]
  const links = (own: number[], other: number[]) =>
    own.map((selfPort, index) => ({
      selfHost: '127.0.0.1',
      selfPort,
      peerHost: '127.0.0.1',
      peerPort: other[index] ?? 0,
      peerDataPort: (other[index] ?? 0) + 1,
    }))
  const [ofA, ofB] = [ports.slice(0, 2), ports.slice(2)]
  const a = open(t, 'a', 0, 0, { links: links(ofA, ofB) })
  const b = open(t, 'b', 0, 0, { links: links(ofB, ofA) })
  a.beats.announce(new Uint8Array(128).fill(1))
  b.beats.announce(new Uint8Array(128).fill(2))
  await eventually('both links are up', () => b.beats.view().linksUp === 2)
  t.equal(b.beats.view().refused, 0)
  a.beats.close()
  await eventually('a is gone', () => b.beats.view().verdict === 'process-gone')
})

t.test('a killed process is gone long before the window ends', async (t) => {
  const [beats, peer] = await spawnPeer(t)
  const killed = nowMs()
  peer.kill('SIGKILL')
  await eventually('a verdict', () => beats.view().verdict !== 'none')
  const view = beats.view()
  t.equal(view.verdict, 'process-gone')
  const took = view.verdictAtMs - killed
  t.ok(took < windowMs / 2, `found after ${took.toFixed(2)} ms`)
  t.comment(`process-gone ${took.toFixed(2)} ms after the signal`)
})

t.test('a stopped process is unreachable after the window, and back when it goes on', async (t) => {
  const [beats, peer] = await spawnPeer(t)
  const incarnation = beats.view().peerIncarnation
  peer.kill('SIGSTOP')
  await eventually('a verdict', () => beats.view().verdict !== 'none')
  const view = beats.view()
  t.equal(view.verdict, 'unreachable')
  const silence = view.verdictAtMs - view.heardAtMs
  t.ok(silence >= windowMs, `after ${silence.toFixed(2)} ms of silence`)
  t.comment(`unreachable after ${silence.toFixed(2)} ms of silence, the window is ${windowMs} ms`)
  peer.kill('SIGCONT')
  await eventually('it is back', () => beats.view().verdict === 'none')
  t.equal(beats.view().peerIncarnation, incarnation)
  peer.kill('SIGKILL')
  await eventually('it is gone', () => beats.view().verdict === 'process-gone')
})

t.test('what a ring throws is an uncaught exception, and others are still rung', async (t) => {
  const thrower = spawn(process.execPath, [
    fileURLToPath(new URL('./ring-child.js', import.meta.url)),
  ])
  let text = ''
  thrower.stdout.on('data', (chunk: Buffer) => {
    text += chunk
  })
  const [code] = await once(thrower, 'close')
  t.equal(text, 'caught thrown by the ring\nrung\n')
  t.equal(code, 0)
})
