/**
 * Builds the fuzz targets of native/fuzz with clang, AddressSanitizer and
 * UndefinedBehaviorSanitizer, and runs each over its corpus and then for some seconds more; ends in
 * 'N passed, N failed, N skipped'.
 *
 *   npm run fuzz -- [--seconds 3] [--target beat] [--minimise] [--json]
 *
 * An input that breaks a promise is written to native/fuzz/corpus/<target>/ as found-<digest>: mend
 * the code and keep it, as the seed that shows it. What a long run finds for the coverage stays
 * below .cmake/fuzz/ and helps the next one; --minimise takes of it, and of the corpus, the fewest
 * inputs that cover the same, as the new corpus. With --json the last line but one is the result.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const home = `${root}.cmake/fuzz`
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    target: { type: 'string', multiple: true },
    minimise: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const seconds = Number(options.seconds)
const all = readdirSync(`${root}native/fuzz`).flatMap(
  (name) => /^(\w+)_fuzz\.cpp$/.exec(name)?.[1] ?? [],
)
const targets = options.target ?? all
const unknown = targets.filter((name) => !all.includes(name))
if (unknown.length > 0 || !(seconds > 0)) {
  console.error(`fuzz: --seconds takes a number above 0, --target one of ${all.join(', ')}.`)
  process.exit(1)
}

/** The newest clang that is installed: `clang++`, or one with its version in its name. */
function findCompiler() {
  const versions = [22, 21, 20, 19, 18, 17, 16, 15]
  const names = [...versions.map((version) => `clang++-${version}`), 'clang++']
  const found = names.find((name) => spawnSync(name, ['--version']).status === 0)
  if (found) return found
  console.error(
    'fuzz: clang 15 or newer is needed (Debian: apt-get install clang-19 libclang-rt-19-dev).',
  )
  console.log(`0 passed, ${targets.length} failed, 0 skipped`)
  process.exit(1)
}

function build() {
  const compiler = findCompiler()
  const flags = ['-DHOTPAIR_FUZZ=ON', '-DHOTPAIR_SANITIZE=address,undefined']
  const configure = ['-S', '.', '-B', `${home}/build`, `-DCMAKE_CXX_COMPILER=${compiler}`, ...flags]
  const programs = targets.map((name) => `${name}_fuzz`)
  const compile = ['--build', `${home}/build`, '--parallel', String(availableParallelism())]
  const steps = [configure, [...compile, '--target', ...programs]]
  return steps.every(
    (args) => spawnSync('cmake', args, { cwd: root, stdio: 'inherit' }).status === 0,
  )
}

/** Moves what broke a promise into the corpus, under a name that says what it is. */
function keepFindings(target, folder) {
  return readdirSync(folder).map((name) => {
    const digest = createHash('sha256')
      .update(readFileSync(`${folder}/${name}`))
      .digest('hex')
    const kept = `native/fuzz/corpus/${target}/found-${digest.slice(0, 12)}`
    renameSync(`${folder}/${name}`, `${root}${kept}`)
    return kept
  })
}

/** The newest of `edges`, `features`, `runs` and `perSecond` that libFuzzer has told. */
function figures(log) {
  const last = [...log.matchAll(/#(\d+)\s.*cov: (\d+) ft: (\d+)/g)].at(-1)
  const rate = /average_exec_per_sec:\s+(\d+)/.exec(log)?.[1]
  return {
    runs: Number(/number_of_executed_units:\s+(\d+)/.exec(log)?.[1] ?? last?.[1] ?? 0),
    edges: Number(last?.[2] ?? 0),
    features: Number(last?.[3] ?? 0),
    perSecond: Number(rate ?? 0),
  }
}

function fuzz(target) {
  const kept = `${root}native/fuzz/corpus/${target}`
  const grown = `${home}/corpus/${target}`
  const broken = `${home}/broken/${target}`
  rmSync(broken, { recursive: true, force: true })
  for (const folder of [kept, grown, broken]) mkdirSync(folder, { recursive: true })
  const program = `${home}/build/${target}_fuzz`
  // 1 KiB reaches every branch of every layout; a longer input is a slower one.
  const limits = [
    '-max_len=1024',
    '-len_control=20',
    '-timeout=20',
    '-rss_limit_mb=1024',
    '-print_final_stats=1',
  ]
  const flags = [`-max_total_time=${seconds}`, `-artifact_prefix=${broken}/`, ...limits]
  const { status, stderr } = spawnSync(program, [...flags, grown, kept], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
  })
  const found = keepFindings(target, broken)
  const isGood = status === 0 && found.length === 0
  if (!isGood) console.log(stderr)
  if (isGood && options.minimise) minimise(program, kept, grown)
  return { target, isGood, found, ...figures(stderr) }
}

/** Seeds of mended faults are kept as they are, whether they cover anything else or not. */
function minimise(program, kept, grown) {
  const fewest = `${home}/fewest`
  rmSync(fewest, { recursive: true, force: true })
  mkdirSync(fewest, { recursive: true })
  spawnSync(program, [
    '-set_cover_merge=1',
    '-use_counters=0',
    '-max_len=1024',
    fewest,
    kept,
    grown,
  ])
  for (const name of readdirSync(kept)) {
    if (!name.startsWith('found-')) rmSync(`${kept}/${name}`)
  }
  for (const name of readdirSync(fewest)) {
    writeFileSync(`${kept}/${name.slice(0, 12)}`, readFileSync(`${fewest}/${name}`))
  }
}

const results = build() ? targets.map(fuzz) : []
for (const { target, isGood, found, runs, edges, features, perSecond } of results) {
  const says = isGood ? 'no finding' : `BROKEN: ${found.join(', ') || 'the program failed'}`
  const numbers = `${runs} runs, ${perSecond}/s, ${edges} edges, ${features} features`
  console.log(`${target.padEnd(16)} ${numbers}: ${says}`)
}
if (options.json) console.log(JSON.stringify({ seconds, results }))
const passed = results.filter(({ isGood }) => isGood).length
console.log(`${passed} passed, ${targets.length - passed} failed, 0 skipped`)
process.exitCode = passed === targets.length ? 0 : 1
