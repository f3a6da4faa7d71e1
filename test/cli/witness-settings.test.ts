/**
 * What `hotpair witness` is told: every wrong option, key and value is refused with a sentence that
 * names it and never shows a secret.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { witnessSettings } from '#lib/cli/witness-settings.js'

const folder = mkdtempSync(join(tmpdir(), 'hp-settings-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const secret = 'sixteen and more characters'
const secretFile = join(folder, 'secret')
writeFileSync(secretFile, `${secret}\n`)

function file(content: unknown): string {
  const path = join(folder, 'witness.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const some = {
  listen: '10.0.0.3:7500',
  folder: '/var/lib/witness',
  pairs: { 'line-4': { secret } },
}
const settings = (content: object) => witnessSettings(['--config', file({ ...some, ...content })])

t.test('a file', async (t) => {
  t.same(settings({}), {
    listen: [{ host: '10.0.0.3', port: 7_500 }],
    folder: '/var/lib/witness',
    pairs: [{ name: 'line-4', secrets: [secret] }],
    quiet: false,
  })
  const next = 'the secret after that one'
  t.match(settings({ pairs: { one: { secret: [secret, next] } }, quiet: true }), {
    pairs: [{ name: 'one', secrets: [secret, next] }],
    quiet: true,
  })
  t.match(settings({ pairs: { one: { secretFile } } }), { pairs: [{ secrets: [secret] }] })
  const open = { listen: ['127.0.0.1:7500', '[::1]:7500'], pairs: { one: {}, two: {} } }
  t.match(settings(open), { pairs: [{ secrets: [] }, { secrets: [] }] })
  t.match(witnessSettings(['--config', file(some), '--quiet']), { quiet: true })
  t.equal(witnessSettings(['--help']), 'help')
})

const wrong: readonly [object, RegExp][] = [
  [{ port: 1 }, /port is no option; there are listen, folder, pairs, quiet/],
  [{ listen: undefined }, /listen must be 'host:port'/],
  [{ listen: [] }, /listen must have 1 to 8 addresses/],
  [{ listen: 'witness' }, /listen must be 'host:port'.*"witness"/],
  [{ folder: 'here' }, /folder must be an absolute path/],
  [{ folder: undefined }, /folder must be a string/],
  [{ pairs: undefined }, /pairs must be an object/],
  [{ pairs: {} }, /pairs must name 1 to 1000 pairs, not 0/],
  [{ pairs: { one: 7 } }, /pairs\.one must be an object/],
  [{ pairs: { one: {} } }, /pairs\.one\.secret is missing.*10\.0\.0\.3, which is not loopback/],
  [{ pairs: { one: { secret, secretFile } } }, /stands beside pairs\.one\.secretFile/],
  [{ pairs: { one: { secret: 'short' } } }, /at least 16 characters, not 5/],
  [{ pairs: { one: { secret: 7 } } }, /pairs\.one\.secret must be a string/],
  [{ pairs: { one: { secret: [] } } }, /one secret, or two/],
  [{ pairs: { one: { secret: [secret, secret, secret] } } }, /one secret, or two/],
  [{ pairs: { one: { secretFile: '/nowhere' } } }, /\/nowhere cannot be read: ENOENT/],
  [{ pairs: { one: { sekret: secret } } }, /pairs\.one\.sekret is no option/],
  [{ pairs: { ['x'.repeat(65)]: { secret } } }, /a name in pairs must be a string of 1 to 64/],
  [{ listen: '127.0.0.1:1', pairs: { one: {}, two: { secret } } }, /each one, or none/],
  [{ quiet: 'yes' }, /quiet must be true or false/],
]

t.test('what is wrong is refused by name, with the file that it stands in', async (t) => {
  for (const [change, message] of wrong) {
    const refuse = () => settings(change)
    t.throws(refuse, { code: 'ERR_HOTPAIR_CONFIG', message }, JSON.stringify(change))
    t.throws(refuse, { message: /^in .*witness\.json: / })
  }
  t.throws(() => witnessSettings([]), { message: /give --config FILE/ })
  t.throws(() => witnessSettings(['--conf']), { message: /'--conf'/ })
  t.throws(() => witnessSettings(['--config', file('{')]), { message: /is no JSON/ })
  t.throws(() => witnessSettings(['--config', file([])]), { message: /one JSON object/ })
  t.throws(() => witnessSettings(['--config', '/nowhere']), { message: /cannot be read/ })
})
