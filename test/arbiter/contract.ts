/**
 * What every arbiter must do, as one list of tests that each implementation runs.
 *
 * The world that is tested opens clients of one arbiter, each as a member of the pair has its own;
 * the tests count on nothing but the port.
 */

import t, { type Test } from 'tap'
import type { ArbiterPort, ArbiterRecord, ArbiterSight } from '#lib/runtime/ports-arbiter.js'
import { incarnationOf } from '#lib/units.js'
import { areSameRecords, mostHolders } from '#lib/wire/record.js'
import { recordOf } from './records.js'

/** An arbiter under test. */
export interface ArbiterWorld {
  /** A client of a pair that nothing was kept for yet, all clients of one `pair` see the same. */
  open(t: Test, pair: string): Promise<ArbiterPort> | ArbiterPort
}

let pairs = 0
const newPair = (): string => `pair-${++pairs}`

/** Puts the tests of the contract into the file that calls it. */
export function arbiterContract(name: string, world: ArbiterWorld): void {
  const test = (says: string, run: (t: Test, open: () => Promise<ArbiterPort>) => Promise<void>) =>
    t.test(`${name}: ${says}`, async (t) => {
      const pair = newPair()
      await run(t, async () => {
        const arbiter = await world.open(t, pair)
        t.teardown(() => arbiter.close())
        return arbiter
      })
    })

  test('at first nothing was ever kept', async (t, open) => {
    const arbiter = await open()
    t.equal(await arbiter.read(), undefined)
    const outcome = await arbiter.swap(recordOf({}), recordOf({}))
    t.same(outcome, { isSwapped: false, found: undefined })
    t.equal(await arbiter.read(), undefined, 'nothing has come of it')
  })

  test('what was swapped in is read by everybody', async (t, open) => {
    const [one, other] = [await open(), await open()]
    const record = recordOf({ epoch: 3 })
    t.same(await one.swap(undefined, record), { isSwapped: true })
    t.same(await other.read(), record)
    t.same(await one.read(), record)
    t.match(await other.swap(undefined, recordOf({})), { isSwapped: false, found: record })
  })

  test('the whole is compared, not the epoch alone', async (t, open) => {
    const arbiter = await open()
    const kept = recordOf({ epoch: 5 })
    await arbiter.swap(undefined, kept)
    const b = { member: 'b', incarnation: incarnationOf(77n) } as const
    const near: readonly Partial<ArbiterRecord>[] = [
      { claim: kept.claim + 1n },
      { primary: 'b' },
      { inSync: kept.inSync.slice(0, 1) },
      { inSync: [...kept.inSync, b] },
      { history: recordOf({}).history.replace('0', '1') as ArbiterRecord['history'] },
    ]
    for (const change of near) {
      const outcome = await arbiter.swap({ ...kept, ...change }, recordOf({ epoch: 7 }))
      t.ok(!outcome.isSwapped && areSameRecords(outcome.found, kept), Object.keys(change).join())
    }
    const reordered = { ...kept, inSync: [...kept.inSync].reverse() }
    t.same(await arbiter.swap(reordered, recordOf({ epoch: 7 })), { isSwapped: true })
  })

  test('of swaps at the same time exactly one is done', async (t, open) => {
    const clients = [await open(), await open(), await open()]
    let kept: ArbiterRecord | undefined
    for (let round = 0; round < 8; round++) {
      const nexts = clients.flatMap((client) =>
        [1, 2].map(() => ({ client, next: recordOf({ epoch: 2 * round + 1 }) })),
      )
      const outcomes = await Promise.all(nexts.map(({ client, next }) => client.swap(kept, next)))
      const won = nexts.filter((_, index) => outcomes[index]?.isSwapped)
      t.equal(won.length, 1, `round ${round}`)
      kept = won[0]?.next
      for (const outcome of outcomes) {
        if (!outcome.isSwapped) t.ok(areSameRecords(outcome.found, kept), 'the others find it')
      }
    }
  })

  test('no read is older than a swap or a read that ended before it', async (t, open) => {
    const [writer, reader] = [await open(), await open()]
    let kept: ArbiterRecord | undefined
    let isOver = false
    let newest = 0
    const reading = (async () => {
      for (let last = 0; !isOver; ) {
        const floor = Math.max(last, newest)
        const epoch = (await reader.read())?.epoch ?? 0
        if (epoch < floor) t.fail(`read ${epoch} after ${floor}`)
        last = epoch
      }
    })()
    for (let epoch = 1; epoch <= 20; epoch++) {
      const next = recordOf({ epoch })
      t.ok((await writer.swap(kept, next)).isSwapped)
      kept = next
      newest = epoch
    }
    isOver = true
    await reading
  })

  test('small and large records come back as they were', async (t, open) => {
    const arbiter = await open()
    const large = Array.from({ length: mostHolders }, (_, index) => {
      return { member: 'b', incarnation: incarnationOf(2n ** 64n - 9n + BigInt(index)) } as const
    })
    const claims = [0n, 2n ** 128n - 1n] as const
    const small = { ...recordOf({ claim: claims[0] }), inSync: [] }
    const big = { ...recordOf({ claim: claims[1], epoch: Number.MAX_SAFE_INTEGER }), inSync: large }
    t.same(await arbiter.swap(undefined, small), { isSwapped: true })
    t.same(await arbiter.read(), small)
    t.same(await arbiter.swap(small, big), { isSwapped: true })
    t.same(await arbiter.read(), big)
  })

  test('who watches is told what is there, and what comes', async (t, open) => {
    const [watcher, other] = [await open(), await open()]
    const seen = collect(watcher)
    await seen.until((sight) => sight.kind === 'reach' && sight.isReachable)
    await seen.until((sight) => sight.kind === 'record' && sight.record === undefined)
    const first = recordOf({ epoch: 1 })
    await other.swap(undefined, first)
    await seen.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, first))
    const second = recordOf({ epoch: 2 })
    await other.swap(first, second)
    await seen.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, second))
    seen.end()
    const third = recordOf({ epoch: 3 })
    await other.swap(second, third)
    const late = collect(watcher)
    await late.until((sight) => sight.kind === 'record' && areSameRecords(sight.record, third))
    t.notOk(
      seen.sights.some((sight) => sight.kind === 'record' && sight.record?.epoch === 3),
      'a listener that was taken back hears nothing',
    )
    late.end()
  })

  test('a wait is ended by its signal, and by close', async (t, open) => {
    const arbiter = await open()
    const reason = new Error('enough')
    await t.rejects(arbiter.read(AbortSignal.abort(reason)), reason)
    await t.rejects(arbiter.swap(undefined, recordOf({}), AbortSignal.abort(reason)), reason)
    t.equal(await arbiter.read(), undefined, 'it was not even asked')
    await Promise.all([arbiter.close(), arbiter.close()])
    await t.rejects(arbiter.read(), { code: 'ERR_HOTPAIR_CLOSED' })
    await t.rejects(arbiter.swap(undefined, recordOf({})), { code: 'ERR_HOTPAIR_CLOSED' })
    arbiter.watch(() => t.fail('a listener is called after close'))()
  })
}

/** What a client sees, from here on. */
export interface Seen {
  readonly sights: readonly ArbiterSight[]
  until(matches: (sight: ArbiterSight) => boolean): Promise<ArbiterSight>
  end(): void
}

/** Watches `arbiter`. */
export function collect(arbiter: ArbiterPort): Seen {
  const sights: ArbiterSight[] = []
  const waiting = new Set<() => void>()
  const end = arbiter.watch((sight) => {
    sights.push(sight)
    for (const look of [...waiting]) look()
  })
  return {
    sights,
    end,
    until(matches) {
      return new Promise((resolve) => {
        const look = (): void => {
          const found = sights.find(matches)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      })
    },
  }
}
