/**
 * Refuses a Linux prebuild that would not load on every system on which Node itself runs.
 *
 * Node's own binaries ask for GLIBC 2.28, GLIBCXX 3.4.25 and CXXABI 1.3.11 at most; one newer
 * symbol, bound silently by the compiler's own system, breaks the addon for everybody on an older
 * one. The addon also has to keep its names to itself: an exported C++ symbol could be taken by
 * another addon of the same process, so only the two entry points of Node-API may be seen.
 *
 * Arguments: the files to check; without any, every prebuilds/linux-<arch>/<name>.glibc.node.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const newest = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11' }
const mayExport = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
const root = fileURLToPath(new URL('..', import.meta.url))

function prebuilds() {
  const folder = `${root}prebuilds`
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => /^linux-[^/]+\/[^/]+\.glibc\.node$/.test(name))
    .map((name) => `${folder}/${name}`)
}

function dynamicSymbols(file) {
  const { error, status, stdout, stderr } = spawnSync('objdump', ['-T', file], { encoding: 'utf8' })
  if (error?.code === 'ENOENT') {
    throw new Error('objdump is not installed; Debian and Ubuntu have it in the package binutils')
  }
  if (status !== 0) throw new Error(`objdump cannot read ${file}: ${stderr.trim()}`)
  return stdout.split('\n').filter((line) => /^[0-9a-f]{8,} /.test(line))
}

function isNewer(version, limit) {
  const [has, may] = [version, limit].map((text) => text.split('.').map(Number))
  const at = has.findIndex((part, index) => part !== (may[index] ?? 0))
  return at >= 0 && has[at] > (may[at] ?? 0)
}

/** One sentence for each symbol of `file` that breaks a rule. */
function faults(file) {
  const found = []
  let exported = 0
  for (const line of dynamicSymbols(file)) {
    const name = line.trim().split(/\s+/).at(-1)
    const isDefinedHere = !line.includes('*UND*')
    const [, family, version] = /\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)/.exec(line) ?? []
    if (!isDefinedHere && family && isNewer(version, newest[family])) {
      found.push(
        `${name} needs ${family}_${version}; ${family}_${newest[family]} is the newest allowed`,
      )
    }
    if (isDefinedHere && mayExport.includes(name)) exported++
    if (isDefinedHere && !mayExport.includes(name)) {
      found.push(`${name} is exported; native/exports.map must keep it local`)
    }
  }
  if (exported === 0) found.push(`none of ${mayExport.join(', ')} is exported; Node cannot load it`)
  return found
}

const files = process.argv.length > 2 ? process.argv.slice(2) : prebuilds()
if (files.length === 0) {
  console.error('check-glibc: there is no prebuild to check; `npm run prebuild-binary` makes one.')
  process.exit(1)
}
let faultCount = 0
for (const file of files) {
  const sentences = faults(file)
  for (const sentence of sentences) console.error(`check-glibc: ${file}: ${sentence}.`)
  if (sentences.length === 0) console.log(`check-glibc: ${file} is right.`)
  faultCount += sentences.length
}
process.exit(faultCount === 0 ? 0 : 1)
