/**
 * What is wrong with the options is said before anything is opened: by key, value and bound.
 *
 * One row for each mistake. Behind each, the ports of the member are tried: they must be free.
 */

import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { ConfigError, type MemberOptions, openMember } from 'hotpair'
import t from 'tap'
import { sharedState } from '#lib/state/shared-state.js'
import { echo, optionsOf, type Ports, portsOfPair } from './support.js'

interface Mistake {
  readonly what: string
  readonly change: (ports: Ports) => Readonly<Record<string, unknown>>
  readonly key: string
  /** What the sentence must name beside the key. */
  readonly says: readonly (string | RegExp)[]
}

const at = (port: number) => `127.0.0.1:${port}`

const mistakes: readonly Mistake[] = [
  { what: 'a pair without a name', change: () => ({ pair: '' }), key: 'pair', says: ['1 to 64'] },
  {
    what: 'a name of a pair that is too long',
    change: () => ({ pair: 'x'.repeat(65) }),
    key: 'pair',
    says: ['1 to 64', 'xxx'],
  },
  {
    what: 'a third member',
    change: () => ({ member: 'c' }),
    key: 'member',
    says: ["'a' or 'b'", '"c"'],
  },
  { what: 'no member', change: () => ({ member: undefined }), key: 'member', says: ['undefined'] },
  { what: 'no addresses', change: () => ({ members: undefined }), key: 'members', says: ['b:'] },
  {
    what: 'addresses of one side only',
    change: ({ a }) => ({ members: { a: at(a) } }),
    key: 'members.b',
    says: ["'host:port'", 'undefined'],
  },
  {
    what: 'addresses of a third member',
    change: ({ a, b }) => ({ members: { a: at(a), b: at(b), c: at(1) } }),
    key: 'members.c',
    says: ['is no option', 'a, b'],
  },
  {
    what: 'an address without a port',
    change: ({ b }) => ({ members: { a: '127.0.0.1', b: at(b) } }),
    key: 'members.a',
    says: ["'host:port'", '"127.0.0.1"'],
  },
  {
    what: 'a port that leaves no place for the data port',
    change: ({ b }) => ({ members: { a: at(65_535), b: at(b) } }),
    key: 'members.a',
    says: ['65,534', '127.0.0.1:65535'],
  },
  {
    what: 'no link at all',
    change: () => ({ members: { a: [], b: [] } }),
    key: 'members.a',
    says: ['1 to 4', '0'],
  },
  {
    what: 'more links on one side than on the other',
    change: ({ a, b }) => ({ members: { a: [at(a)], b: [at(b), at(b + 2)] } }),
    key: 'members',
    says: ['same number', '[1,2]'],
  },
  {
    what: 'one address for both members',
    change: ({ a }) => ({ members: { a: at(a), b: at(a) } }),
    key: 'members',
    says: ['twice', /127\.0\.0\.1:\d+/],
  },
  {
    what: 'a control port that is the data port of the other',
    change: ({ a }) => ({ members: { a: at(a), b: at(a + 1) } }),
    key: 'members',
    says: ['twice', 'data uses the port above'],
  },
  {
    what: 'one address for both members, written in two ways',
    change: ({ a }) => ({ members: { a: at(a), b: `localhost:${a}` } }),
    key: 'members',
    says: ['twice'],
  },
  { what: 'no arbiter', change: () => ({ arbiter: undefined }), key: 'arbiter', says: ["'none'"] },
  {
    what: 'an arbiter that there is not',
    change: () => ({ arbiter: 'etcd' }),
    key: 'arbiter',
    says: ["'none'", '"etcd"'],
  },
  {
    what: 'an address that is not loopback and no secret',
    change: ({ a }) => ({ members: { a: at(a), b: '192.0.2.7:7400' } }),
    key: 'secret',
    says: ['192.0.2.7', 'not loopback', 'same secret', '16'],
  },
  {
    what: 'a secret that is too short',
    change: () => ({ secret: 'fifteen letters' }),
    key: 'secret',
    says: ['16', '15'],
  },
  {
    what: 'two secrets that are one',
    change: () => ({ secret: ['sixteen letters and more', 'sixteen letters and more'] }),
    key: 'secret',
    says: ['two that differ'],
  },
  {
    what: 'a second secret that is too short',
    change: () => ({ secret: ['sixteen letters and more', 'fifteen letters'] }),
    key: 'secret',
    says: ['16', '15'],
  },
  { what: 'a secret of bytes', change: () => ({ secret: 16 }), key: 'secret', says: ['string'] },
  {
    what: 'a key that there is not',
    change: () => ({ windowMS: 500 }),
    key: 'windowMS',
    says: ['is no option', 'windowMs'],
  },
  {
    what: 'a limit that there is not',
    change: () => ({ limits: { queueByte: 1 } }),
    key: 'limits.queueByte',
    says: ['is no option', 'queueBytes'],
  },
  {
    what: 'a limit below its bound',
    change: () => ({ limits: { queueBytes: 4_095 } }),
    key: 'limits.queueBytes',
    says: ['4096', '4095'],
  },
  {
    what: 'a limit that is no whole number',
    change: () => ({ limits: { sources: 1.5 } }),
    key: 'limits.sources',
    says: ['whole', '1.5'],
  },
  {
    what: 'a shared state that sharedState has not made',
    change: () => ({ app: { state: { bytes: 9 }, process() {}, deliver() {} } }),
    key: 'app.state',
    says: ['sharedState()', '{"bytes":9}'],
  },
  {
    what: 'neither init nor a shared state',
    change: () => ({ app: { process() {}, deliver() {} } }),
    key: 'app.init',
    says: ['function'],
  },
  {
    what: 'a shared state above its limit',
    change: () => ({
      app: { state: sharedState({ bytes: 8_192 }), process() {}, deliver() {} },
      limits: { stateBytes: 4_096 },
    }),
    key: 'limits.stateBytes',
    says: ['8192', '4096'],
  },
  { what: 'limits of null', change: () => ({ limits: null }), key: 'limits', says: ['null'] },
  {
    what: 'a heartbeat of nothing',
    change: () => ({ heartbeatMs: 0 }),
    key: 'heartbeatMs',
    says: ['from 1 to 10000', 'not 0'],
  },
  {
    what: 'a heartbeat that is no number',
    change: () => ({ heartbeatMs: Number.NaN }),
    key: 'heartbeatMs',
    says: ['from 1 to 10000', 'NaN'],
  },
  {
    what: 'a heartbeat of text',
    change: () => ({ heartbeatMs: '100' }),
    key: 'heartbeatMs',
    says: ['number', '"100"'],
  },
  {
    what: 'a window of less than three heartbeats',
    change: () => ({ heartbeatMs: 100, windowMs: 299 }),
    key: 'windowMs',
    says: ['3 × heartbeatMs = 300', '299'],
  },
  {
    what: 'a start window below the window',
    change: () => ({ windowMs: 500, startWindowMs: 499 }),
    key: 'startWindowMs',
    says: ['windowMs = 500', '499'],
  },
  {
    what: 'a timeout of deliveries below its bound',
    change: () => ({ deliverTimeoutMs: 9 }),
    key: 'deliverTimeoutMs',
    says: ['from 10 to 3600000', '9'],
  },
  {
    what: 'a policy that there is not',
    change: () => ({ onLoss: 'stop' }),
    key: 'onLoss',
    says: ["'wait' or 'go'", '"stop"'],
  },
  {
    what: 'a policy for stuck deliveries that there is not',
    change: () => ({ onStuckDeliver: 'drop' }),
    key: 'onStuckDeliver',
    says: ["'retry' or 'switch'", '"drop"'],
  },
  {
    what: 'a unit that is nowhere',
    change: () => ({ unit: 'elsewhere' }),
    key: 'unit',
    says: ["'embedded' or 'process'", '"elsewhere"'],
  },
  {
    what: 'a socket for a unit that needs none',
    change: () => ({ unitSocket: '/run/unit.sock' }),
    key: 'unitSocket',
    says: ["unit: 'process'", '/run/unit.sock'],
  },
  {
    what: 'a policy for hangs that is none',
    change: () => ({ unit: 'process', onHang: 'wait' }),
    key: 'onHang',
    says: ["'fence' or 'kill'", '"wait"'],
  },
  {
    what: 'a unit that would kill the process that it lives in',
    change: () => ({ onHang: 'kill' }),
    key: 'onHang',
    says: ["needs unit: 'process'", '"kill"'],
  },
  {
    what: 'a socket whose path is relative',
    change: () => ({ unit: 'process', unitSocket: 'unit.sock' }),
    key: 'unitSocket',
    says: ['absolute path of at most 107 bytes', 'unit.sock'],
  },
  {
    what: 'a socket whose path is too long in bytes',
    change: () => ({ unit: 'process', unitSocket: `/${'ü'.repeat(60)}` }),
    key: 'unitSocket',
    says: ['at most 107 bytes'],
  },
  {
    what: 'one policy for all channels in doubt',
    change: () => ({ inDoubt: 'ask' }),
    key: 'inDoubt',
    says: ['an object', '"ask"'],
  },
  {
    what: 'a policy in doubt that there is not',
    change: () => ({ inDoubt: { alarm: 'maybe' } }),
    key: 'inDoubt["alarm"]',
    says: ["'resend' or 'ask' or 'drop'", '"maybe"'],
  },
  {
    what: 'a receiver that is to be asked by nobody',
    change: () => ({ inDoubt: { alarm: 'ask' } }),
    key: 'inDoubt["alarm"]',
    says: ['app.wasReceived is missing'],
  },
  {
    what: 'a wasReceived that is no function',
    change: () => ({ app: { ...echo([]), wasReceived: true } }),
    key: 'app.wasReceived',
    says: ['function', 'true'],
  },
  { what: 'no application', change: () => ({ app: undefined }), key: 'app', says: ['undefined'] },
  {
    what: 'an application without process',
    change: () => ({ app: { init: () => 0, deliver: () => {} } }),
    key: 'app.process',
    says: ['function', 'undefined'],
  },
  {
    what: 'a prepare that is no function',
    change: () => ({ app: { ...echo([]), prepare: true } }),
    key: 'app.prepare',
    says: ['function', 'true'],
  },
  {
    what: 'a signal that is none',
    change: () => ({ signal: {} }),
    key: 'signal',
    says: ['AbortSignal'],
  },
]

