/**
 * Packs the package, installs it the way a user does, and lets it run a pair there.
 *
 * What is tested from the source tree is not what users get: a file that `files` forgets, a binary
 * that is missing or a dependency that only development has is found out at their side. So the
 * tarball is opened, installed into an empty folder with nothing but node and npm on the path (no
 * compiler, no git), and used there: by import, by require(), and by two processes that are a pair.
 * All of it on this machine's node and on the newest one of the registry.
 *
 * Argument: a tarball; without one, `npm pack` makes it.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'

import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'hotpair-pack-'))
const counts = { passed: 0, failed: 0 }

/** Runs one check; a check that throws has failed and does not stop the others. */
function check(sentence, body) {
  try {
    const result = body()
    counts.passed++
    console.log(`ok: ${sentence}`)
    return result
  } catch (error) {
    counts.failed++
    console.log(`FAILED: ${sentence}\n${error.message}`)
    return undefined
  }
}

function demand(isTrue, sentence) {
  if (!isTrue) throw new Error(sentence)
}

/** Runs a command to its end; what it printed is the message when it fails. */
function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: 240_000, ...options })
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`
  demand(done.status === 0, `${command} ${args.join(' ')} ended with ${done.status}:\n${output}`)
  return done.stdout
}

/** The file behind a command on the path. */
function locate(command) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.map((folder) => join(folder, command)).find((path) => existsSync(path))
  demand(found, `${command} is not on the path`)
  return realpathSync(found)
}

function pack() {
  const args = ['pack', '--json', '--loglevel=error', '--pack-destination', work]
  const stdio = ['ignore', 'pipe', 'inherit']
  const printed = run('npm', args, { cwd: root, stdio, timeout: 600_000 })
  // What the scripts of the package print comes first.
  const [{ filename }] = JSON.parse(printed.slice(printed.lastIndexOf('\n[')))
  return join(work, filename)
}

function checkContents(tarball) {
  const files = run('tar', ['-tzf', tarball])
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))
  const needed = [
    /^dist\/index\.js$/,
    /^dist\/index\.d\.ts$/,
    /^dist\/cli\/main\.js$/,
    /^lib\/index\.ts$/,
    /^binding\.gyp$/,
    /^native\/sources\.txt$/,
    /^native\/addon\/addon\.cpp$/,
    /^prebuilds\/linux-x64\/[^/]+\.glibc\.node$/,
  ]
  for (const pattern of needed) {
    check(`the tarball has ${pattern.source}`, () => {
      demand(
        files.some((path) => pattern.test(path)),
        `no file of ${files.length} matches`,
      )
    })
  }
  check('the tarball has nothing of the workshop', () => {
    const workshop = /^(native\/test|build|build-dev|test|examples|benchmarks|scripts|docs)\//
    const strays = files.filter((path) => workshop.test(path) || /\.test\./.test(path))
    demand(strays.length === 0, strays.join('\n'))
  })
}

/** A folder with node and npm in it, to be the whole path. */
function pathWith(node, name) {
  const folder = join(work, `path-${name}`)
  mkdirSync(folder)
  symlinkSync(node, join(folder, 'node'))
  symlinkSync(locate('npm'), join(folder, 'npm'))
  return folder
}

/** An empty application: npm looks for one in the folders above where a folder has none. */
function makeApplication(folder) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "name": "app", "private": true }\n')
}

function install(tarball, app, env) {
  makeApplication(app)
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: app, env })
  const listed = JSON.parse(run('npm', ['ls', '--all', '--json'], { cwd: app, env }))
  const names = new Set()
  const collect = ({ dependencies = {} }) => {
    for (const [name, dependency] of Object.entries(dependencies)) {
      names.add(name)
      collect(dependency)
    }
  }
  collect(listed)
  const installed = [...names].sort().join(', ')
  demand(installed === 'hotpair, node-addon-api, node-gyp-build', `installed is ${installed}`)
  demand(!existsSync(join(app, 'node_modules/hotpair/build')), 'something was compiled')
}

function checkNode(tarball, node, name) {
  const app = join(work, `app-${name}`)
  const path = pathWith(node, name)
  const env = { HOME: process.env.HOME, PATH: path }
  const runNode = (...args) => run(join(path, 'node'), args, { cwd: app, env })
  const version = run(node, ['--version']).trim()
  check(`${version}: installs with its two dependencies and no compiler`, () =>
    install(tarball, app, env),
  )
  check(`${version}: import 'hotpair' works`, () =>
    runNode('--input-type=module', '-e', "import { openMember } from 'hotpair'; openMember.call"),
  )
  check(`${version}: require('hotpair') gives the same`, () =>
    runNode('-e', "if (typeof require('hotpair').openMember !== 'function') process.exit(1)"),
  )
  check(`${version}: import 'hotpair/receiver' works`, () =>
    runNode('--input-type=module', '-e', "import 'hotpair/receiver'"),
  )
  check(`${version}: import 'hotpair/testing' works`, () =>
    runNode('--input-type=module', '-e', "import 'hotpair/testing'"),
  )
  check(`${version}: the command hotpair runs a unit`, () => checkCommand(app, env))
  check(`${version}: two processes are a pair that survives a kill`, () => {
    cpSync(join(root, 'scripts/pack-install-pair.js'), join(app, 'pair.mjs'))
    process.stdout.write(runNode('pair.mjs'))
  })
}

/** The unit listens until its time without a server is over, and then ends by itself. */
function checkCommand(app, env) {
  const command = join(app, 'node_modules/.bin/hotpair')
  const config = join(app, 'unit.json')
  writeFileSync(config, JSON.stringify({ socket: join(app, 'unit.sock'), lingerMs: 200 }))
  const said = run(command, ['unit', '--config', config], { cwd: app, env })
  demand(/"phase":"waiting"/.test(said), `the unit said ${said}`)
  const help = run(command, ['--help'], { cwd: app, env })
  demand(/hotpair unit/.test(help), `--help said ${help}`)
}

/** The newest node of the registry, installed into a folder of its own. */
function newestNode() {
  const folder = join(work, 'newest-node')
  makeApplication(folder)
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  run('npm', [...args, `node-linux-${process.arch}@latest`], { cwd: folder })
  return join(folder, `node_modules/node-linux-${process.arch}/bin/node`)
}

try {
  const given = process.argv[2]
  const tarball = check('the package can be packed', () => (given ? resolve(given) : pack()))
  if (tarball) {
    checkContents(tarball)
    checkNode(tarball, process.execPath, 'own')
    const newest = check('the registry has a newer node', newestNode)
    if (newest) checkNode(tarball, newest, 'newest')
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 ? 0 : 1
