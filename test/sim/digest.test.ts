/**
 * Digests of the state over the shipped code: a divergence that no output shows is found, its frame
 * is named, and the standby loads again.
 */

import t from 'tap'
import type { App } from '#lib/options.js'
import { Replica } from '#lib/server/replica.js'
import { openReferenceOutbox } from '#lib/testing/reference-outbox.js'
import type { SimMember } from '#lib/testing/sim-member.js'
import { historyId, instant } from '#lib/units.js'
import { Play } from './play.js'

interface State {
  total: number
  secret: number
  readonly seen: Map<number, { readonly at: number }>
}

/** Input `n:wild` puts something of the member's own into the state, `n:throws` throws. */
function appOf(member?: SimMember<State>): App<State> {
  return {
    init: () => ({ total: 0, secret: 0, seen: new Map() }),
    process(state, frame, ctx) {
      const [number = '', kind] = Buffer.from(frame.data).toString().split(':')
      state.total += Number(number)
      state.seen.set(Number(number) % 50, { at: ctx.now })
      if (kind === 'wild') state.secret = member?.id === 'a' ? 1 : 2
      if (kind === 'tame') state.secret = 0
      if (kind === 'throws') {
        state.secret = member?.id === 'a' ? 1 : 2
        throw new Error('half way')
      }
      ctx.send(Buffer.from(`${state.total}`))
    },
    deliver: () => {},
  }
}

async function played(digestEvery: number): Promise<Play<State>> {
  const play = new Play<State>({ seed: 5, digestEvery, app: appOf })
  await play.whole()
  return play
}

async function feed(play: Play<State>, count: number, kind = ''): Promise<void> {
  for (let fed = 0; fed < count; fed += 1) {
    play.feed(kind)
    await play.run(1)
  }
}

t.test('equal states stay a pair', async (t) => {
  const play = await played(7)
  await feed(play, 300)
  t.ok(play.pair.isPaired)
  t.strictSame(play.faults, [])
})

t.test(
  'a state that differs is found within digestEvery frames, and the frame named',
  async (t) => {
    const play = await played(10)
    await feed(play, 95)
    const standby = play.pair.members.find(({ role }) => role === 'standby')
    await feed(play, 1, 'wild')
    await feed(play, 20)
    const [fault] = play.faults
    t.match(fault, new RegExp(`^${standby?.id} ERR_HOTPAIR_DIVERGED`))
    const [, found = 0, equal = 0] = fault?.match(/after frame (\d+).*equal after (\d+);/) ?? []
    t.ok(Number(equal) < 96 && Number(found) >= 96, `frame 96 lies between ${equal} and ${found}`)
    t.ok(Number(found) - Number(equal) <= 10, 'digestEvery frames at most')
    t.equal(play.faults.length, 1)
    await play.whole()
    await feed(play, 50)
    t.ok(play.pair.isPaired, 'it has loaded again and is in step')
    t.equal(play.faults.length, 1, 'the load has made both equal')
  },
)

t.test('half of a change, left by a frame that threw, is looked for at once', async (t) => {
  const play = await played(1_000)
  await feed(play, 50)
  await feed(play, 1, 'throws')
  await feed(play, 5)
  const [fault] = play.faults.filter((text) => text.includes('DIVERGED'))
  t.match(fault, /after frame 51, they were equal after 0;/)
})

t.test('with digestEvery 0 nothing is compared', async (t) => {
  const play = await played(0)
  await feed(play, 1, 'wild')
  await feed(play, 100)
  t.strictSame(play.faults, [])
  t.ok(play.pair.isPaired)
})

// ---- the digest of a load ----

function replicaOf(app: App<State>): Replica<State> {
  const limits = { outboxBytes: 20_000, sources: 4, channels: 4, timers: 4 }
  const loop = { markFrame: () => {}, announceBlock: () => () => {} }
  const events = { fault: () => {}, skipped: () => {} }
  const replica = new Replica(app, openReferenceOutbox(20_000), limits, loop, events)
  replica.init(historyId('1'.padStart(32, '0')))
  return replica
}

const data = Buffer.from('1:')
const frame = { frameNo: 1, stamp: 5, kind: 'input', source: 's', seq: 1, data } as const

t.test('a load that does not give back what went in is refused, and nothing changes', (t) => {
  const from = replicaOf(appOf())
  from.apply(frame)
  const image = from.image(101 as never, () => [])
  const at = Buffer.from(image).indexOf('total') + 'total'.length + 1
  const damaged = Buffer.from(image)
  damaged[at] = 4
  const into = replicaOf(appOf())
  const expected = { history: from.history, frameNo: 1 }
  const before = into.digest()
  t.throws(() => into.restore(damaged, expected, instant(1)), {
    code: 'ERR_HOTPAIR_LOAD',
    message: /otherwise than it went in/,
  })
  t.equal(into.digest(), before)
  into.restore(image, expected, instant(1))
  t.equal(into.digest(), from.digest())
  t.end()
})

t.test('a state that a load would change is not sent', (t) => {
  class Account {
    readonly at = 1
  }
  const replica = replicaOf({
    ...appOf(),
    process: (state) => void state.seen.set(1, new Account()),
  })
  replica.apply(frame)
  t.throws(() => replica.image(101 as never, () => []), {
    code: 'ERR_HOTPAIR_STATE',
    message: /the state holds an instance of the class Account/,
  })
  t.end()
})
