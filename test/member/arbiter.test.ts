/**
 * The option `arbiter` with real members and a real witness in this process: what a member without
 * it does, what the user is told, and what an arbiter that has lost its record may not do. Cuts and
 * deaths are those of test/process/partitions.
 */

import t, { type Test } from 'tap'
import { folderOf, openWitness, secret, type TestWitness } from '../arbiter/witness/world.js'
import {
  type Changes,
  type Count,
  collect,
  echo,
  eventually,
  nextEvent,
  open,
  openPair,
  optionsOf,
  portsOfPair,
  soon,
  textOf,
} from './support.js'

function witnessOf(t: Test, given?: { folder?: string; port?: number }): Promise<TestWitness> {
  return openWitness(t, [{ name: 'test', secrets: [secret] }], given)
}

function by({ port }: { port: number }): Changes<Count> {
  const witness = { address: `127.0.0.1:${port}`, timeoutMs: 500 }
  return { secret, arbiter: { witness } }
}

t.test('members find each other, pair, and change places by it', async (t) => {
  const witness = await witnessOf(t)
  const { first, second, outputs } = await openPair(t, echo, by(witness))
  for (const member of [first, second]) {
    await eventually(() => member.status().arbiter?.isReachable === true, 'it is reached')
    t.match(member.status().arbiter, { name: `witness 127.0.0.1:${witness.port}` })
    t.strictSame(member.status().limits, [], 'and nothing is left to be said')
  }
  await first.receive(Buffer.from('one'))
  await soon(first.switchover(), 'the rule is handed over')
  await soon(second.until('paired'), 'the other rules')
  await second.receive(Buffer.from('two'))
  await eventually(() => outputs.length === 2, 'both are sent')
  t.strictSame(outputs.map(textOf), ['one', 'two'])
})

t.test('whoever starts alone asks first, and waits until it is answered', async (t) => {
  const ports = await portsOfPair()
  const { a: port } = await portsOfPair()
  const first = await open(t, optionsOf('a', ports, echo([]), by({ port })))
  const silence = await nextEvent(first, 'arbiter')
  t.match(silence, { isReachable: false, reason: /.+/ })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  t.equal(first.role, 'starting', 'nobody can tell whether somebody holds the state')
  await witnessOf(t, { port })
  await soon(first.until('primary'), 'it is answered')
  t.equal(first.status().arbiter?.isReachable, true)
})

t.test('a pair that is whole needs no arbiter', async (t) => {
  const witness = await witnessOf(t)
  const { first, second, outputs } = await openPair(t, echo, by(witness))
  const roles = [first, second].map((member) => collect(member, 'role'))
  await eventually(() => first.status().arbiter?.isReachable === true, 'it is reached')
  const gone = nextEvent(first, 'arbiter', ({ isReachable }) => !isReachable)
  await witness.close()
  await gone
  await first.receive(Buffer.from('one'))
  await eventually(() => outputs.length === 1, 'it is sent')
  t.strictSame(roles, [[], []])
  // A renunciation needs none either: both hold all of it.
  await second.close()
  await eventually(() => first.mode === 'solo', 'it goes on alone')
  await first.receive(Buffer.from('two'))
  await eventually(() => outputs.length === 2, 'it is sent')
})

t.test('an arbiter that has lost its record gives no right', async (t) => {
  const witness = await witnessOf(t)
  const { ports, first, second, outputs } = await openPair(t, echo, by(witness))
  const faults = collect(first, 'fault')
  await eventually(() => first.status().arbiter?.isReachable === true, 'it is reached')
  await witness.close()
  await witnessOf(t, { port: witness.port, folder: folderOf(t) })
  await second.close()
  await eventually(() => first.mode === 'solo', 'by renunciation it goes on alone')
  // It rules on. To have a standby it would have to claim that, and finds out.
  const again = await open(t, optionsOf('b', ports, echo(outputs), by(witness)))
  await eventually(() => faults.length > 0, 'it is told')
  t.match(faults[0]?.error, {
    code: 'ERR_HOTPAIR_ARBITER_RECORD',
    message: /keeps less than it did/,
  })
  t.equal(first.mode === 'paired', false, 'what cannot be recorded is not told')
  t.not(again.role, 'standby')
  await first.receive(Buffer.from('one'))
  await eventually(() => outputs.length === 1, 'it is sent')
})
