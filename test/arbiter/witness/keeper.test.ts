/**
 * One pair's record through every crash between any two steps of a write, by kill and by power cut:
 * no record that was acknowledged, or read, is ever lost, and none is torn.
 */

import t from 'tap'
import { Keeper } from '#lib/arbiter/witness/keeper.js'
import { fileNameOf } from '#lib/store/file-name.js'
import { encodeKept } from '#lib/wire/kept.js'
import { encodeRecord } from '#lib/wire/record.js'
import { ModelDisk } from '../../store/model-disk.js'
import { recordOf } from '../records.js'

const none = new Uint8Array(0)
const same = (one: Uint8Array, other: Uint8Array) => Buffer.from(one).equals(other)

/** A sequence of yes and no that follows from a seed. */
function chance(seed: number): () => boolean {
  let state = seed * 2_654_435_761 + 1
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9) | 0
    return ((state >>> 13) & 1) === 1
  }
}

t.test('what was acknowledged or read outlives every crash', async (t) => {
  const seeds = 400
  let crashes = 0
  let unsure = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const choose = chance(seed)
    const disk = new ModelDisk()
    let keeper = new Keeper(disk, '/kept', 'line-4')
    // The newest record that somebody was told of, and those that may have come after it.
    let told: Uint8Array = none
    let maybe: Uint8Array[] = []
    for (let round = 0; round < 12; round++) {
      if (round % 3 === 0) {
        const how = choose() ? 'kill' : 'fail'
        disk.fault = { at: disk.steps + ((seed * 7 + round) % 9), how }
      }
      const next = encodeRecord(recordOf({ epoch: round + 1 }))
      const asked = choose() ? 'swap' : 'read'
      let isSwapping = false
      try {
        const kept = await keeper.read()
        if (!same(kept, told) && !maybe.some((each) => same(each, kept)))
          t.fail(`seed ${seed}: read what nobody wrote, or what was replaced`)
        told = kept
        maybe = []
        if (asked === 'swap') {
          maybe = [next]
          isSwapping = true
          const found = await keeper.swap(kept, next)
          t.equal(found, undefined)
          told = next
          maybe = []
        }
      } catch (error) {
        unsure += 1
        if (!(error instanceof Error && 'code' in error)) throw error
        if (error.code === 'ERR_HOTPAIR_ARBITER_UNREACHABLE' && isSwapping) maybe = []
        if (error.code === 'ERR_HOTPAIR_ARBITER_RECORD') t.fail(`seed ${seed}: a torn file`)
      }
      if (disk.isDead || (choose() && choose())) {
        crashes += 1
        disk.restart(choose() ? choose : undefined)
        keeper = new Keeper(disk, '/kept', 'line-4')
      }
    }
  }
  t.ok(crashes > seeds && unsure > seeds / 2, `${crashes} crashes, ${unsure} failures`)
})

t.test('swaps at the same time are one after the other', async (t) => {
  const keeper = new Keeper(new ModelDisk(), '/kept', 'line-4')
  const nexts = [1, 2, 3].map((epoch) => encodeRecord(recordOf({ epoch })))
  const found = await Promise.all(nexts.map((next) => keeper.swap(none, next)))
  t.equal(found[0], undefined, 'the first is done')
  t.ok(found[1] && same(found[1], nexts[0] ?? none))
  t.ok(found[2] && same(found[2], nexts[0] ?? none))
})

t.test('a write that surely failed leaves the record, and says so', async (t) => {
  const disk = new ModelDisk()
  const keeper = new Keeper(disk, '/kept', 'line-4')
  const [first, second] = [1, 2].map((epoch) => encodeRecord(recordOf({ epoch })))
  if (!first || !second) throw new Error('no records')
  await keeper.swap(none, first)
  disk.fault = { at: disk.steps + 1, how: 'fail' }
  const failed = { code: 'ERR_HOTPAIR_ARBITER_UNREACHABLE', message: /not changed.*EIO/ }
  await t.rejects(keeper.swap(first, second), failed)
  t.same(await keeper.read(), first)
  t.equal(await keeper.swap(first, second), undefined)
})

t.test('after a write that may have been done only the disk is believed', async (t) => {
  for (const step of [3, 4]) {
    const disk = new ModelDisk()
    const keeper = new Keeper(disk, '/kept', 'line-4')
    const [first, second] = [1, 2].map((epoch) => encodeRecord(recordOf({ epoch })))
    if (!first || !second) throw new Error('no records')
    await keeper.swap(none, first)
    disk.fault = { at: disk.steps + step, how: 'fail' }
    await t.rejects(keeper.swap(first, second), { code: 'ERR_HOTPAIR_ARBITER_UNKNOWN' })
    t.same(await keeper.read(), step === 3 ? first : second, 'as the disk has it')
    disk.restart(() => false)
    t.same(await new Keeper(disk, '/kept', 'line-4').read(), step === 3 ? first : second)
  }
})

t.test('a file that is not understood is neither guessed nor overwritten', async (t) => {
  const bytes = encodeRecord(recordOf({}))
  const file = encodeKept('witness', 'line-4', bytes)
  const path = `/kept/${fileNameOf('line-4')}`
  const files = new Map([
    ['torn', file.subarray(0, file.length >> 1)],
    ['of another pair', encodeKept('witness', 'line-5', bytes)],
    ['empty', none],
    ['foreign', Buffer.from('{ "epoch": 1 }')],
  ])
  for (const [name, content] of files) {
    const disk = new ModelDisk()
    disk.put(path, content)
    const keeper = new Keeper(disk, '/kept', 'line-4')
    const refused = { code: 'ERR_HOTPAIR_ARBITER_RECORD', message: new RegExp(path) }
    await t.rejects(keeper.read(), refused, name)
    await t.rejects(keeper.swap(none, bytes), refused, name)
    t.same(await disk.read(path), content, 'it is as it was')
    disk.put(path, file)
    t.same(await keeper.read(), bytes, 'mended by an operator, it is taken')
  }
})

t.test('names of files are safe, and different for different pairs', async (t) => {
  t.match(fileNameOf('line-4'), /^line-4-[0-9a-f]{16}\.record$/)
  t.match(fileNameOf('../../etc/passwd'), /^[A-Za-z0-9_-]+\.record$/)
  t.not(fileNameOf('a/b'), fileNameOf('a_b'))
  t.ok(Buffer.byteLength(fileNameOf('\u{1f600}'.repeat(64))) < 200)
})
