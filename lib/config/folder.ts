/**
 * The option `folder`: where a member keeps what it must know when it starts again.
 *
 * Whether it can be used is found out when the member opens.
 */

import { resolve } from 'node:path'
import { text } from './check.js'

/** An absolute path; undefined: the record is kept in memory. Throws ConfigError. */
export function folderOf(folder: unknown): string | undefined {
  return folder === undefined ? undefined : resolve(text('folder', folder, 1, 4_000))
}
