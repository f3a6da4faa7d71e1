/**
 * The option `arbiter`: what is left out gets its default, and what is wrong is named by its key.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { arbiterOf } from '#lib/config/arbiter.js'
import type { ConfigError } from '#lib/errors.js'

const folder = mkdtempSync(join(tmpdir(), 'hp-arbiter-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const pem = join(folder, 'ca.pem')
writeFileSync(pem, 'a certificate')

t.test('what is left out gets its default', async (t) => {
  t.same(arbiterOf('none', false), { kind: 'none' })
  t.same(arbiterOf({ witness: { address: 'witness:7500' } }, true), {
    kind: 'witness',
    address: { host: 'witness', port: 7_500 },
    timeoutMs: 1_000,
  })
  t.same(arbiterOf({ witness: { address: '[::1]:7500', timeoutMs: 50 } }, false), {
    kind: 'witness',
    address: { host: '::1', port: 7_500 },
    timeoutMs: 50,
  })
  t.same(arbiterOf({ etcd: { endpoints: 'http://etcd-1:2379' } }, false), {
    kind: 'etcd',
    endpoints: [new URL('http://etcd-1:2379')],
    prefix: '/hotpair/',
    user: undefined,
    password: undefined,
    tls: undefined,
    timeoutMs: 1_000,
  })
  const etcd = {
    endpoints: ['https://etcd-1:2379', 'https://etcd-2:2379/'],
    prefix: '/lines/',
    user: 'line-4',
    password: 'pw',
    tls: { ca: pem, cert: pem, key: pem },
  }
  const file = Buffer.from('a certificate')
  t.match(arbiterOf({ etcd }, true), { ...etcd, endpoints: [{}, {}], tls: { ca: file, key: file } })
})

const url = 'https://etcd-1:2379'
const wrong: readonly [unknown, string, RegExp][] = [
  [undefined, 'arbiter', /must be 'none', \{ witness/],
  ['witness', 'arbiter', /not "witness"/],
  [{}, 'arbiter', /must be 'none'/],
  [{ witness: { address: 'w:1' }, etcd: { endpoints: url } }, 'arbiter', /must be/],
  [{ zookeeper: {} }, 'arbiter.zookeeper', /no option; there are witness, etcd/],
  [{ witness: 'w:7500' }, 'arbiter.witness', /must be an object/],
  [{ witness: {} }, 'arbiter.witness.address', /must be 'host:port'/],
  [{ witness: { adress: 'w:1' } }, 'arbiter.witness.adress', /no option/],
  [{ witness: { address: 'w' } }, 'arbiter.witness.address', /not "w"/],
  [{ witness: { address: 'w:1', timeoutMs: 49 } }, 'arbiter.witness.timeoutMs', /from 50 to/],
  [{ etcd: null }, 'arbiter.etcd', /must be an object/],
  [{ etcd: {} }, 'arbiter.etcd.endpoints', /must be like/],
  [{ etcd: { endpoints: [] } }, 'arbiter.etcd.endpoints', /1 to 9 addresses, not 0/],
  [{ etcd: { endpoints: 'etcd-1:2379' } }, 'arbiter.etcd.endpoints', /a scheme/],
  [{ etcd: { endpoints: `${url}/v3` } }, 'arbiter.etcd.endpoints', /nothing else/],
  [{ etcd: { endpoints: 'https://u:p@etcd' } }, 'arbiter.etcd.endpoints', /nothing else/],
  [{ etcd: { endpoints: 'http://e', tls: { ca: pem } } }, 'arbiter.etcd.endpoints', /https/],
  [{ etcd: { endpoints: url, prefix: '' } }, 'arbiter.etcd.prefix', /1 to 200/],
  [{ etcd: { endpoints: url, user: 'u' } }, 'arbiter.etcd.password', /is missing/],
  [{ etcd: { endpoints: url, password: 'p' } }, 'arbiter.etcd.user', /is missing/],
  [{ etcd: { endpoints: url, user: 'u', password: 7 } }, 'arbiter.etcd.password', /a string/],
  [{ etcd: { endpoints: url, tls: true } }, 'arbiter.etcd.tls', /must be an object/],
  [{ etcd: { endpoints: url, tls: { pfx: pem } } }, 'arbiter.etcd.tls.pfx', /no option/],
  [{ etcd: { endpoints: url, tls: { cert: pem } } }, 'arbiter.etcd.tls.key', /is missing/],
  [{ etcd: { endpoints: url, tls: { key: pem } } }, 'arbiter.etcd.tls.cert', /is missing/],
  [{ etcd: { endpoints: url, tls: { ca: '/nowhere' } } }, 'arbiter.etcd.tls.ca', /cannot be read/],
  [{ etcd: { endpoints: url, timeoutMs: 'soon' } }, 'arbiter.etcd.timeoutMs', /a number/],
]

t.test('what is wrong is named by its key', async (t) => {
  for (const [option, key, message] of wrong) {
    const refuse = () => arbiterOf(option, true)
    t.throws(refuse, { code: 'ERR_HOTPAIR_CONFIG', key, message }, JSON.stringify(option))
  }
})

t.test('a secret is needed for a witness elsewhere, and is never shown', async (t) => {
  const elsewhere = () => arbiterOf({ witness: { address: 'witness:7500' } }, false)
  t.throws(elsewhere, { key: 'secret', message: /witness is not loopback/ })
  try {
    arbiterOf({ etcd: { endpoints: url, user: 'u', password: ['hunter2'] } }, true)
    t.fail('a list is no password')
  } catch (error) {
    t.notMatch((error as ConfigError).message, /hunter2/)
  }
})
