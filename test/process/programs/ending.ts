/**
 * A pair in one process that is brought to a stage of its life and then ended, in one of many ways.
 *
 * Both members live in this thread or, where the ending is that of a worker, in a worker thread. At
 * the stage it says 'ready' and both roles on standard output. It cleans nothing up: that is what
 * is tried.
 *
 *     node ending.js STAGE ENDING PORT
 */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type App, type Member, openMember } from 'hotpair'

const [, , stage = '', ending = '', port = ''] = isMainThread ? process.argv : workerData

interface Ballast {
  readonly texts: string[]
}

// 32 MiB in strings: some hundred chunks, so that a load is under way for many turns.
function ballast(): Ballast {
  const count = stage === 'load' ? 32 : 0
  return { texts: Array.from({ length: count }, (_, index) => `${index}`.padEnd(1_048_576)) }
}

const app: App<Ballast> = {
  init: ballast,
  process: (_, frame, ctx) => ctx.send(frame.data),
  // Never confirmed, so that a delivery is under way whenever the end comes; but where the first
  // primary is to leave, what it has delivered would hold it back.
  deliver: (_, { signal }) =>
    stage === 'takeover'
      ? undefined
      : new Promise((_, reject) => signal.addEventListener('abort', reject)),
}

function open(member: 'a' | 'b'): Promise<Member<Ballast>> {
  const first = Number(port)
  const members = { a: `127.0.0.1:${first}`, b: `127.0.0.1:${first + 2}` }
  const times = { heartbeatMs: 20, windowMs: 400, startWindowMs: 400 }
  return openMember({ pair: 'ending', member, members, arbiter: 'none', ...times, app })
}

function ready(...members: Member<Ballast>[]): void {
  process.stdout.write(`ready: ${members.map(({ role }) => role).join(', ')}\n`)
  switch (ending) {
    case 'exit':
      return process.exit(7)
    case 'throw':
      queueMicrotask(() => {
        throw new Error('thrown on purpose')
      })
      return
    case 'worker-terminate':
    case 'worker-exit':
      return parentPort?.postMessage('ready')
  }
}

/** Loading and linked: the load is asked for, and comes in the next turns. */
function whenLoading(member: Member<Ballast>, then: () => void): void {
  let isLinked = false
  let isDone = false
  const check = () => {
    if (!isLinked || isDone || member.role !== 'loading') return
    isDone = true
    setImmediate(then)
  }
  member.on('role', check)
  member.on('link', ({ up }) => {
    isLinked = up
    check()
  })
}

async function live(): Promise<void> {
  const a = await open('a')
  if (stage === 'open') return ready(a)
  await a.until('primary')
  void a.receive(Buffer.from('x'), { source: 's', seq: 1 })
  const b = await open('b')
  const both = () => ready(a, b)
  if (stage === 'load') return whenLoading(b, both)
  await Promise.all([a.until('paired'), b.until('standby')])
  if (stage === 'takeover') b.on('takeover', both)
  if (stage === 'takeover' || stage === 'close') void a.close()
  if (stage === 'close') void b.close()
  if (stage === 'closed') await Promise.all([a.close(), b.close()])
  if (stage !== 'takeover') both()
}

function keepInWorker(): void {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv })
  worker.once('message', () => {
    if (ending === 'worker-exit') process.exit(7)
    void worker.terminate().then((code) => process.stdout.write(`terminated ${code}\n`))
  })
}

if (isMainThread && ending.startsWith('worker')) keepInWorker()
else await live()
