/**
 * Reads the files of the project: those that are tracked, and those that are about to be.
 *
 * git says which files belong to the project; generated folders are ignored there once and need no
 * second list here. Binary files are left out: no rule reads them but for their size.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Source, sourceOf } from './source.js'

/** The root of the project, seen from the compiled file. */
export const root: string = fileURLToPath(new URL('../../../', import.meta.url))

export function projectSources(): readonly Source[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' })
  return listed
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => ({ path, content: readFileSync(join(root, path)) }))
    .map(({ path, content }) => ({
      ...sourceOf(path, content.includes(0) ? '' : content.toString('utf8')),
      bytes: content.length,
    }))
}
