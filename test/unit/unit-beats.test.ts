/**
 * A member whose unit dies and comes back: who sends the beats, and what is carried along.
 */

import t from 'tap'
import type { Heartbeat, HeartbeatView } from '#lib/native/heartbeat.js'
import { loadBinding } from '#lib/native/load.js'
import { SentMarks } from '#lib/native/sent-marks.js'
import type { BeatStatistics, LinkStatistics, PeerMarks } from '#lib/runtime/ports-beats.js'
import type { ClockPort } from '#lib/runtime/ports-clock.js'
import { VirtualClock } from '#lib/testing/virtual-clock.js'
import type { BeatsStart } from '#lib/unit/beats-places.js'
import { UnitBeats } from '#lib/unit/unit-beats.js'
import { instant } from '#lib/units.js'

const facts = loadBinding().facts.sentMarks

const blankView: HeartbeatView = {
  ...{ suspicion: 'unheard', verdict: 'none', verdictAtMs: 0, peerIncarnation: 0n },
  ...{ goneIncarnation: 0n, answeredSeq: 0n, ownSeq: 0n, heardAtMs: 0 },
  ...{ presence: new Uint8Array(), peerCounters: new Uint8Array() },
  ...{ stallCount: 0, stallSeq: 0n, gateLapses: 0, sameMember: 0, refused: 0 },
  ...{ badMac: 0, malformed: 0, replayed: 0, otherPair: 0, roundTripMs: 0, linksUp: 0 },
  ...{ peerVouchAgeMs: 0, isPeerBusy: false, peerInFrame: 0, renouncedNatively: 0n },
  ...{ unproved: 0, peerKey: 0, strangerFrom: undefined },
}

function linkOf(sent: number): LinkStatistics {
  const times = { count: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0, buckets: [] }
  const path = { sent, heard: 0, lost: 0, late: 0, jitter: times }
  return { udp: path, tcp: path, roundTrip: times }
}

/** A heartbeat that only notes what it was told. */
class Place implements Heartbeat {
  readonly marks = new SentMarks(
    new ArrayBuffer(facts.lane + facts.laneBytes * facts.mostLanes),
    facts,
  )
  readonly calls: string[] = []
  seen = blankView
  isOpen = false
  isDead = false
  renounced = 0n

  readonly unitPid: number
  readonly start: BeatsStart
  told: PeerMarks | undefined

  constructor(unitPid: number, start: BeatsStart) {
    this.unitPid = unitPid
    this.start = start
    this.seen = { ...blankView, ownSeq: start.firstSeq, peerIncarnation: start.known }
  }

  view = () => this.seen
  isLost = () => this.isDead
  peerMarks = () => this.told
  announce = (presence: Uint8Array) => void this.calls.push(`announce ${presence[0]}`)
  setCounters = () => {}
  probe = () => {}
  setPeerHost = (link: number, host: string) => void this.calls.push(`host ${link} ${host}`)
  openGate = () => {
    this.isOpen = true
  }
  closeGate = () => {
    this.isOpen = false
  }
  isGateOpen = () => this.isOpen
  arm = (epoch: bigint) => void this.calls.push(`arm ${epoch}`)
  disarm = () => {
    const { renounced } = this
    this.renounced = 0n
    return renounced
  }
  announceBlock = () => {}
  markFrame = () => {}
  /** Beats that it has sent. */
  sent = 0
  statistics = () => ({ isRealtime: false, links: [linkOf(this.sent)] })
  close = () => void this.calls.push('close')
}

function stage() {
  const time = new VirtualClock()
  const all: Place[] = []
  const moves: string[] = []
  const held = {
    ...{ isPortTaken: false, hasUnit: true, started: 0, stuck: [] as string[] },
    /** What calls into the addon have taken so far, and what a join takes. */
    ...{ calledMs: 0, joinMs: 0 },
  }
  const clock: ClockPort = {
    now: () => instant(time.now() + held.calledMs),
    wall: () => time.wall(),
    setTimer: (delay, fire) => time.setTimer(delay, fire),
    defer: (run) => time.defer(run),
    nextTurn: (run) => time.nextTurn(run),
  }
  const place = (pid: number, start: BeatsStart) => {
    const made = new Place(pid, start)
    all.push(made)
    return made
  }
  const first = place(100, { firstSeq: 0n, known: 0n })
  const beats = new UnitBeats(
    {
      clock,
      heartbeatMs: 100,
      places: {
        here: (start) => {
          if (held.isPortTaken) throw new Error('the port is taken')
          return place(0, start)
        },
        atUnit: (start) => {
          held.calledMs += held.joinMs
          if (!held.hasUnit) throw new Error('nobody is there')
          return place(200, start)
        },
        startUnit: () => {
          held.started += 1
        },
      },
      moved: (where, reason) => moves.push(`${where}: ${reason}`),
      stuck: (error) => held.stuck.push(String(error)),
      ring: () => {},
    },
    first,
  )
  const last = () => all.at(-1) ?? first
  const lose = () => {
    last().isDead = true
    beats.rung()
  }
  return { clock: time, beats, first, all, last, moves, held, lose }
}

