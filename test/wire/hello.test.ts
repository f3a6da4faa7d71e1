/**
 * The hello: what is said comes back; what is cut, made up or over a bound is no hello; and two
 * members come to the same finding about each other, in the same words.
 */

import fc from 'fast-check'
import t from 'tap'
import { incarnationOf } from '#lib/units.js'
import {
  commonProtocol,
  decodeHello,
  decodeRefusal,
  decodeSide,
  encodeAccept,
  encodeHello,
  encodeReady,
  encodeRefusal,
  encodeSide,
  type Hello,
  isAccept,
  isReady,
  misfitOf,
} from '#lib/wire/hello.js'
import { refusalMessageBytes, settingCount } from '#lib/wire/limits.js'
import { packetHeaderBytes } from '#lib/wire/packet.js'

const helloOf = (changes: Partial<Hello> = {}): Hello => ({
  protocol: 1,
  oldestProtocol: 1,
  pair: 'line-4',
  member: 'a',
  incarnation: incarnationOf(7n),
  settings: { node: '20.1.0', heartbeatMs: '100' },
  ...changes,
})

const bodyOf = (packet: Uint8Array): Buffer => Buffer.from(packet.subarray(packetHeaderBytes))

// A text of at most `length` characters, which may take up to four bytes each.
const text = (length: number) => fc.string({ unit: 'grapheme', maxLength: length })

const anyHello = fc.record(
  {
    protocol: fc.constant(1),
    oldestProtocol: fc.integer({ min: 0, max: 1 }),
    pair: fc.string({ maxLength: 64 }),
    member: fc.constantFrom('a' as const, 'b' as const),
    incarnation: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(incarnationOf),
    settings: fc.dictionary(fc.string({ maxLength: 12 }), text(8), {
      maxKeys: 12,
      noNullPrototype: true,
    }),
  },
  { noNullPrototype: true },
)

t.test('what was said comes back', async (t) => {
  fc.assert(
    fc.property(anyHello, (hello) => {
      t.strictSame(decodeHello(bodyOf(encodeHello(hello))), hello)
    }),
  )
})

t.test('no truncation of a hello is one', async (t) => {
  const body = bodyOf(encodeHello(helloOf()))
  for (let length = 0; length < body.length; length++) {
    t.equal(decodeHello(body.subarray(0, length)), undefined, `${length} bytes`)
  }
})

t.test('nothing that arrives makes decoding throw', async (t) => {
  const body = bodyOf(encodeHello(helloOf()))
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(255), fc.uint8Array(), (at, byte, bytes) => {
      const changed = Buffer.from(body)
      changed[at] = byte
      t.doesNotThrow(() => [decodeHello(changed), decodeRefusal(changed), decodeHello(bytes)])
      t.equal(decodeRefusal(Uint8Array.of(2, ...bytes)), undefined)
    }),
  )
})

t.test('a hello with a fault in one field is none', async (t) => {
  const good = bodyOf(encodeHello(helloOf({ settings: {} })))
  const change = (at: number, ...bytes: number[]): Buffer => {
    const body = Buffer.from(good)
    body.set(bytes, at)
    return body
  }
  const member = 1 + 8 + 2 + 2 + 2 + 'line-4'.length
  t.ok(decodeHello(change(0, 1)))
  t.equal(decodeHello(change(0, 2)), undefined, 'another type')
  t.equal(decodeHello(change(1, 0)), undefined, 'another magic')
  t.equal(decodeHello(change(11, 2)), undefined, 'the oldest version above the newest')
  t.equal(decodeHello(change(member, 2)), undefined, 'a member that is neither')
  t.equal(decodeHello(change(member + 1, 0)), undefined, 'incarnation 0')
  t.equal(decodeHello(change(member + 9, 255, 255)), undefined, 'too many settings')
  t.equal(decodeHello(Buffer.concat([good, Uint8Array.of(0)])), undefined, 'bytes after the end')
})

t.test('a later version may append, and is still understood', async (t) => {
  const later = helloOf({ protocol: 2 })
  t.strictSame(decodeHello(Buffer.concat([bodyOf(encodeHello(later)), Uint8Array.of(0)])), later)
})

t.test('a setting that stands twice makes it none', async (t) => {
  const body = bodyOf(encodeHello(helloOf({ settings: { x: '1', y: '2' } })))
  body.write('x', body.lastIndexOf('y'))
  t.equal(decodeHello(body), undefined)
})

t.test('a key that means something to JavaScript is a key like any other', async (t) => {
  const settings = Object.fromEntries([['__proto__', '1']])
  const back = decodeHello(bodyOf(encodeHello(helloOf({ settings }))))
  t.strictSame(Object.entries(back?.settings ?? {}), [['__proto__', '1']])
  t.match(misfitOf(helloOf({ settings }), helloOf({ member: 'b', settings: {} })), {
    message: '__proto__ is "1" on a and not set on b',
  })
})