function canBind(port: number): Promise<boolean> {
  const tcp = new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
  const udp = new Promise<boolean>((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
  return Promise.all([tcp, udp]).then((both) => !both.includes(false))
}

for (const { what, change, key, says } of mistakes) {
  t.test(`${what} is refused by key, value and bound, and nothing is opened`, async (t) => {
    const ports = await portsOfPair()
    // Options as they come from JavaScript, where no compiler looks at them.
    const options: MemberOptions<unknown> = Object.assign(
      optionsOf('a', ports, echo([])),
      change(ports),
    )
    const error = await openMember(options).then(
      async (member) => {
        await member.close()
        return new Error('the member was opened')
      },
      (error: unknown) => error,
    )
    t.ok(error instanceof ConfigError, `a ConfigError and not: ${error}`)
    if (!(error instanceof ConfigError)) return
    t.equal(error.code, 'ERR_HOTPAIR_CONFIG')
    t.equal(error.key, key)
    t.ok(error.message.startsWith(key), `'${error.message}' begins with the key`)
    for (const part of says) t.match(error.message, part)
    t.notMatch(error.message, 'fifteen letters', 'a secret is never shown')
    for (const port of [ports.a, ports.a + 1]) {
      t.equal(await canBind(port), true, `port ${port} is free`)
    }
  })
}

t.test('options that are no object are refused', async (t) => {
  for (const options of [undefined, null, 'a', 1]) {
    // As from JavaScript.
    await t.rejects(openMember(options as never), { code: 'ERR_HOTPAIR_CONFIG', key: 'options' })
  }
})