t.test('the server goes on from where its dead unit stood', async (t) => {
  const { beats, first, last, moves, lose } = stage()
  beats.setPeerHost(0, '10.0.0.2')
  beats.announce(Uint8Array.of(7))
  beats.openGate()
  beats.arm(1001n)
  beats.marks.reign(1001, [3])
  first.seen = { ...first.seen, ownSeq: 500n, gateLapses: 2, stallCount: 1 }
  lose()
  const now = last()
  t.not(now, first)
  t.ok(now.start.firstSeq > 500n, 'packets are numbered above all that were sent')
  t.same(now.calls, ['host 0 10.0.0.2', 'announce 7', 'arm 1001'])
  t.ok(now.isOpen, 'the gate is as open as it was')
  t.same(now.marks.copy(), first.marks.copy())
  t.ok(first.calls.includes('close'))
  t.equal(beats.unitPid, 0)
  t.equal(beats.view().gateLapses, 2, 'no lapse is forgotten, and none is seen twice')
  t.equal(beats.view().stallCount, 1)
  t.match(moves, ['embedded: the unit has ended'])
})

t.test('a gate that has expired stays shut, and the rules learn of it', async (t) => {
  const { beats, first, last, lose } = stage()
  beats.openGate()
  first.isOpen = false
  lose()
  t.notOk(last().isOpen)
  t.equal(beats.view().gateLapses, 1)
})

t.test('one that the rules have shut is no lapse', async (t) => {
  const { beats, last, lose } = stage()
  beats.openGate()
  beats.closeGate()
  lose()
  t.notOk(last().isOpen)
  t.equal(beats.view().gateLapses, 0)
})

t.test('what the unit had renounced is told once, and not armed again', async (t) => {
  const { beats, first, last, lose } = stage()
  beats.arm(1001n)
  first.renounced = 1001n
  first.seen = { ...first.seen, renouncedNatively: 1001n }
  lose()
  t.same(
    last().calls.filter((call) => call.startsWith('arm')),
    [],
  )
  t.equal(beats.view().renouncedNatively, 1001n, 'it does not seem to be taken back')
  t.equal(beats.disarm(), 1001n)
  t.equal(beats.disarm(), 0n)
})

t.test('while a port is still held it is tried again', async (t) => {
  const { clock, first, last, held, lose } = stage()
  held.isPortTaken = true
  lose()
  t.equal(last(), first)
  await clock.run(clock.now() + 20)
  held.isPortTaken = false
  await clock.run(clock.now() + 20)
  t.not(last(), first)
  t.same(held.stuck, [])
})

t.test('a port that does not come free is told once, and what was renounced is kept', async (t) => {
  const { clock, beats, first, last, held, lose } = stage()
  beats.arm(1001n)
  first.renounced = 1001n
  held.isPortTaken = true
  lose()
  await clock.run(clock.now() + 5_000)
  t.equal(held.stuck.length, 1)
  beats.announce(Uint8Array.of(8))
  held.isPortTaken = false
  await clock.run(clock.now() + 300)
  t.not(last(), first)
  t.equal(beats.disarm(), 1001n)
})

t.test('neither a unit nor the ports: nobody beats until they are free', async (t) => {
  const { clock, beats, last, held, lose } = stage()
  beats.openGate()
  lose()
  const here = last()
  held.hasUnit = false
  held.isPortTaken = true
  await clock.run(clock.now() + 1_600)
  t.ok(here.calls.includes('close'))
  t.notOk(beats.isGateOpen())
  beats.announce(Uint8Array.of(9))
  beats.arm(1003n)
  beats.openGate()
  held.isPortTaken = false
  await clock.run(clock.now() + 300)
  t.not(last(), here)
  t.same(last().calls.slice(0, 2), ['announce 9', 'arm 1003'])
  t.equal(beats.view().gateLapses, 1, 'the rules learn that the gate was shut meanwhile')
})

