/**
 * A folder that only its user writes in: what lies in it was put there by this user's processes.
 */

import { mkdir, stat } from 'node:fs/promises'

/**
 * Makes `folder` where it is missing, none above it. Rejects with the reason, as the end of a
 * sentence, where it is no folder, another user's, or one in which others may write.
 */
export async function ownFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const found = await stat(folder)
  if (!found.isDirectory()) throw new Error('it is no folder')
  const { uid } = found
  const self = process.geteuid?.() ?? uid
  if (uid !== self) throw new Error(`it belongs to user ${uid}, and this is user ${self}`)
  if ((found.mode & 0o022) !== 0) throw new Error('others may write in it: take that from them')
}
