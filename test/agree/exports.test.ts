/**
 * The addon is what lib/native/binding.ts says: the same exports, the same members of each
 * handle, the same facts, and each function asks for as many arguments as the contract gives it.
 *
 * The contract is read as text: a TypeScript interface leaves nothing behind that could be asked.
 */

import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bindingAbi } from '#lib/native/binding.js'
import type { HeartbeatOptions } from '#lib/native/binding-heartbeat.js'
import { loadBinding } from '#lib/native/load.js'

const contract = ['binding.ts', 'binding-heartbeat.ts', 'binding-region.ts', 'binding-unit.ts']
  .map((name) => readFileSync(new URL(`../../../lib/native/${name}`, import.meta.url), 'utf8'))
  .join('')
const binding = loadBinding()

interface Member {
  readonly name: string
  /** Parameters of a method, undefined for a property. */
  readonly parameters: number | undefined
  readonly type: string
}

// The members of the interface `name`. A member begins at two spaces of indentation.
function membersOf(name: string): Member[] {
  const [, body] = contract.match(new RegExp(`^export interface ${name} {\\n(.*?)^}`, 'ms')) ?? []
  if (body === undefined) throw new Error(`the contract has no interface ${name}`)
  const code = body.replace(/^ *\/\*\*.*?\*\/\n/gms, '').replaceAll(/\n {4,}/g, ' ')
  return code.split(/\n(?= {2}\S)/).flatMap((line) => parse(line))
}

function parse(line: string): Member[] {
  const method = line.match(/^ {2}(\w+)\((.*)\): (.+)/s)
  if (method) {
    const [, name = '', list = '', type = ''] = method
    const parameters = list.trim() === '' ? 0 : list.split(/,(?![^(]*\))\s*/).filter(Boolean).length
    return [{ name, parameters, type: type.trim() }]
  }
  const property = line.match(/^ {2}readonly (\w+): (.+)/s)
  if (!property) return []
  const [, name = '', type = ''] = property
  return [{ name, parameters: undefined, type: type.trim() }]
}

const regionOptions = { bytes: 1, key: new Uint8Array(16), isShadow: false }

const namesOf = (members: readonly Member[]) => members.map(({ name }) => name).sort()

function ownNames(value: object): string[] {
  return Object.getOwnPropertyNames(value)
    .filter((name) => name !== 'constructor')
    .sort()
}

// Counts how many of the `valid` arguments a function needs before it no longer refuses the call.
function askedFor(call: (...list: unknown[]) => unknown, valid: readonly unknown[]): number {
  let count = 0
  for (; count < valid.length; count++) {
    try {
      closeIt(call(...valid.slice(0, count)))
      return count
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
    }
  }
  closeIt(call(...valid))
  return count
}

function closeIt(made: unknown): void {
  if (typeof made !== 'object' || made === null || !('close' in made)) return
  if (typeof made.close === 'function') made.close()
}

t.test('the contract is read', async (t) => {
  const members = membersOf('OutboxHandle')
  t.ok(members.length >= 8)
  t.equal(members.find(({ name }) => name === 'produce')?.parameters, 3)
  t.equal(members.find(({ name }) => name === 'bytes')?.parameters, undefined)
})

t.test('the addon carries out the version of the contract', async (t) => {
  t.equal(binding.abi, bindingAbi)
})

t.test('the exports are those of Binding', async (t) => {
  t.strictSame(ownNames(binding), namesOf(membersOf('Binding')))
  for (const { name, parameters } of membersOf('Binding')) {
    const isFunction = typeof Reflect.get(binding, name) === 'function'
    t.equal(isFunction, parameters !== undefined, `${name} is a function in both or in none`)
  }
})

t.test('the facts are those of Facts, all numbers', async (t) => {
  t.strictSame(ownNames(binding.facts), namesOf(membersOf('Facts')))
  const interfaces = {
    board: 'BoardFacts',
    beatStatistics: 'BeatStatisticsFacts',
    presence: 'PresenceFacts',
    sentMarks: 'SentMarksFacts',
    region: 'RegionFacts',
  } as const
  for (const part of ['board', 'beatStatistics', 'presence', 'sentMarks', 'region'] as const) {
    t.strictSame(ownNames(binding.facts[part]), namesOf(membersOf(interfaces[part])))
    t.ok(Object.values(binding.facts[part]).every(Number.isSafeInteger))
    t.ok(Object.isFrozen(binding.facts[part]))
  }
  for (const part of ['suspicion', 'verdict', 'outbox', 'snapshot'] as const) {
    const [, body = ''] =
      contract.match(new RegExp(`^ {2}readonly ${part}: {\\n(.*?)^ {2}}`, 'ms')) ?? []
    const names = [...body.matchAll(/^ {4}readonly (\w+): number$/gm)].map(([, name]) => name)
    t.ok(names.length >= 3)
    t.strictSame(ownNames(binding.facts[part]), names.sort())
    t.ok(Object.values(binding.facts[part]).every(Number.isSafeInteger))
    t.ok(Object.isFrozen(binding.facts[part]))
  }
  t.ok(Object.isFrozen(binding.facts))
})