t.test('a new unit takes over again; without one the server goes on', async (t) => {
  const { clock, beats, last, held, moves, lose } = stage()
  beats.announce(Uint8Array.of(7))
  beats.openGate()
  beats.marks.reign(1001, [3])
  held.hasUnit = false
  lose()
  await clock.run(clock.now() + 1_600)
  t.equal(held.started, 1)
  t.equal(beats.unitPid, 0)
  t.ok(last().isOpen, 'the gate stays open through a unit that did not come')
  t.equal(last().marks.copy()[0], 1001)
  t.match(moves[1], /^embedded: no unit could be joined: nobody is there/)
  held.hasUnit = true
  await clock.run(clock.now() + 3_000)
  t.equal(held.started, 2)
  t.equal(beats.unitPid, 200)
  t.ok(last().isOpen)
  t.same(last().calls, ['announce 7', 'arm 0'])
})

for (const [outcome, hasUnit] of [
  ['that came at last', true],
  ['that did not come', false],
] as const) {
  t.test(`a gate that would have lapsed while a unit was joined ${outcome} is shut`, async (t) => {
    const { clock, beats, last, held, lose } = stage()
    beats.openGate()
    lose()
    t.ok(last().isOpen)
    held.hasUnit = hasUnit
    held.joinMs = 150
    await clock.run(clock.now() + 1_600)
    t.equal(last().unitPid, hasUnit ? 200 : 0)
    t.notOk(last().isOpen, 'the other may rule by now')
    t.equal(beats.view().gateLapses, 1, 'and the rules must ask')
  })
}

const peerOf = {
  ...{ peerIncarnation: 9n, heardAtMs: 40, answeredSeq: 7n, suspicion: 'alive' as const },
  presence: Uint8Array.of(3),
}

t.test('the other is known at the next place before it is heard there', async (t) => {
  const { beats, first, last, lose } = stage()
  first.seen = { ...first.seen, ...peerOf, verdict: 'hung' }
  lose()
  t.equal(last().start.known, 9n, 'its silence counts')
  t.match(beats.view(), { ...peerOf, verdict: 'hung' })
  last().seen = { ...last().seen, verdict: 'process-gone' }
  t.match(beats.view(), { ...peerOf, verdict: 'process-gone' }, 'its end is found')
  last().seen = { ...last().seen, ...peerOf, heardAtMs: 60, presence: Uint8Array.of(4) }
  t.match(beats.view(), { heardAtMs: 60, presence: Uint8Array.of(4), verdict: 'process-gone' })
})

t.test('what was found at a place that is gone is not forgotten', async (t) => {
  const { beats, first, last, lose } = stage()
  first.seen = { ...first.seen, ...peerOf, verdict: 'process-gone' }
  first.told = { incarnation: 9n, epoch: 1001, lanes: [{ begun: 4, sent: 3 }] }
  lose()
  t.equal(last().start.known, 0n, 'nobody is to be missed')
  t.match(beats.view(), { ...peerOf, verdict: 'process-gone' })
  t.equal(beats.peerMarks()?.epoch, 1001)
})

t.test('a closed member does not move', async (t) => {
  const { beats, all, first, lose } = stage()
  beats.close()
  lose()
  t.same(all, [first])
})

t.test('statistics never go back, wherever the beats are sent from', async (t) => {
  const { clock, beats, first, last, held, lose } = stage()
  const sent = (since?: BeatStatistics) => beats.statistics(since).links[0]?.udp.sent
  first.sent = 100
  t.equal(sent(), 100)
  const since = beats.statistics()
  lose()
  t.equal(sent(), 100, 'what the unit has sent counts')
  last().sent = 30
  t.equal(sent(), 130)
  t.equal(sent(since), 30, 'a span reaches over the move')
  held.hasUnit = false
  held.isPortTaken = true
  await clock.run(clock.now() + 1_600)
  t.equal(sent(), 130, 'also while nobody sends any')
  held.hasUnit = true
  held.isPortTaken = false
  await clock.run(clock.now() + 10_000)
  t.equal(beats.unitPid, 200)
  last().sent = 5
  t.equal(sent(), 135)
  t.equal(sent(since), 35)
  beats.close()
  t.equal(sent(), 135)
})
