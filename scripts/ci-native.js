/**
 * Builds the C++ sources in one of three ways, runs their tests, ends in 'N passed, N failed, N
 * skipped'.
 *
 * plain    cmake without Node: proves that everything but native/addon stands on its own.
 * address  AddressSanitizer and UndefinedBehaviorSanitizer, the addon included.
 * thread   ThreadSanitizer, the addon included.
 *
 * With a sanitizer the tests of the addon run as well, through JavaScript: the sanitizer's library
 * is loaded ahead of node, and HOTPAIR_PREBUILD makes node-gyp-build take the addon from here. A
 * test program of ctest counts as one. All output stays below .cmake/<kind>/, away from build/,
 * which node-gyp wipes.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const reports = `${root}.cmake/reports`
const sanitizers = {
  address: {
    flag: 'address,undefined',
    libraries: ['libasan.so', 'libubsan.so'],
    env: {
      ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
    // Node leaves memory of its own behind when it exits, so leaks are judged from the reports.
    envInNode: {
      ASAN_OPTIONS: `detect_leaks=1:strict_string_checks=1:exitcode=0:log_path=${reports}/report`,
    },
  },
  thread: {
    flag: 'thread',
    libraries: ['libtsan.so'],
    env: { TSAN_OPTIONS: 'halt_on_error=1' },
    // Node itself is not built for the sanitizer, which sees half of its locks and calls that a
    // race. What the addon does is judged all the same, whichever thread it runs on.
    envInNode: { TSAN_OPTIONS: 'halt_on_error=1:ignore_noninstrumented_modules=1' },
  },
}
const kind = process.argv[2]
const sanitizer = sanitizers[kind]
if (kind !== 'plain' && !sanitizer) {
  console.error('ci-native: say which build: plain, address or thread.')
  process.exit(1)
}
const home = `${root}.cmake/${kind}`
const parallel = String(availableParallelism())
const counts = { passed: 0, failed: 0, skipped: 0 }

/** Runs a command, shows its output and returns it with the exit status. */
function run(command, args, env = {}) {
  console.log(`$ ${command} ${args.join(' ')}`)
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } }
  const stdio = ['ignore', 'pipe', 'inherit']
  const done = spawnSync(command, args, { ...options, stdio, maxBuffer: 2 ** 28 })
  if (done.error) console.log(`ci-native: ${command} cannot be started: ${done.error.message}`)
  process.stdout.write(done.stdout ?? '')
  return { isGood: done.status === 0, output: done.stdout ?? '' }
}

function build() {
  if (!sanitizer) {
    return (
      run('cmake', ['-S', '.', '-B', `${home}/build`]).isGood &&
      run('cmake', ['--build', `${home}/build`, '--parallel', parallel]).isGood
    )
  }
  const flags = ['-B', 'Debug', '-O', `${home}/build`, `--CDHOTPAIR_SANITIZE=${sanitizer.flag}`]
  return run('node_modules/.bin/cmake-js', ['build', '-l', 'warn', '-p', parallel, ...flags]).isGood
}

function runPrograms() {
  const args = ['--test-dir', `${home}/build`, '--output-on-failure', '--timeout', '120']
  const { isGood, output } = run('ctest', args, sanitizer?.env)
  const sum = /(\d+) tests? failed out of (\d+)/.exec(output)
  const failed = sum ? Number(sum[1]) : 1
  if (!sum) console.log('ci-native: ctest ended without its sum.')
  counts.passed += sum ? Number(sum[2]) - failed : 0
  counts.failed += isGood ? failed : Math.max(failed, 1)
}

/** The addon's tests through JavaScript, in children that have the sanitizer's library loaded. */
function runAddonTests() {
  const folder = 'build-dev/test/native'
  const names = existsSync(root + folder) ? readdirSync(root + folder, { recursive: true }) : []
  const files = names.filter((name) => name.endsWith('.test.js')).map((name) => `${folder}/${name}`)
  if (files.length === 0) {
    console.log(
      `ci-native: no test of the addon under ${folder}; \`npm run build:dev\` makes them.`,
    )
    counts.failed++
    return
  }
  const paths = sanitizer.libraries.map((name) =>
    execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  )
  const env = {
    ...sanitizer.env,
    ...sanitizer.envInNode,
    HOTPAIR_PREBUILD: home,
    LD_PRELOAD: paths.join(' '),
  }
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports, { recursive: true })
  const testEnv = Object.entries(env).map(([name, value]) => `--test-env=${name}=${value}`)
  const options = ['--disable-coverage', '--jobs=1', '--timeout=300']
  const { isGood, output } = run('node', ['scripts/tap-ci.js', ...options, ...testEnv, ...files])
  const sum = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output)
  counts.passed += Number(sum?.[1] ?? 0)
  counts.failed += isGood ? 0 : Math.max(Number(sum?.[2] ?? 0), 1)
  counts.skipped += Number(sum?.[3] ?? 0)
  counts.failed += reportCount()
}

/** Shows what AddressSanitizer reported and counts it: any error, and leaks made by our code. */
function reportCount() {
  const ours = readdirSync(reports)
    .flatMap((name) => readFileSync(`${reports}/${name}`, 'utf8').split(/\n\n/))
    .filter((part) => /ERROR: AddressSanitizer/.test(part) || /^\w+ leak of/m.test(part))
    .filter((part) => !/^\w+ leak of/m.test(part) || /\/native\/\w+\/|hotpair\.node/.test(part))
  for (const part of ours) console.log(part)
  return ours.length
}

if (build()) {
  runPrograms()
  if (sanitizer) runAddonTests()
} else {
  console.log(`ci-native: the ${kind} build failed.`)
  counts.failed++
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1
