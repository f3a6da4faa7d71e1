/**
 * One member alone in a process, in one of the ways that a process must survive or end by itself.
 *
 *     node alone.js CASE PORT
 *
 * It says what happened on standard output, a word a line, and never calls `process.exit`.
 */

import { createServer } from 'node:net'
import { isPairError, type MemberOptions, openMember } from 'hotpair'

const [, , name = '', port = ''] = process.argv
const first = Number(port)

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function options(members = { a: `127.0.0.1:${first}`, b: `127.0.0.1:${first + 2}` }) {
  const times = { heartbeatMs: 20, windowMs: 200, startWindowMs: 200 }
  const app = { init: () => 0, process: () => {}, deliver: () => {} }
  const given: MemberOptions<number> = {
    pair: 'alone',
    member: 'a',
    members,
    arbiter: 'none',
    secret: 'sixteen letters at least',
    ...times,
    app,
  }
  return given
}

async function listenerThrows(): Promise<void> {
  process.on('uncaughtException', (error) => say(`uncaught ${error.message}`))
  const member = await openMember(options())
  member.on('role', ({ role }) => {
    throw new Error(`at ${role}`)
  })
  member.on('role', ({ role }) => say(`heard ${role}`))
  await member.until('primary')
  await member.receive(Buffer.from('x'))
  say('accepted')
  await member.close()
}

async function openFails(members?: { a: string; b: string }): Promise<void> {
  try {
    await openMember(options(members))
  } catch (error) {
    say(isPairError(error) ? error.code : String(error))
  }
}

async function portIsTaken(): Promise<void> {
  const server = createServer().listen(first + 1, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  await openFails()
  server.close()
}

switch (name) {
  case 'listener-throws':
    await listenerThrows()
    break
  case 'port-is-taken':
    await portIsTaken()
    break
  case 'name-is-unknown':
    await openFails({ a: `localhost.invalid:${first}`, b: `127.0.0.1:${first + 2}` })
    break
}
