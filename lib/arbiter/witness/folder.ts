/**
 * The folder of a witness: there, its own, and used by no other witness at the same time.
 *
 * Two witnesses over one folder would each compare with what they hold in memory, and each grant
 * what the other has granted. They would mostly meet at the port; in containers or with two
 * addresses they would not. So the one at work listens on a socket file in the folder, which the
 * kernel lets go of when the process ends, however it ends: a file that nobody answers is what a
 * killed witness has left. The file is put in place by a link, which only one can make.
 */

import { link, rename, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { NativeError, reasonOf } from '../../errors.js'
import { ownFolder } from '../../store/own-folder.js'

/** A folder that is held. */
export interface HeldFolder {
  /** Lets another one have it. */
  release(): Promise<void>
}

/** Longest path of a socket, in bytes, less the longest name that is put behind it. */
const mostPathBytes = 107 - '/lock.1234567.old'.length

/**
 * Makes the folder where it is missing, none above it, and holds it.
 *
 * @throws NativeError `ERR_HOTPAIR_ADDRESS_IN_USE` where another witness holds it,
 * `ERR_HOTPAIR_ADDRESS` where it cannot be used.
 */
export async function holdFolder(folder: string, pid: number): Promise<HeldFolder> {
  try {
    await ownFolder(folder)
    if (Buffer.byteLength(folder) > mostPathBytes)
      throw new Error(`its path is longer than ${mostPathBytes} bytes`)
  } catch (cause) {
    const message = `the folder ${folder} cannot be used: ${reasonOf(cause)}`
    throw new NativeError('ERR_HOTPAIR_ADDRESS', message, { cause })
  }
  const lock = join(folder, 'lock')
  const mine = `${lock}.${pid}`
  await rm(mine, { force: true })
  const server = await listen(mine)
  try {
    await place(mine, lock)
  } catch (error) {
    server.close()
    throw error
  }
  return {
    release: async () => {
      await rm(lock, { force: true })
      await new Promise((done) => server.close(done))
    },
  }
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).destroy())
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.unref()
      resolve(server)
    })
  })
}

// Gives the socket at `mine` the name `lock`, unless another one answers there.
async function place(mine: string, lock: string): Promise<void> {
  const old = `${mine}.old`
  for (let tries = 0; tries < 3; tries++) {
    try {
      await link(mine, lock)
      await rm(mine)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    if (await isAnswered(lock)) break
    // What is moved away may be the lock of one that was faster: then it gets its name back.
    await rename(lock, old).catch(() => {})
    if (await isAnswered(old)) await link(old, lock).catch(() => {})
    await rm(old, { force: true })
  }
  const message = `another witness works in the folder of ${lock}: end it first`
  throw new NativeError('ERR_HOTPAIR_ADDRESS_IN_USE', message)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
