/**
 * A few bytes through every crash: killed, or the power cut, at each step of a save, with every
 * choice of what had reached the platter.
 */

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { KeptFile, SaveError, systemFiles } from '#lib/store/kept-file.js'
import { ModelDisk } from './model-disk.js'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes)

/** All answers that up to `count` questions of yes or no can get. */
function* choices(count: number): Generator<() => boolean> {
  for (let bits = 0; bits < 2 ** count; bits++) {
    let asked = 0
    yield () => ((bits >> asked++) & 1) === 1
  }
}

const steps = ['create', 'write', 'sync', 'rename', 'sync the folder']

t.test('what was saved is there, however the power is cut behind it', async (t) => {
  let worlds = 0
  for (const choose of choices(5)) {
    const disk = new ModelDisk()
    await new KeptFile(disk, '/kept', 'one').save(bytesOf('the old'))
    disk.restart(choose)
    t.equal(textOf(await new KeptFile(disk, '/kept', 'one').load()), 'the old')
    worlds += 1
  }
  t.equal(worlds, 32)
})

for (const [at, name] of [...steps, 'nothing'].entries()) {
  for (const how of ['kill', 'power'] as const) {
    t.test(`${how} before '${name}': the old or the new, and what was read stays`, async (t) => {
      const found = new Set<string | undefined>()
      for (const choose of choices(5)) {
        const disk = new ModelDisk()
        await new KeptFile(disk, '/kept', 'one').save(bytesOf('the old'))
        disk.fault = { at: disk.steps + at, how: 'kill' }
        const saving = new KeptFile(disk, '/kept', 'one').save(bytesOf('the new one'))
        const isSaved = await saving.then(
          () => true,
          () => false,
        )
        disk.restart(how === 'power' ? choose : undefined)
        const read = textOf(await new KeptFile(disk, '/kept', 'one').load())
        found.add(read)
        if (isSaved && read !== 'the new one') t.fail(`acknowledged and lost: ${read}`)
        disk.restart(() => false)
        const again = textOf(await new KeptFile(disk, '/kept', 'one').load())
        if (again !== read) t.fail(`read ${read} and then ${again}`)
      }
      for (const each of found) t.ok(each === 'the old' || each === 'the new one', `found ${each}`)
      if (at < 3) t.notOk(found.has('the new one'))
    })
  }
}

t.test('a step that fails says whether the old bytes are surely kept', async (t) => {
  for (const [at, name] of steps.entries()) {
    const disk = new ModelDisk()
    const file = new KeptFile(disk, '/kept', 'one')
    await file.save(bytesOf('the old'))
    disk.fault = { at: disk.steps + at, how: 'fail' }
    const error = await file.save(bytesOf('the new')).catch((error: unknown) => error)
    t.ok(error instanceof SaveError, name)
    const isOldKept = error instanceof SaveError && error.isOldKept
    t.equal(isOldKept, at < 3, name)
    if (isOldKept) t.equal(textOf(await file.load()), 'the old')
    await file.save(bytesOf('the third'))
    t.equal(textOf(await file.load()), 'the third', 'it goes on')
  }
})

t.test('on a real disk', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hp-kept-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = new KeptFile(systemFiles, folder, 'one')
  t.equal(await file.load(), undefined)
  await file.save(bytesOf('the old'))
  await file.save(bytesOf('the new'))
  t.equal(textOf(await new KeptFile(systemFiles, folder, 'one').load()), 'the new')
  t.strictSame(readdirSync(folder), ['one'], 'nothing is left beside it')
  t.equal(statSync(file.path).mode & 0o777, 0o600)
  const nowhere = new KeptFile(systemFiles, join(folder, 'nowhere'), 'one')
  await t.rejects(nowhere.save(bytesOf('x')), { isOldKept: true, message: /ENOENT/ })
})