t.test('a hello over its bounds cannot be sent', async (t) => {
  const many = Object.fromEntries(Array.from({ length: settingCount + 1 }, (_, i) => [`${i}`, '']))
  const wrong: Partial<Hello>[] = [
    { pair: 'x'.repeat(257) },
    { settings: many },
    { settings: { ['k'.repeat(65)]: '' } },
    { settings: { key: 'v'.repeat(257) } },
  ]
  for (const change of wrong) {
    t.throws(() => encodeHello(helloOf(change)), { name: 'RangeError' })
  }
})

t.test('two members that fit find no fault', async (t) => {
  const [a, b] = [helloOf(), helloOf({ member: 'b', incarnation: incarnationOf(8n) })]
  t.equal(misfitOf(a, b), undefined)
  t.equal(misfitOf(b, a), undefined)
})

t.test('versions fit when the newest of one is understood by the other', async (t) => {
  const versions = (oldestProtocol: number, protocol: number) =>
    helloOf({ oldestProtocol, protocol })
  t.equal(commonProtocol(versions(1, 1), versions(1, 3)), 1)
  t.equal(commonProtocol(versions(2, 4), versions(1, 3)), 3)
  t.equal(commonProtocol(versions(1, 1), versions(2, 3)), undefined)
})

t.test('each misfit has its code, and both sides find it in the same words', async (t) => {
  const a = helloOf()
  const b = helloOf({ member: 'b' })
  const cases: [Hello, string, RegExp][] = [
    [
      { ...b, protocol: 9, oldestProtocol: 8 },
      'ERR_HOTPAIR_PEER_VERSION',
      /"a" speaks 1 to 1.*"b" speaks 8 to 9/,
    ],
    [{ ...b, member: 'a' }, 'ERR_HOTPAIR_PEER_MEMBER', /pair "line-4" are both named "a"/],
    [{ ...b, pair: 'x\n' }, 'ERR_HOTPAIR_PEER_PAIR', /pair "line-4" met one of pair "x\\n"/],
    [
      { ...b, settings: { heartbeatMs: '200', node: '20.1.0', tz: 'UTC' } },
      'ERR_HOTPAIR_PEER_SETTINGS',
      /^heartbeatMs is "100" on a and "200" on b; tz is not set on a and "UTC" on b$/,
    ],
  ]
  for (const [other, code, message] of cases) {
    const found = misfitOf(a, other)
    t.match(found, { code, message })
    t.equal(misfitOf(other, a)?.code, code)
  }
  const settings = { ...b, settings: {} }
  t.strictSame(misfitOf(a, settings), misfitOf(settings, a))
})

t.test('a refusal comes back, cut where it is too long', async (t) => {
  const short = { code: 'ERR_HOTPAIR_PEER_MEMBER', message: 'both are a' } as const
  t.strictSame(decodeRefusal(bodyOf(encodeRefusal(short))), short)
  const long = { ...short, message: 'é'.repeat(refusalMessageBytes) }
  t.equal(decodeRefusal(bodyOf(encodeRefusal(long)))?.message.length, refusalMessageBytes / 2)
  const odd = { ...short, message: `x${long.message}` }
  t.equal(decodeRefusal(bodyOf(encodeRefusal(odd)))?.message.length, refusalMessageBytes / 2)
})

t.test('a refusal that is cut, or has a code that no refusal has, is none', async (t) => {
  const body = bodyOf(encodeRefusal({ code: 'ERR_HOTPAIR_PEER_PAIR', message: 'x' }))
  for (let length = 0; length < body.length; length++) {
    t.equal(decodeRefusal(body.subarray(0, length)), undefined)
  }
  for (const code of ['ERR_HOTPAIR_CLOSED', 'ERR_HOTPAIR_PEER_NONE'] as const) {
    const made = encodeRefusal({ code: code as 'ERR_HOTPAIR_CLOSED', message: 'x' })
    t.equal(decodeRefusal(bodyOf(made)), undefined)
  }
})

t.test('an accept is one byte and nothing else', async (t) => {
  t.ok(isAccept(bodyOf(encodeAccept())))
  t.notOk(isAccept(Uint8Array.of(3, 0)))
  t.notOk(isAccept(Uint8Array.of(2)))
  t.notOk(isAccept(new Uint8Array()))
})

t.test('a side connection names its load, and is told when to begin', (t) => {
  const most = 2 ** 48 - 1
  for (const ask of [0, 1, most]) t.equal(decodeSide(bodyOf(encodeSide(ask))), ask)
  const side = bodyOf(encodeSide(7))
  for (let length = 0; length < side.length; length += 1) {
    t.equal(decodeSide(side.subarray(0, length)), undefined, `${length} bytes`)
  }
  t.equal(decodeSide(Buffer.concat([side, Buffer.from([0])])), undefined)
  t.equal(decodeSide(bodyOf(encodeAccept())), undefined)
  t.notOk(isAccept(side))
  t.ok(isReady(bodyOf(encodeReady())))
  t.notOk(isReady(Uint8Array.of(5, 0)))
  t.notOk(isReady(Uint8Array.of(3)))
  t.notOk(isReady(new Uint8Array()))
  t.end()
})
