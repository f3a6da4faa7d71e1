/**
 * What `hotpair unit` is told: every wrong option, key and value is refused with a sentence that
 * names it, and the command line counts before the file.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { unitSettings } from '#lib/cli/unit-settings.js'
import { unitSocketPath } from '#lib/unit/unit-process.js'

const folder = mkdtempSync(join(tmpdir(), 'hp-settings-'))
t.teardown(() => rmSync(folder, { recursive: true }))

function file(content: unknown): string {
  const path = join(folder, 'unit.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

t.test('the command line alone', async (t) => {
  t.same(unitSettings(['--socket', '/run/unit.sock']), {
    socket: '/run/unit.sock',
    once: false,
    lingerMs: undefined,
    quiet: false,
  })
  const all = ['--socket', '/run/unit.sock', '--once', '--linger', '0', '--quiet']
  t.same(unitSettings(all), { socket: '/run/unit.sock', once: true, lingerMs: 0, quiet: true })
  t.equal(unitSettings(['--help']), 'help')
})

t.test('a file, by path or by the names that the server has', async (t) => {
  const path = file({ socket: '/run/unit.sock', once: true, lingerMs: 500, quiet: true })
  t.same(unitSettings(['--config', path]), {
    socket: '/run/unit.sock',
    once: true,
    lingerMs: 500,
    quiet: true,
  })
  const named = unitSettings(['--config', file({ pair: 'line-4', member: 'b' })])
  t.match(named, { socket: unitSocketPath('line-4', 'b') })
})

t.test('the command line counts before the file', async (t) => {
  const path = file({ socket: '/run/unit.sock', lingerMs: 500 })
  const settings = unitSettings(['--config', path, '--socket', '/run/a.sock', '--linger', '7'])
  t.match(settings, { socket: '/run/a.sock', lingerMs: 7, once: false })
})

const wrongLines: readonly [readonly string[], RegExp][] = [
  [[], /nothing says which unit this is/],
  [['--sokcet', '/run/unit.sock'], /'--sokcet'/],
  [['--socket'], /--socket/],
  [['unit.json'], /'unit\.json'/],
  [['--socket', 'unit.sock'], /--socket must be an absolute path.*"unit\.sock"/],
  [['--socket', `/${'ü'.repeat(60)}`], /--socket must be an absolute path of at most 107 bytes/],
  [['--socket', '/run/unit.sock', '--linger', 'soon'], /--linger must be a whole number.*"soon"/],
  [['--socket', '/run/unit.sock', '--linger=-1'], /--linger must be a whole number.*"-1"/],
  [['--config', '/nowhere/unit.json'], /\/nowhere\/unit\.json cannot be read: ENOENT/],
]

t.test('a wrong command line is refused by name', async (t) => {
  for (const [args, sentence] of wrongLines) {
    t.throws(() => unitSettings(args), { code: 'ERR_HOTPAIR_CONFIG', message: sentence })
  }
})

const wrongFiles: readonly [unknown, RegExp][] = [
  ['{ "socket": ', /unit\.json is no JSON/],
  [[], /must hold one JSON object/],
  ['null', /must hold one JSON object/],
  [{}, /nothing says which unit this is/],
  [{ sockets: '/run/unit.sock' }, /in .*unit\.json: sockets is no option; there are socket, pair/],
  [{ socket: 4 }, /in .*unit\.json: socket must be a string.*not 4/],
  [{ socket: 'unit.sock' }, /in .*unit\.json: socket must be an absolute path/],
  [{ socket: '/run/unit.sock', member: 'a' }, /socket stands beside pair or member/],
  [{ pair: 'line-4' }, /member must be 'a' or 'b', not undefined/],
  [{ member: 'a' }, /pair must be a string of 1 to 64 characters, not undefined/],
  [{ pair: 'line-4', member: 'c' }, /member must be 'a' or 'b', not "c"/],
  [{ socket: '/run/unit.sock', once: 'yes' }, /once must be true or false, not "yes"/],
  [{ socket: '/run/unit.sock', quiet: 1 }, /quiet must be true or false, not 1/],
  [{ socket: '/run/unit.sock', lingerMs: -1 }, /lingerMs must be a whole number from 0 to/],
  [{ socket: '/run/unit.sock', lingerMs: '500' }, /lingerMs must be a whole number.*"500"/],
]

t.test('a wrong file is refused by its path and the key', async (t) => {
  for (const [content, sentence] of wrongFiles) {
    const args = ['--config', file(content)]
    t.throws(() => unitSettings(args), { code: 'ERR_HOTPAIR_CONFIG', message: sentence })
  }
})
