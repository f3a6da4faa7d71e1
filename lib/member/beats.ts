/**
 * The beats of a member: what they are opened with, and where they are sent from.
 */

import type { Config } from '../config.js'
import { isPairError, NativeError } from '../errors.js'
import { type Heartbeat, type HeartbeatOptions, openHeartbeat } from '../native/heartbeat.js'
import { systemClock } from '../runtime/clock.js'
import type { MarksPort } from '../runtime/ports-beats.js'
import type { BeatsStart } from '../unit/beats-places.js'
import { beatKeys, pairDigest } from '../unit/keys.js'
import { UnitBeats } from '../unit/unit-beats.js'
import { unitSocketPath } from '../unit/unit-process.js'
import { type Incarnation, millis } from '../units.js'
import { familyOf } from './names.js'
import { startUnit } from './start-unit.js'

/** Where beats go while the other member's name cannot be resolved: nobody is there. */
const nowhere = { 0: '0.0.0.0', 4: '0.0.0.0', 6: '::' } as const

/** Of a member that has just started. */
const atFirst: BeatsStart = { firstSeq: 0n, known: 0n }

/** Hosts of the two ends of each link, in the order of the addresses. */
export interface Hosts {
  readonly own: readonly string[]
  /** Undefined while its name cannot be resolved. */
  readonly other: readonly (string | undefined)[]
}

/** What the beat thread of the member of `config` needs to know. */
export function heartbeatOptions<State>(
  config: Config<State>,
  incarnation: Incarnation,
  { own, other }: Hosts,
  { firstSeq, known }: BeatsStart = atFirst,
): HeartbeatOptions {
  const { pair, member, secrets, heartbeatMs, windowMs, hangAfterMs, onHang, addresses } = config
  return {
    pair: pairDigest(pair),
    self: member === 'a' ? 0 : 1,
    incarnation,
    firstSeq,
    known,
    keys: beatKeys(pair, secrets),
    intervalMicros: Math.round(heartbeatMs * 1_000),
    windowMicros: Math.round(windowMs * 1_000),
    hangAfterMs: Math.round(hangAfterMs),
    dials: member === 'b',
    killsHung: onHang === 'kill',
    links: own.map((selfHost, link) => {
      const { port = 0 } = addresses.peer[link] ?? {}
      return {
        selfHost,
        selfPort: addresses.self[link]?.port ?? 0,
        peerHost: other[link] ?? nowhere[familyOf(selfHost)],
        peerPort: port,
        peerDataPort: port + 1,
      }
    }),
  }
}

/** How long a unit that was started may take until it listens, and how often it is looked for. */
const unitPatienceMs = 5_000
const unitLookMs = 5

export interface BeatsOwner {
  /** There may be something new to see. */
  ring(): void
  /** The beats are sent by another process than before. */
  moved(place: 'embedded' | 'process', reason: string): void
  /** Nobody can send them at the moment. */
  stuck(error: unknown): void
}

/**
 * Opens the beats of a member in this process, or at its unit, which is started if none is there.
 *
 * @throws NativeError as `openHeartbeat`; `ERR_HOTPAIR_UNIT` when no unit was there in time.
 */
export async function openBeats<State>(
  config: Config<State>,
  incarnation: Incarnation,
  hosts: Hosts,
  owner: BeatsOwner,
): Promise<Heartbeat | UnitBeats> {
  const optionsFrom = (start: BeatsStart) => heartbeatOptions(config, incarnation, hosts, start)
  if (config.unit === 'embedded') return openHeartbeat(optionsFrom(atFirst), () => owner.ring())
  const path = config.unitSocket ?? unitSocketPath(config.pair, config.member)
  let beats: UnitBeats | undefined
  const rung = () => beats?.rung()
  const places = {
    here: (start: BeatsStart) => openHeartbeat(optionsFrom(start), rung),
    atUnit: (start: BeatsStart) => openHeartbeat({ ...optionsFrom(start), unit: path }, rung),
    startUnit: (ended: (why: string) => void = () => {}) => startUnit(path, ended),
  }
  const first = await join(places)
  const { heartbeatMs } = config
  beats = new UnitBeats({ clock: systemClock, heartbeatMs, places, ...owner }, first)
  return beats
}

/** What is told when it has. */
export const killedFormer = {
  place: 'process',
  reason: 'the server before this one hung, and its unit has killed it',
} as const

/** Marks at wherever the beats are sent from. */
export function marksIn(beats: () => { readonly marks: MarksPort } | undefined): MarksPort {
  return {
    reign: (epoch, sent) => beats()?.marks.reign(epoch, sent),
    begun: (channel, number) => beats()?.marks.begun(channel, number),
    sent: (channel, number) => beats()?.marks.sent(channel, number),
    end: () => beats()?.marks.end(),
  }
}

/** Joins the unit that is there, else starts one and waits until it listens. */
async function join(places: {
  readonly atUnit: (start: BeatsStart) => Heartbeat
  readonly startUnit: (ended: (why: string) => void) => void
}): Promise<Heartbeat> {
  const until = systemClock.now() + unitPatienceMs
  let whyEnded: string | undefined
  for (let isStarted = false; ; isStarted = true) {
    try {
      return places.atUnit(atFirst)
    } catch (error) {
      if (!isPairError(error) || error.code !== 'ERR_HOTPAIR_UNIT') throw error
      // Looked for once more after that: it may have ended because another one is there.
      if (whyEnded !== undefined) {
        const why = `${error.message}; the one that was started ended: ${whyEnded}`
        throw new NativeError('ERR_HOTPAIR_UNIT', why, { cause: error })
      }
      if (systemClock.now() > until) throw error
    }
    if (!isStarted) {
      places.startUnit((why) => {
        whyEnded = why
      })
    }
    await new Promise<void>((resolve) => systemClock.setTimer(millis(unitLookMs), resolve))
  }
}
