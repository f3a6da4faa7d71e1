/**
 * Who holds the memory of an image, under a garbage collector that is made to run: the writer
 * keeps its image alive, what was taken outlives its reader, and dropped handles give theirs
 * back. Each case runs in a process or worker of its own, because exit itself is part of it.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const loader = import.meta.resolve('#lib/native/load.js')

// The program text of mapped(): GiB of address space that the process has mapped since.
const mapped = `
    import { readFileSync } from 'node:fs'
    const pages = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0])
    const first = pages()
    const mapped = () => (pages() - first) / (1 << 18)`

// Runs `body` as a module with `binding` and `collect()` in a child process; returns what it
// printed.
async function child(body: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const prelude = `
    import { Worker } from 'node:worker_threads'
    import { loadBinding } from ${JSON.stringify(loader)}
    const binding = loadBinding()
    async function collect() {
      for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setImmediate(done)) }
    }`
  const flags = ['--expose-gc', '--input-type=module', '--eval', prelude + body]
  const { stdout } = await run(process.execPath, flags, { timeout: 60_000, env })
  return stdout.trim()
}

t.test('the writer keeps its image alive', async (t) => {
  const printed = await child(`
    const writer = binding.openChunkWriter(new Uint8Array(1 << 20).fill(7), 1 << 20)
    await collect()
    const junk = Array.from({ length: 50 }, () => new Uint8Array(1 << 20).fill(9))
    const chunk = new Uint8Array((1 << 20) + 16)
    writer.next(chunk)
    console.log(chunk.subarray(16).every((byte) => byte === 7), junk.length)`)
  t.equal(printed, 'true 50')
})

t.test('what was taken outlives its reader', async (t) => {
  const printed = await child(`
    function take() {
      const reader = binding.openChunkReader(1 << 16)
      const writer = binding.openChunkWriter(new Uint8Array(1 << 16).fill(7), 1 << 16)
      const chunk = new Uint8Array((1 << 16) + 16)
      reader.put(chunk.subarray(0, writer.next(chunk)))
      return reader.take()
    }
    const image = take()
    await collect()
    console.log(image.length, image.every((byte) => byte === 7))`)
  t.equal(printed, '65536 true')
})

const isLinux = process.platform === 'linux' || 'reads /proc'

t.test(
  'closed handles give their memory back',
  { skip: isLinux !== true && isLinux },
  async (t) => {
    const printed = await child(`
    ${mapped}
    const handles = [binding.openChunkReader(1 << 30), binding.openOutbox(1 << 30)]
    const open = mapped()
    for (const handle of handles) handle.close()
    const gib = (value) => Math.abs(Math.round(value))
    console.log(gib(open), gib(mapped()))`)
    t.equal(printed, '2 0')
  },
)

t.test('V8 knows what dropped handles hold', { skip: isLinux !== true && isLinux }, async (t) => {
  // Without its knowledge nothing would be collected, and 50 GiB would be mapped at the end.
  const printed = await child(`
    ${mapped}
    let most = 0
    for (let i = 0; i < 400; i++) {
      binding.openChunkReader(64 << 20)
      binding.openOutbox(64 << 20)
      most = Math.max(most, mapped())
      await new Promise((done) => setImmediate(done))
    }
    console.log(most < 10)`)
  t.equal(printed, 'true')
})

t.test('exit and the end of a worker are clean with and without close', async (t) => {
  const opened = `
    const outbox = binding.openOutbox(1 << 20)
    const reader = binding.openChunkReader(1 << 20)
    const writer = binding.openChunkWriter(new Uint8Array(100), 10)
    writer.next(new Uint8Array(26));`
  for (const end of ['', 'outbox.close(); reader.close(); writer.close()']) {
    t.equal(await child(opened + end), '')
  }
  // At process.exit() nothing is finalized: V8 leaves its heap and what hangs from it to the
  // system, which a leak checker reports.
  const { ASAN_OPTIONS, ...env } = process.env
  const options =
    ASAN_OPTIONS === undefined ? {} : { ASAN_OPTIONS: `${ASAN_OPTIONS}:detect_leaks=0` }
  t.equal(await child(`${opened} process.exit(0)`, { ...env, ...options }), '')
  const worker = `
    import { parentPort, workerData } from 'node:worker_threads'
    const { loadBinding } = await import(workerData)
    const binding = loadBinding()
    ${opened}
    setInterval(() => writer, 1000)
    parentPort.postMessage('up')`
  const printed = await child(`
    for (let i = 0; i < 5; i++) {
      const options = { eval: true, workerData: ${JSON.stringify(loader)} }
      const worker = new Worker(${JSON.stringify(worker)}, options)
      await new Promise((done, fail) => worker.once('message', done).once('error', fail))
      await worker.terminate()
    }
    console.log(binding.openOutbox(1 << 20).bytes)`)
  t.equal(printed, '0')
})
