/**
 * `hotpair witness` and `hotpair record` as an operator calls them: killed in the middle of its
 * work it has lost nothing that it acknowledged, and a second one keeps out.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { ArbiterRecord } from '#lib/wire/record.js'
import { recordOf } from '../arbiter/records.js'
import { clientOf, secret } from '../arbiter/witness/world.js'
import { portsOfPair } from '../member/support.js'

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const kills = process.env['CI_LONG'] === '1' ? 100 : 4

t.setTimeout(120_000)

function hotpair(...args: string[]): { code: number | null; out: string; err: string } {
  const options = { encoding: 'utf8', timeout: 20_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options)
  return { code: status, out: stdout, err: stderr }
}

interface Place {
  readonly config: string
  readonly port: number
  readonly folder: string
}

async function placeOf(t: Test, given: Partial<Place> = {}): Promise<Place> {
  const home = mkdtempSync(join(tmpdir(), 'hp-witness-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const { a: port } = given.port === undefined ? await portsOfPair() : { a: given.port }
  const folder = given.folder ?? join(home, 'records')
  const config = join(home, 'witness.json')
  const pairs = { 'line-4': { secret } }
  writeFileSync(config, JSON.stringify({ listen: `127.0.0.1:${port}`, folder, pairs }))
  return { config, port, folder }
}

async function start(t: Test, { config }: Place): Promise<ChildProcess> {
  const args = [program, 'witness', '--config', config]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  t.match(JSON.parse(line), { type: 'listening', pid: child.pid, pairs: 1 })
  return child
}

t.test('killed at any moment it has lost nothing that it acknowledged', async (t) => {
  const place = await placeOf(t)
  const client = clientOf(t, place.port, 'line-4', { secret, timeoutMs: 10_000 })
  let kept: ArbiterRecord | undefined
  let epoch = 0
  let unknown = 0
  for (let round = 0; round < kills; round++) {
    const child = await start(t, place)
    const found = await client.read()
    t.ok((found?.epoch ?? 0) >= (kept?.epoch ?? 0), `found ${found?.epoch}, told ${kept?.epoch}`)
    if (found?.epoch === kept?.epoch) t.equal(found?.claim, kept?.claim)
    kept = found
    setTimeout(() => child.kill('SIGKILL'), 20 + 17 * round)
    try {
      for (;;) {
        const next = recordOf({ epoch: ++epoch })
        const outcome = await client.swap(kept, next)
        if (!outcome.isSwapped) throw new Error('somebody else has written')
        kept = next
      }
    } catch (error) {
      t.match(error, { code: /^ERR_HOTPAIR_ARBITER_(UNKNOWN|UNREACHABLE)$/ })
      unknown += 1
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  t.equal(unknown, kills)
  t.comment(`${epoch} swaps, ${kills} kills`)
})

t.test('ended in order it leaves nothing but the records', async (t) => {
  const place = await placeOf(t)
  const child = await start(t, place)
  const client = clientOf(t, place.port, 'line-4', { secret })
  await client.swap(undefined, recordOf({}))
  const [first] = readdirSync(place.folder).filter((name) => name.endsWith('.record'))
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
  t.same(readdirSync(place.folder), [first])
})

t.test('a second one over the same folder keeps out, wherever it listens', async (t) => {
  const place = await placeOf(t)
  const first = await start(t, place)
  const { a } = await portsOfPair()
  const second = await placeOf(t, { folder: place.folder, port: a })
  const refused = { code: 1, out: '', err: /another witness works in the folder/ }
  t.match(hotpair('witness', '--config', second.config), refused)
  first.kill('SIGKILL')
  await once(first, 'exit')
  await start(t, second)
})

t.test('the record is shown as the arbiter has it', async (t) => {
  const place = await placeOf(t)
  const config = join(place.folder, '..', 'record.json')
  const arbiter = { witness: { address: `127.0.0.1:${place.port}`, timeoutMs: 2_000 } }
  writeFileSync(config, JSON.stringify({ pair: 'line-4', secret, arbiter }))
  const gone = { code: 1, out: '', err: /ECONNREFUSED.*ERR_HOTPAIR_ARBITER_UNREACHABLE/ }
  t.match(hotpair('record', '--config', config), gone)
  await start(t, place)
  t.same(hotpair('record', '--config', config), { code: 0, out: 'null\n', err: '' })
  const record = recordOf({ epoch: 7, claim: 2n ** 127n })
  await clientOf(t, place.port, 'line-4', { secret }).swap(undefined, record)
  const shown = JSON.parse(hotpair('record', '--config', config).out)
  t.match(shown, {
    epoch: 7,
    primary: 'a',
    claim: String(2n ** 127n),
    inSync: [{ member: 'a' }, {}],
  })
})

t.test('a wrong call is refused by name', async (t) => {
  t.match(hotpair('--help'), { code: 0, out: /hotpair witness.*hotpair --help/s })
  t.match(hotpair('witness'), { code: 2, out: '', err: /give --config FILE/ })
  t.match(hotpair('record'), { code: 2, out: '', err: /give --config FILE/ })
})
