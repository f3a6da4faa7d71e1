/**
 * What package.json promises is there: entries, files, dependencies, and an installation by
 * unpacking.
 *
 * Most of it fails only at a user's side, after publishing; so it is checked here on each run.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

function packedFiles(): readonly string[] {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error']
  const [pack] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }))
  return pack.files.map((file: { path: string }) => file.path)
}

t.test('every path that package.json names exists after the build', async (t) => {
  for (const [entry, target] of Object.entries(manifest.exports)) {
    const paths = typeof target === 'string' ? [target] : Object.values(target as object)
    for (const path of paths) t.ok(existsSync(join(root, path)), `${entry}: ${path}`)
  }
  const named = [manifest.main, manifest.types, ...Object.values(manifest.bin ?? {})]
  for (const path of named) t.ok(existsSync(join(root, path)), path)
})

t.test('every entry says its types first, and the main entry says the same twice', async (t) => {
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue
    t.same(Object.keys(target as object), ['types', 'default'], entry)
  }
  const { types, default: main } = manifest.exports['.']
  t.same([manifest.types, manifest.main], [types, main])
})

t.test('installing is unpacking: two dependencies, no script, no build', async (t) => {
  t.same(Object.keys(manifest.dependencies).sort(), ['node-addon-api', 'node-gyp-build'])
  for (const name of ['preinstall', 'install', 'postinstall']) t.notHas(manifest.scripts, name)
  t.equal(manifest.gypfile, false, 'npm must not add a build of its own')
  t.notHas(manifest, 'optionalDependencies')
  t.notHas(manifest, 'bundledDependencies')
})

t.test('the package holds what a user needs, and nothing of the workshop', async (t) => {
  const files = packedFiles()
  for (const path of [
    'dist/index.js',
    'lib/index.ts',
    'binding.gyp',
    'native/sources.txt',
    'LICENSE',
  ]) {
    t.ok(files.includes(path), path)
  }
  const workshop =
    /^(test|build-dev|examples|benchmarks|scripts|docs|native\/(test|fuzz))\/|\.test\./
  t.same(
    files.filter((path) => workshop.test(path)),
    [],
  )
  const sources = readFileSync(join(root, 'native/sources.txt'), 'utf8')
  for (const found of sources.matchAll(/^(?:core|addon) (.+)$/gm)) {
    t.ok(files.includes(found[1] ?? ''), `a build from source needs ${found[1]}`)
  }
})

t.test('the README names the versions of Node that `engines` names', async (t) => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const found of manifest.engines.node.matchAll(/(\d+\.\d+)\.\d+/g)) {
    t.ok(readme.includes(found[1]), `README.md names ${found[1]}`)
  }
})
