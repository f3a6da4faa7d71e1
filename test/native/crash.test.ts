/**
 * What V8 mends is no crash: a server at a unit traps in WebAssembly, uses its stack up, and beats
 * on. What V8 cannot mend is told with its signal, at once, also after that.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Heartbeat, openHeartbeat } from '#lib/native/heartbeat.js'
import { openUnit, type UnitHandle } from '#lib/native/unit.js'
import { eventually, freePort, heartbeatOptions, rulingIn } from './beat-options.js'
import type { Deed } from './crash-child.js'

t.setTimeout(120_000)

// Their own handlers lie on the same signals. native/test/crash_word_test runs under them.
if (/lib[at]san/.test(process.env['LD_PRELOAD'] ?? '')) {
  t.comment('skipped: a sanitizer is loaded')
  process.exit(0)
}

const program = fileURLToPath(new URL('./crash-child.js', import.meta.url))
/** SIGSEGV, SIGABRT and SIGBUS. */
const { SIGSEGV: segv, SIGABRT: abort, SIGBUS: bus } = constants.signals

/** A server at the unit of this process, which is the other member too. */
async function stage(t: Test, execArgv: string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'hp-crash-'))
  const path = join(folder, 'unit.sock')
  const unit = openUnit(path, { notifySocket: '', watchdogMicros: 0 }, () => {})
  const [ownPort, otherPort] = [await freePort(), await freePort()]
  const peer = openHeartbeat(heartbeatOptions('a', otherPort, ownPort), () => {})
  peer.announce(rulingIn(1001, 'standby'))
  const child = fork(program, [String(ownPort), String(otherPort), path], { execArgv })
  t.teardown(() => {
    child.kill('SIGKILL')
    peer.close()
    unit.close()
    rmSync(folder, { recursive: true })
  })
  await once(child, 'message')
  await eventually('the server is heard', () => peer.view().suspicion === 'alive')
  return { unit, peer, child }
}

async function order(child: ChildProcess, deed: Deed): Promise<string> {
  child.send(deed)
  const [answer] = await once(child, 'message')
  return String(answer)
}

/** Nobody takes the server for dead, and it is heard of still. */
async function isWell(t: Test, unit: UnitHandle, peer: Heartbeat): Promise<void> {
  const { answeredSeq } = peer.view()
  await eventually('beats go on', () => peer.view().answeredSeq > answeredSeq + 2n)
  t.match(unit.report(), { phase: 1, died: 0, parted: 0, crashSignal: 0 })
  t.equal(peer.view().verdict, 'none')
}

const mended: readonly [Deed, string][] = [
  ['unreachable', 'RuntimeError: unreachable'],
  ['out-of-bounds', 'RuntimeError: memory access out of bounds'],
  ['out-of-bounds-in-worker', 'RuntimeError: memory access out of bounds'],
  ['overflow', 'RangeError: Maximum call stack size exceeded'],
]

t.test('what becomes an exception is no crash, and what ends it after that is one', async (t) => {
  const { unit, peer, child } = await stage(t)
  for (const [deed, thrown] of mended) {
    t.equal(await order(child, deed), thrown)
    await isWell(t, unit, peer)
  }
  // Not one for which the test runner has put a handler of its own into the child.
  child.kill('SIGBUS')
  await eventually('its unit knows', () => unit.report().died === 1)
  t.match(unit.report(), { phase: 2, parted: 0, crashSignal: bus })
  await eventually('the other member knows', () => peer.view().verdict === 'process-gone')
})

t.test('a stack that is used up for good is a crash, after traps that were none', async (t) => {
  // Far above what the system gives: V8 does not see the end of the stack coming.
  const { unit, peer, child } = await stage(t, ['--stack-size=200000'])
  t.equal(await order(child, 'out-of-bounds'), 'RuntimeError: memory access out of bounds')
  await isWell(t, unit, peer)
  child.send('overflow')
  const [, signal] = await once(child, 'exit')
  t.equal(signal, 'SIGSEGV')
  await eventually('its unit knows', () => unit.report().died === 1)
  t.match(unit.report(), { phase: 2, crashSignal: segv }, 'by its own handler, and not the kernel')
  await eventually('the other member knows', () => peer.view().verdict === 'process-gone')
})

t.test('a server that aborts tells so', async (t) => {
  const { unit, child } = await stage(t)
  child.send('abort')
  await once(child, 'exit')
  await eventually('its unit knows', () => unit.report().died === 1)
  t.equal(unit.report().crashSignal, abort)
})
