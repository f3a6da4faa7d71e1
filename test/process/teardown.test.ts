/**
 * A process with a pair in it ends when it is told to, at every stage of the pair's life.
 *
 * Stages times endings, each in a child process: it ends in time, with the code or signal that
 * belongs to the ending, and says nothing on standard error but what belongs there. A native thread
 * that outlives its environment would show here as a hang, an abort or a wrong code.
 */

import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePorts } from '../../examples/demo/ports.js'

// A guard for the whole file, for whoever runs it without tap's own.
t.setTimeout(120_000)
// A child waits most of its time for windows to pass: several do it at once.
t.jobs = 4

const program = fileURLToPath(new URL('./programs/ending.js', import.meta.url))
const alone = fileURLToPath(new URL('./programs/alone.js', import.meta.url))
/** Each stage with the roles of a and b in it, so that it is known to be that stage. */
const stages = {
  open: 'starting',
  paired: 'primary, standby',
  load: 'primary, loading',
  takeover: 'stopped, primary',
  close: 'stopped, stopped',
} as const
const mostMs = 5_000
/** Until a stage is reached: a guard, no bound. */
const readyMs = 20_000

interface End {
  readonly how: string
  readonly tookMs: number
  readonly said: string
  readonly complaint: string
}

/** Runs the program, does `act` when it is ready, and waits for its end. */
async function run(stage: string, ending: string, act: (pid: number) => void): Promise<End> {
  const port = await freePorts(4, [])
  const child = spawn(process.execPath, [program, stage, ending, `${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let said = ''
  let complaint = ''
  let readyAt = 0
  const guard = () => {
    complaint += `killed by the test: it did not end in time (${said || 'not ready'})`
    child.kill('SIGKILL')
  }
  let timer = setTimeout(guard, readyMs)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (readyAt > 0 || !said.includes('ready')) return
    readyAt = Date.now()
    clearTimeout(timer)
    timer = setTimeout(guard, mostMs)
    act(child.pid ?? 0)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const how = await new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  clearTimeout(timer)
  return { how, tookMs: Date.now() - readyAt, said, complaint }
}

/** Runs the program of one member to its end. */
async function runAlone(name: string): Promise<{ how: string; said: string[]; complaint: string }> {
  const port = `${await freePorts(4, [])}`
  const env = { ...process.env, NODE_OPTIONS: '' }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [alone, name, port],
      { env, timeout: readyMs },
      (error, out, err) => {
        const how = error?.signal ?? `code ${error?.code ?? 0}`
        resolve({ how, said: out.trim().split('\n'), complaint: err })
      },
    )
  })
}

const nothing = () => {}
const endings = [
  { ending: 'exit', how: 'code 7', act: nothing, complains: /^$/ },
  {
    ending: 'throw',
    how: 'code 1',
    act: nothing,
    complains: /\nError: thrown on purpose\n/,
  },
  { ending: 'worker-terminate', how: 'code 0', act: nothing, complains: /^$/ },
  { ending: 'worker-exit', how: 'code 7', act: nothing, complains: /^$/ },
  {
    ending: 'sigterm',
    how: 'SIGTERM',
    act: (pid: number) => void process.kill(pid, 'SIGTERM'),
    complains: /^$/,
  },
] as const

for (const [stage, roles] of Object.entries(stages)) {
  for (const { ending, how, act, complains } of endings) {
    const name = `at '${stage}', ended by '${ending}', a process ends as it should`
    t.test(name, { buffered: true }, async (t) => {
      const end = await run(stage, ending, act)
      t.match(end.said, `ready: ${roles}\n`)
      t.equal(end.how, how)
      t.ok(end.tookMs < mostMs, `it ended ${end.tookMs} ms later`)
      t.match(end.complaint, complains)
      t.notMatch(end.complaint, /fatal|abort|assert|core dumped|killed by the test/i)
    })
  }
}

t.test('a process whose members are closed ends by itself', async (t) => {
  const end = await run('closed', 'none', nothing)
  t.equal(end.how, 'code 0')
  t.equal(end.complaint, '')
})

t.test('a listener that throws is an uncaught error, and the member goes on', async (t) => {
  const { how, said, complaint } = await runAlone('listener-throws')
  t.same(said, [
    'heard primary',
    'uncaught at primary',
    'accepted',
    'heard stopped',
    'uncaught at stopped',
  ])
  t.same([how, complaint], ['code 0', ''])
})

t.test('a process in which a member could not be opened ends by itself', async (t) => {
  const taken = await runAlone('port-is-taken')
  t.same(taken, { how: 'code 0', said: ['ERR_HOTPAIR_ADDRESS_IN_USE'], complaint: '' })
  const unknown = await runAlone('name-is-unknown')
  t.same(unknown, { how: 'code 0', said: ['ERR_HOTPAIR_ADDRESS'], complaint: '' })
})
