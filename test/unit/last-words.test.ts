/**
 * What the other's unit told when its server died reaches the server here before the finding.
 */

import t from 'tap'
import type { Happening } from '#lib/core/event.js'
import type { BeatsPort, BeatView, PeerMarks } from '#lib/runtime/ports-beats.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import { Unit } from '#lib/unit/unit.js'
import { epochOf, millis } from '#lib/units.js'
import { encodePresence } from '#lib/wire/presence.js'

const marks: PeerMarks = { incarnation: 7n, epoch: 1001, lanes: [{ begun: 4, sent: 3 }] }

const presence = (epoch: number) =>
  encodePresence({
    ...{ role: 'primary', mode: 'paired', isBlank: false, epoch: epochOf(epoch) },
    ...{ history: undefined, draw: 0n, drawEcho: 0n, inSync: undefined, settings: 1n },
    ...{ renounced: epochOf(0), askRenounce: epochOf(0), lost: undefined },
  })

function stage(told: PeerMarks | undefined) {
  const trail: string[] = []
  let view = {
    ...{ suspicion: 'alive', verdict: 'none', verdictAtMs: 0, peerIncarnation: 7n },
    ...{ answeredSeq: 1n, ownSeq: 1n, heardAtMs: 1, presence: presence(1001) },
    ...{ stallCount: 0, gateLapses: 0, sameMember: 0, refused: 0, roundTripMs: 0, linksUp: 1 },
    ...{ peerVouchAgeMs: 0, isPeerBusy: false, peerInFrame: 0, renouncedNatively: 0n },
  } as BeatView
  const beats = { view: () => view, peerMarks: () => told } as unknown as BeatsPort
  const unit = new Unit(beats, {
    clock: new VirtualClock(),
    heartbeatMs: millis(100),
    post: (happening: Happening) => trail.push(happening.type),
    tell: () => {},
    peerHeard: () => {},
    lastWords: ({ incarnation }) => trail.push(`words of ${incarnation}`),
  })
  const look = (news: Partial<BeatView>) => {
    view = { ...view, ...news }
    trail.length = 0
    unit.look()
    return [...trail]
  }
  look({})
  return look
}

t.test('they come before the finding, once', async (t) => {
  const look = stage(marks)
  t.same(look({ verdict: 'process-gone' }), ['words of 7', 'found'])
  t.same(look({ heardAtMs: 2 }), [])
})

t.test('they come before a newborn that was heard in the same look', async (t) => {
  const look = stage(marks)
  t.same(look({ peerIncarnation: 8n, presence: presence(0) }), ['words of 7', 'heard'])
})

t.test('those of an incarnation before that are not told', async (t) => {
  const look = stage({ ...marks, incarnation: 6n })
  t.same(look({ verdict: 'process-gone' }), ['found'])
  t.same(look({ peerIncarnation: 8n, verdict: 'none', presence: presence(0) }), ['heard'])
})

t.test('without a unit there are none', async (t) => {
  const look = stage(undefined)
  t.same(look({ verdict: 'process-gone' }), ['found'])
})
