/**
 * A complete pair program, as a user would write it: two members, one source, one receiver.
 *
 * Copied into an application that has the package installed, and run there without arguments: it
 * starts itself twice as a member, feeds both the same inputs, kills the primary in the midst with
 * SIGKILL, and wants every output exactly once, in order and right from the one that is left. It
 * uses nothing but the package's public entries, and exits with 0 only when all of that is so.
 */
import { fork } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { openMember } from 'hotpair'
import { createReceiver } from 'hotpair/receiver'

const inputCount = 400
const killAfter = 150
const deadlineMs = 30_000

/** One side of the pair: takes inputs from its parent and hands it the outputs. */
async function runMember(side, portA, portB) {
  const confirmations = new Map()
  const member = await openMember({
    pair: 'pack-install',
    member: side,
    members: { a: `127.0.0.1:${portA}`, b: `127.0.0.1:${portB}` },
    arbiter: 'none',
    app: {
      init: () => ({ total: 0 }),
      process(state, frame, ctx) {
        state.total += frame.data.length
        ctx.send(Buffer.from(String(state.total)))
      },
      deliver: (output) =>
        new Promise((resolve) => {
          confirmations.set(output.number, resolve)
          process.send({ type: 'output', output })
        }),
    },
  })
  for (const name of ['role', 'mode', 'takeover']) {
    member.on(name, ({ type, role, mode }) => process.send({ type, role, mode }))
  }
  process.on('message', ({ type, data, seq, number }) => {
    if (type === 'confirm') confirmations.get(number)?.()
    if (type !== 'input') return
    member.receive(data, { source: 'pack-install', seq }).catch((error) => {
      process.send({ type: 'refused', seq, message: error.message })
    })
  })
}

/** A port that is free, with the next one free as well: a member uses both. */
async function freePort() {
  const listen = (port) =>
    new Promise((resolve, reject) => {
      const server = createServer().once('error', reject)
      server.listen(port, '127.0.0.1', () => resolve(server))
    })
  for (;;) {
    const first = await listen(0)
    const { port } = first.address()
    const second = await listen(port + 1).catch(() => undefined)
    await new Promise((resolve) => first.close(resolve))
    if (!second) continue
    await new Promise((resolve) => second.close(resolve))
    return port
  }
}

/** The world around the pair: the source of inputs, the receiver of outputs, and the killer. */
async function runWorld() {
  const ports = [await freePort(), await freePort()]
  const script = fileURLToPath(import.meta.url)
  const receiver = createReceiver()
  const members = new Map()
  const roles = new Map()
  const totals = []
  let isFed = false
  let killedAt

  const finish = (code, sentence) => {
    console.log(sentence)
    for (const child of members.values()) child.kill('SIGKILL')
    process.exit(code)
  }
  setTimeout(() => {
    const seen = [...roles].map(([side, role]) => `${side} is ${role}`).join(', ')
    finish(1, `after ${deadlineMs} ms: ${totals.length} of ${inputCount} outputs; ${seen}`)
  }, deadlineMs)

  const take = (child, side, output) => {
    const verdict = receiver.take(output)
    if (!['new', 'known'].includes(verdict.type)) finish(1, `${side}: ${JSON.stringify(verdict)}`)
    if (verdict.type === 'new') totals.push(Number(Buffer.from(output.data).toString()))
    if (totals.length === killAfter && killedAt === undefined) {
      killedAt = performance.now()
      child.kill('SIGKILL')
      return
    }
    // What it had sent before it was killed still arrives; nobody is there to be told.
    if (!child.killed) child.send({ type: 'confirm', number: output.number })
    if (totals.length < inputCount) return
    const isRight = totals.every((total, index) => total === index + 1)
    finish(isRight ? 0 : 1, `${totals.length} outputs, each once, ${isRight ? '' : 'not '}right`)
  }

  const feed = () => {
    if (isFed) return
    isFed = true
    for (let seq = 1; seq <= inputCount; seq++) {
      for (const child of members.values()) child.send({ type: 'input', seq, data: Buffer.of(1) })
    }
  }

  for (const side of ['a', 'b']) {
    const child = fork(script, [side, ...ports], { serialization: 'advanced' })
    members.set(side, child)
    child.on('message', (message) => {
      if (message.type === 'role') roles.set(side, message.role)
      if (message.type === 'mode' && message.mode === 'paired') feed()
      if (message.type === 'output') take(child, side, message.output)
      if (message.type === 'refused')
        finish(1, `${side} refused ${message.seq}: ${message.message}`)
      if (message.type === 'takeover') {
        console.log(`${side} took over after ${Math.round(performance.now() - killedAt)} ms`)
      }
    })
    child.on('exit', (code, signal) => {
      members.delete(side)
      if (signal !== 'SIGKILL') finish(1, `${side} ended by itself with ${code ?? signal}`)
    })
  }
}

const [side, portA, portB] = process.argv.slice(2)
if (side) await runMember(side, portA, portB)
else await runWorld()
