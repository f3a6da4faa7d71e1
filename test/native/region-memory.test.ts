/**
 * Who holds the memory of a region, and how a process or a worker may end while a load is under
 * way: without a crash, without hanging, and with nothing left. Each case runs in a process of its
 * own, because exit itself is part of it.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

// Many processes, one after the other.
t.setTimeout(120_000)

const run = promisify(execFile)
const loader = import.meta.resolve('#lib/native/load.js')

// Program text: a region that is sent, one that receives it, and nobody who finishes.
const loads = `
  const key = new Uint8Array(16)
  function openRegion(bytes, isShadow = false) {
    return binding.openRegion({ bytes, key, isShadow }, () => {})
  }
  function beginLoad(bytes, isShadow) {
    const [near, far] = binding.socketPair()
    const sender = openRegion(bytes, isShadow)
    const receiver = openRegion(bytes, isShadow)
    new Uint32Array(sender.buffer).forEach((_, at, words) => { words[at] = at })
    sender.send(1, near)
    receiver.receive(1, far, binding.facts.region.wantAll, 0)
    return { sender, receiver }
  }`

// Program text: MiB of shared memory that the process has in its page tables.
const shared = `
  const { readFileSync } = await import('node:fs')
  const shared = () => {
    const [, kib] = /RssShmem:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
    return Math.round(kib / 1024)
  }`

// Runs `body` as a module with `binding` and `collect()`; returns what it printed.
async function child(body: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const prelude = `
    import { Worker } from 'node:worker_threads'
    import { loadBinding } from ${JSON.stringify(loader)}
    const binding = loadBinding()
    async function collect() {
      for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setImmediate(done)) }
    }
    ${loads}`
  const flags = ['--expose-gc', '--input-type=module', '--eval', prelude + body]
  const { stdout } = await run(process.execPath, flags, { timeout: 60_000, env })
  return stdout.trim()
}

// A leak checker would report what V8 leaves to the system when its process exits in the middle.
const { ASAN_OPTIONS } = process.env
const withoutLeaks: NodeJS.ProcessEnv = {
  ...process.env,
  ...(ASAN_OPTIONS === undefined ? {} : { ASAN_OPTIONS: `${ASAN_OPTIONS}:detect_leaks=0` }),
}

const isLinux = process.platform === 'linux' || 'reads /proc'

t.test(
  'a closed region gives its memory back',
  { skip: isLinux !== true && isLinux },
  async (t) => {
    const printed = await child(`
    ${shared}
    const region = openRegion(64 << 20)
    const open = shared()
    new Uint8Array(region.buffer)[0] = 1
    region.close()
    await collect()
    console.log(open, shared())`)
    t.equal(printed, '128 0')
  },
)

t.test('V8 knows what dropped regions hold', { skip: isLinux !== true && isLinux }, async (t) => {
  // Without its knowledge nothing would be collected, and 1.6 GiB would be mapped at the end.
  const printed = await child(`
    ${shared}
    let most = 0
    for (let i = 0; i < 100; i++) {
      openRegion(8 << 20)
      most = Math.max(most, shared())
      await new Promise((done) => setImmediate(done))
    }
    console.log(most < 800)`)
  t.equal(printed, 'true')
})

t.test('a view outlives its handle until it is closed', async (t) => {
  const printed = await child(`
    let region = openRegion(1 << 20)
    const words = new Uint32Array(region.buffer)
    region = undefined
    await collect()
    words.fill(7)
    console.log(words.length, words[words.length - 1])`)
  t.equal(printed, `${(1 << 20) / 4} 7`)
})

t.test('memory that was moved into another ArrayBuffer stays', async (t) => {
  const printed = await child(`
    const region = openRegion(1 << 16)
    const { buffer } = region
    const moved = buffer.transfer?.() ?? buffer.slice(0)
    region.close()
    await collect()
    const bytes = new Uint8Array(moved)
    bytes.fill(3)
    console.log(bytes.length, bytes[100])`)
  t.equal(printed, `${1 << 16} 3`)
})

for (const isShadow of [false, true]) {
  const words = isShadow ? 'by shadow' : 'by the best tracker'
  const begin = `const { sender, receiver } = beginLoad(1 << 20, ${isShadow});`
  t.test(`a process ends in the middle of a load, ${words}`, async (t) => {
    t.equal(await child(begin), '')
    t.equal(await child(`${begin} sender.close(); receiver.close()`), '')
    t.equal(await child(`${begin} process.exit(0)`, withoutLeaks), '')
    // Without a handle to close: the collector ends the load.
    t.equal(await child(`beginLoad(1 << 20, ${isShadow}); await collect()`), '')
  })

  t.test(`a worker ends in the middle of a load, ${words}`, async (t) => {
    const worker = `
      import { parentPort, workerData } from 'node:worker_threads'
      const { loadBinding } = await import(workerData)
      const binding = loadBinding()
      ${loads}
      ${begin}
      setInterval(() => sender.digest() + receiver.digest(), 1)
      parentPort.postMessage('up')`
    const printed = await child(`
      for (let i = 0; i < 3; i++) {
        const options = { eval: true, workerData: ${JSON.stringify(loader)} }
        const worker = new Worker(${JSON.stringify(worker)}, options)
        await new Promise((done, fail) => worker.once('message', done).once('error', fail))
        await worker.terminate()
      }
      console.log(openRegion(1).buffer.byteLength)`)
    t.equal(printed, `${1 << 16}`)
  })
}
