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
  t.same(await names.first(), [undefined], 'at open it may be unknown')
  const changes: string[] = []
  let isAway = true
  names.follow(
    clock,
    () => isAway,
    (link, host) => changes.push(`${link} ${host}`),
  )
  await clock.run(499)
  t.equal(asked, 1, 'nobody is asked before the first pause is over')
  await clock.run(60_000)
  t.same(changes, ['0 10.0.0.1', '0 10.0.0.2'], 'each change is told once')
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
  t.same(await names.first(), ['127.0.0.1'])
  names.follow(
    clock,
    () => true,
    () => t.fail('nothing changes'),
  )
  await clock.run(60_000)
  t.equal(asked, 1)
})

t.test("this member's own name must resolve", async (t) => {
  const cause = new Error('no such host')
  const asked = resolveOwn({ host: 'control-a', port: 7400 }, () => Promise.reject(cause))
  await t.rejects(asked, { code: 'ERR_HOTPAIR_ADDRESS', message: /control-a:7400/, cause })
})