// A port that is free at this moment, given by the operating system.
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

/** No service manager waits to hear of the unit. */
const nobody = { notifySocket: '', watchdogMicros: 0 }

function socketPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'hp-')), 's')
}

async function heartbeatOptions(): Promise<HeartbeatOptions> {
  return {
    pair: 1n,
    self: 0,
    incarnation: 1n,
    keys: new Uint8Array(32),
    intervalMicros: 1_000_000,
    windowMicros: 5_000_000,
    hangAfterMs: 500,
    dials: true,
    killsHung: false,
    firstSeq: 0n,
    links: [
      {
        selfHost: '127.0.0.1',
        selfPort: await freePort(),
        peerHost: '127.0.0.1',
        peerPort: 1,
        peerDataPort: 2,
      },
    ],
  }
}

t.test('the handles have the members of the contract and ask for their arguments', async (t) => {
  const bytes = new Uint8Array(64)
  const outbox = binding.openOutbox(1 << 16)
  const [socket] = binding.socketPair()
  const writer = binding.openChunkWriter(bytes, 10)
  const reader = binding.openChunkReader(bytes.length)
  const heartbeat = binding.openHeartbeat(await heartbeatOptions(), () => {})
  const region = binding.openRegion(regionOptions, () => {})
  const unit = binding.openUnit(socketPath(), nobody, () => {})
  t.teardown(() => {
    for (const handle of [outbox, writer, reader, heartbeat, unit, region]) handle.close()
  })
  const handles: [string, object, Record<string, unknown[]>][] = [
    [
      'HeartbeatHandle',
      heartbeat,
      {
        announce: [new Uint8Array(binding.facts.presenceBytes)],
        arm: [0n],
        announceBlock: [0],
        setCounters: [new Uint8Array(binding.facts.counterBytes)],
        setPeerHost: [0, '127.0.0.1'],
      },
    ],
    [
      'OutboxHandle',
      outbox,
      {
        produce: [bytes, 0, new Uint32Array(1)],
        peerSent: [bytes, 0],
        sent: [0, 0],
        pending: [0, 0, bytes],
        reset: [0, 0, 0],
      },
    ],
    ['UnitHandle', unit, {}],
    [
      'RegionHandle',
      region,
      {
        ...{ mark: [1], rekey: [new Uint8Array(16)], send: [1, socket] },
        receive: [1, socket, binding.facts.region.wantAll, 0],
      },
    ],
    ['ChunkWriterHandle', writer, { next: [bytes] }],
    ['ChunkReaderHandle', reader, { put: [bytes] }],
  ]
  for (const [name, handle, valid] of handles) {
    const prototype = Object.getPrototypeOf(handle)
    const members = membersOf(name)
    t.strictSame(ownNames(prototype), namesOf(members), name)
    for (const { name: member, parameters } of members) {
      const found = Object.getOwnPropertyDescriptor(prototype, member)
      t.equal(typeof found?.value === 'function', parameters !== undefined, `${name}.${member}`)
      if (!parameters) continue
      const call = (...list: unknown[]) => Reflect.apply(found?.value, handle, list)
      t.equal(askedFor(call, valid[member] ?? []), parameters, `${name}.${member} asks for all`)
    }
  }
})

t.test('the open functions ask for their arguments', async (t) => {
  const valid: Record<string, unknown[]> = {
    openOutbox: [1 << 16],
    openChunkWriter: [new Uint8Array(1), 1],
    openChunkReader: [1],
    crc32c: [new Uint8Array(1)],
    siphash: [new Uint8Array(16), new Uint8Array(1)],
    openHeartbeat: [await heartbeatOptions(), () => {}],
    monotonicNanos: [],
    openRegion: [regionOptions, () => {}],
    socketPair: [],
    openUnit: [socketPath(), nobody, () => {}],
  }
  for (const { name, parameters } of membersOf('Binding')) {
    const list = valid[name]
    if (parameters === undefined) continue
    if (!list) throw new Error(`this test knows no arguments for ${name}`)
    const call = Reflect.get(binding, name) as (...list: unknown[]) => unknown
    t.equal(askedFor(call, list), parameters, name)
  }
})
