/**
 * Names of the other member: asked for again with back-off while it is away, told when they change.
 */

import t from 'tap'
import { PeerNames, resolveOwn } from '#lib/member/names.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'

t.test('a name that resolves later, or anew, is followed while the other is away', async (t) => {
  const clock = new VirtualClock()
  const answers: (string | undefined)[] = [undefined, undefined, '10.0.0.1', '10.0.0.1', '10.0.0.2']
  let asked = 0
  const names = new PeerNames([{ host: 'control-b', port: 7400 }], async () => {
    const answer = answers[Math.min(asked, answers.length - 1)]
    asked += 1
    if (answer === undefined) throw new Error('no such host')
    return answer
  })
  t.same(await names.first([4]), [undefined], 'at open it may be unknown')
  const changes: string[] = []
  const unknown: string[] = []
  let isAway = true
  names.follow(clock, {
    isAway: () => isAway,
    changed: (link, host) => changes.push(`${link} ${host}`),
    unknown: ({ host }, reason) => unknown.push(`${host}: ${reason}`),
  })
  await clock.run(499)
  t.equal(asked, 1, 'nobody is asked before the first pause is over')
  await clock.run(60_000)
  t.same(changes, ['0 10.0.0.1', '0 10.0.0.2'], 'each change is told once')
  t.same(unknown, ['control-b: no such host'], 'and that it was unknown, twice, is told once')
  t.ok(asked < 13, `pauses grow to 10 s: ${asked} questions in a minute`)
  isAway = false
  const before = asked
  await clock.run(120_000)
  t.ok(asked <= before + 1, 'while the other is heard nobody is asked')
  names.close()
  isAway = true
  await clock.run(180_000)
  t.ok(asked <= before + 1, 'after close nobody is asked')
})

t.test('numeric addresses are asked for once', async (t) => {
  const clock = new VirtualClock()
  let asked = 0
  const names = new PeerNames([{ host: '127.0.0.1', port: 7400 }], async (host) => {
    asked += 1
    return host
  })
  t.same(await names.first([4]), ['127.0.0.1'])
  names.follow(clock, {
    isAway: () => true,
    changed: () => t.fail('nothing changes'),
    unknown: () => t.fail('nothing is unknown'),
  })
  await clock.run(60_000)
  t.equal(asked, 1)
})

t.test('a name that is lost again is told again, and its last address is kept', async (t) => {
  const clock = new VirtualClock()
  let answer: string | undefined = '10.0.0.1'
  const families: number[] = []
  const names = new PeerNames([{ host: 'control-b', port: 7400 }], async (_, family) => {
    families.push(family)
    if (answer === undefined) throw new Error('no such host')
    return answer
  })
  t.same(await names.first([6]), ['10.0.0.1'])
  const told: string[] = []
  names.follow(clock, {
    isAway: () => true,
    changed: (_, host) => told.push(host),
    unknown: ({ host, port }) => told.push(`${host}:${port} is unknown`),
  })
  for (const next of [undefined, '10.0.0.1', undefined, '10.0.0.2']) {
    answer = next
    await clock.run(clock.now() + 30_000)
    t.equal(names.hasUnknown, next === undefined)
  }
  const unknown = 'control-b:7400 is unknown'
  t.same(told, [unknown, unknown, '10.0.0.2'])
  t.same(new Set(families), new Set([6]), 'in the family of the own end of the link')
  names.close()
})

t.test("this member's own name must resolve", async (t) => {
  const cause = new Error('no such host')
  const asked = resolveOwn({ host: 'control-a', port: 7400 }, () => Promise.reject(cause))
  await t.rejects(asked, { code: 'ERR_HOTPAIR_ADDRESS', message: /control-a:7400/, cause })
})
