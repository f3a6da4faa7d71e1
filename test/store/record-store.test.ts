/**
 * The record of a member through every crash: whoever came into it is there for a restarted member
 * before anything rests on it, no reign is used twice, and a disk that fails stops nobody.
 */

import t from 'tap'
import type { PairRecord } from '#lib/core/state.js'
import type { PairError } from '#lib/errors.js'
import { fileOf, keptIn } from '#lib/store/kept-bytes.js'
import type { Files } from '#lib/store/kept-file.js'
import { RecordStore } from '#lib/store/record-store.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { epochOf, historyId, incarnationOf, type MemberId } from '#lib/units.js'
import { ModelDisk } from './model-disk.js'

const a1 = { member: 'a', incarnation: incarnationOf(1n) } as const
const b1 = { member: 'b', incarnation: incarnationOf(2n) } as const

function recordOf(epoch: number, ...inSync: PairRecord['inSync']): PairRecord {
  const primary: MemberId = 'a'
  return { history: historyId('0'.repeat(32)), epoch: epochOf(epoch), primary, inSync }
}

function worldOf(disk = new ModelDisk(), files: Files = disk) {
  const clock = new VirtualClock()
  const told: PairError[] = []
  const open = () =>
    RecordStore.open({
      files,
      clock,
      folder: '/kept',
      pair: 'line-4',
      member: 'a',
      failed: (error) => told.push(error),
    })
  return { disk, clock, told, open }
}

/** Lets the steps of the disk be done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined
}

const cutPower = (disk: ModelDisk) => disk.restart(() => false)

t.test('a first start remembers nothing, and makes no file', async (t) => {
  const { open, disk } = worldOf()
  const store = await open()
  t.strictSame(store.remembered, { record: undefined, highest: 0 })
  t.equal(await disk.read(store.path), undefined)
})

t.test('who comes into the record is kept before anything rests on it', async (t) => {
  const { open, disk } = worldOf()
  const store = await open()
  await store.save(recordOf(1_701, a1))
  const paired = store.save(recordOf(1_701, a1, b1))
  t.ok(paired, 'it is waited for')
  await paired
  cutPower(disk)
  const { record, highest } = (await open()).remembered
  t.strictSame(record, recordOf(1_701, a1, b1))
  t.equal(highest, 2_701, 'reigns are reserved ahead')
})

t.test('who is left out of it, and a reign that is reserved, wait for no disk', async (t) => {
  const { open, disk } = worldOf()
  const store = await open()
  await store.save(recordOf(1, a1, b1))
  t.equal(store.save(recordOf(3, a1)), undefined, 'going solo')
  cutPower(disk)
  const { record, highest } = (await open()).remembered
  t.strictSame(record?.inSync, [a1, b1], 'a restarted member waits for one more')
  t.ok(highest >= 3, 'and takes no reign that was used')
})

t.test('what it has heard is kept soon, and waited for by nobody', async (t) => {
  const { open, disk } = worldOf()
  const store = await open()
  store.note(recordOf(8, b1), epochOf(8))
  await settle()
  cutPower(disk)
  t.strictSame((await open()).remembered.record, recordOf(8, b1))
  store.note(undefined, epochOf(900))
  await settle()
  t.equal((await open()).remembered.highest, 1_900, 'with the reigns that come after')
})

t.test('a reign above all that are reserved is waited for', async (t) => {
  const { open } = worldOf()
  const store = await open()
  await store.save(recordOf(1, a1))
  t.equal(store.save(recordOf(900, a1)), undefined)
  await settle()
  t.ok(store.save(recordOf(5_000, a1)))
})

t.test('through every crash: nobody who was promised is forgotten', async (t) => {
  let crashes = 0
  for (let at = 0; at < 24; at++) {
    for (const how of ['kill', 'power'] as const) {
      const { open, disk } = worldOf()
      const store = await open()
      disk.fault = { at: disk.steps + at, how: 'kill' }
      let promised: PairRecord | undefined
      for (const next of [recordOf(1, a1), recordOf(1, a1, b1), recordOf(3, a1)]) {
        await store.save(next)
        if (disk.isDead) break
        promised = next
      }
      if (!disk.isDead) continue
      crashes += 1
      disk.restart(how === 'power' ? () => false : undefined)
      const { record, highest } = (await open()).remembered
      for (const { incarnation } of promised?.inSync ?? []) {
        const isThere = record?.inSync.some((holder) => holder.incarnation === incarnation)
        // Itself is gone, whatever the record says.
        if (!isThere && incarnation !== a1.incarnation) t.fail(`${how} at ${at}: forgotten`)
      }
      t.ok(highest >= (promised?.epoch ?? 0), `${how} at ${at}: its reigns are not used again`)
    }
  }
  t.ok(crashes > 15, `${crashes} crashes`)
})

t.test('a disk that fails is told once, stops nobody, and is tried again', async (t) => {
  const { open, disk, clock, told } = worldOf()
  const store = await open()
  disk.fault = { at: disk.steps + 2, how: 'fail' }
  await store.save(recordOf(1, a1))
  t.match(told, [{ code: 'ERR_HOTPAIR_FOLDER', message: /cannot be written: EIO/ }])
  t.ok(store.isFailing)
  t.equal(store.save(recordOf(1, a1, b1)), undefined, 'nobody waits for it any more')
  await clock.run(1_100)
  await settle()
  t.notOk(store.isFailing)
  t.strictSame((await open()).remembered.record, recordOf(1, a1, b1))
  t.equal(told.length, 1)
})

t.test('a disk that stands still is waited for no longer than a second', async (t) => {
  const disk = new ModelDisk()
  let goOn = () => {}
  const files: Files = {
    read: (path) => disk.read(path),
    sync: (path) => disk.sync(path),
    rename: (from, to) => disk.rename(from, to),
    create: async (path) => {
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
      return disk.create(path)
    },
  }
  const { open, clock, told } = worldOf(disk, files)
  const standing = await open()
  const saving = standing.save(recordOf(1, a1))
  await clock.run(999)
  t.equal(told.length, 0)
  await clock.run(1_001)
  await saving
  t.match(told, [{ message: /has taken more than 1000 ms/ }])
  goOn()
  await settle()
  t.notOk(standing.isFailing, 'it was written after all')
})

t.test('what cannot be understood is refused and left alone', async (t) => {
  const { open, disk } = worldOf()
  const { path } = await open()
  const good = fileOf('line-4', 'a', { reserved: epochOf(9), record: recordOf(1, a1) })
  const cases: readonly (readonly [RegExp, Uint8Array])[] = [
    [/cut short or damaged/, good.subarray(0, -1)],
    [/not written by a member/, Buffer.from('{"epoch": 7}')],
    [
      /belongs to pair "line-5"/,
      fileOf('line-5', 'a', { reserved: epochOf(9), record: undefined }),
    ],
    [/belongs to member b/, fileOf('line-4', 'b', { reserved: epochOf(9), record: undefined })],
  ]
  for (const [message, bytes] of cases) {
    disk.put(path, bytes)
    await t.rejects(open(), { code: 'ERR_HOTPAIR_FOLDER', message })
    t.strictSame(Buffer.from((await disk.read(path)) ?? []), Buffer.from(bytes))
  }
  t.strictSame(keptIn('line-4', 'a', good), { reserved: 9, record: recordOf(1, a1) })
})

t.test('after it is closed nothing is written', async (t) => {
  const { open, disk } = worldOf()
  const store = await open()
  await store.close()
  t.equal(store.save(recordOf(1, a1)), undefined)
  await settle()
  t.equal(await disk.read(store.path), undefined)
})
