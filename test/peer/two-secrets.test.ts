/**
 * Data links of a pair that goes from one secret to another: whoever has one in common with the
 * other side is let in, whichever he has first, and both know which one it was.
 */

import t from 'tap'
import { dialling, openPair, Party } from './party.js'

const old = 'the old secret of the pair'
const next = 'the next secret of the pair'

for (const [a, b, used] of [
  [[old], [old, next], old],
  [[old, next], [old], old],
  [[old, next], [old, next], old],
  [[next, old], [old, next], old],
  [[old, next], [next, old], next],
  [[next, old], [next, old], next],
  [[next], [next, old], next],
  // Out of order: b offers what a has no more, and then the other one.
  [[next], [old, next], next],
  [[old], [next, old], old],
] as const) {
  const sides = `${a.map((each) => each.split(' ')[1])} and ${b.map((each) => each.split(' ')[1])}`
  t.test(`${sides}: they find the one that both have`, async (t) => {
    const pair = await openPair(t, { a: { secrets: a }, b: { secrets: b } })
    await Promise.all([pair.a.untilUp(), pair.b.untilUp()])
    t.equal(a[pair.a.peer.secretInUse], used)
    t.equal(b[pair.b.peer.secretInUse], used)
    t.same([pair.a.refusals, pair.b.refusals.map(({ code }) => code)], [pair.a.refusals, []])
  })
}

t.test('with none in common it is refused once, whatever was tried', async (t) => {
  const both = {
    a: { secrets: [old, next] },
    b: { secrets: ['a third, of enough letters', 'a fourth, of enough letters'] },
  }
  const { a, b } = await openPair(t, both)
  await b.untilRefused()
  await a.untilRefused()
  t.same(
    b.refusals.map(({ code }) => code),
    ['ERR_HOTPAIR_PEER_SECRET'],
  )
  t.same(
    a.story.filter((each) => each === 'up'),
    [],
  )
  await b.peer.close()
  const fits = await new Party({ ...dialling(a.port), secrets: [next] }).open(t)
  await fits.untilUp()
})
