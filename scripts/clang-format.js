/**
 * Checks that every C++ file under native/ stands as .clang-format says; with --write, makes it so.
 *
 * The version is fixed, because two versions of clang-format do not agree on the same settings.
 * It must not pass when the tool is missing: that would hide an unformatted file until it is seen
 * on another machine.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const wantedVersion = '19'
const root = fileURLToPath(new URL('..', import.meta.url))

function majorVersion(command) {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return /version (\d+)\./.exec(stdout ?? '')?.[1]
}

function findTool() {
  const names = [`clang-format-${wantedVersion}`, 'clang-format']
  const tool = names.find((name) => majorVersion(name) === wantedVersion)
  if (tool) return tool
  const other = majorVersion('clang-format')
  console.error(
    `clang-format: version ${wantedVersion} is needed; installed is ${other ?? 'none'}. ` +
      `Install it (Debian, Ubuntu: apt-get install ${names[0]}) and run this again.`,
  )
  process.exit(1)
}

const files = existsSync(`${root}/native`)
  ? readdirSync(`${root}/native`, { recursive: true })
      .filter((name) => /\.(hpp|cpp)$/.test(name))
      .map((name) => `native/${name}`)
      .sort()
  : []
if (files.length === 0) {
  console.log('clang-format: no C++ file under native/, nothing to check.')
  process.exit(0)
}

const isWriting = process.argv.includes('--write')
const mode = isWriting ? ['-i'] : ['--dry-run', '--Werror']
const { status } = spawnSync(findTool(), [...mode, ...files], { cwd: root, stdio: 'inherit' })
if (status !== 0 && !isWriting) {
  console.error('clang-format: the files named above differ; `npm run format` mends them.')
}
if (status === 0)
  console.log(`clang-format: ${files.length} files ${isWriting ? 'written' : 'right'}.`)
process.exit(status ?? 1)
