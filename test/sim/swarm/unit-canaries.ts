/**
 * Known bugs of a unit that is a process of its own, of its server, and of what goes along when the
 * beats move from one to the other; see `canaries.ts`.
 */

import type { Heartbeat } from '#lib/native/heartbeat.js'
import type { BeatsPlaces, BeatsStart } from '#lib/unit/beats-places.js'
import { over } from './over.js'
import type { Wraps } from './trial.js'

/** Every place of the beats with something about it changed, and what it begins with. */
function places(
  change: (place: Heartbeat) => Partial<Heartbeat>,
  start: (start: BeatsStart) => BeatsStart = (same) => same,
): Wraps {
  return {
    places: (own) => ({
      here: (asked) => changed(own.here(start(asked)), change),
      atUnit: (asked) => changed(own.atUnit(start(asked)), change),
      startUnit: () => own.startUnit(),
    }),
  }
}

function changed(place: Heartbeat, change: (place: Heartbeat) => Partial<Heartbeat>): Heartbeat {
  return over(place, change(place))
}

/** Each place says as it is left that its gate is open, whether it has lapsed or not. */
function stillOpen(own: BeatsPlaces): BeatsPlaces {
  let isMoving = false
  const watched = (open: () => Heartbeat) => {
    isMoving = true
    const place = open()
    return changed(place, () => ({
      isGateOpen: () => isMoving || place.isGateOpen(),
      announce: (presence) => {
        isMoving = false
        place.announce(presence)
      },
    }))
  }
  return {
    here: (start) => watched(() => own.here(start)),
    atUnit: (start) => watched(() => own.atUnit(start)),
    startUnit: () => own.startUnit(),
  }
}

/** A new one for each trial: some remember. */
export const unitCanaries: Readonly<Record<string, () => Wraps>> = {
  /** Nobody looks whether the unit still lives. */
  'unit-death-unnoticed': () => places(() => ({ isLost: () => false })),

  /** A server that beats for its dead unit counts its packets from the beginning. */
  'numbers-begin-anew': () =>
    places(
      () => ({}),
      ({ known }) => ({ firstSeq: 0n, known }),
    ),

  /** Who beats from another place does not know whom it has to miss. */
  'peer-forgotten-by-a-move': () =>
    places(
      () => ({}),
      ({ firstSeq }) => ({ firstSeq, known: 0n }),
    ),

  /** The marks stay behind when the beats move. */
  'marks-left-behind': () => places(({ marks }) => ({ marks: over(marks, { restore: () => {} }) })),

  /** An output is marked as begun when it is sent. */
  'marks-after-deliver': () => ({ marks: (marks) => over(marks, { begun: () => {} }) }),

  /** An output is marked as sent when it is begun. */
  'marks-before-deliver-resolved': () => ({
    marks: (marks) =>
      over(marks, {
        begun: (channel, number) => {
          marks.begun(channel, number)
          marks.sent(channel, number)
        },
      }),
  }),

  /** Words about a reign that is long over are believed. */
  'marks-of-another-reign': () => ({
    server: (port, { server, beats }) =>
      over(port, {
        takeOver: (...asked) => {
          const marks = beats.peerMarks()
          const { epoch } = server.following
          if (marks && epoch !== undefined) server.lastWords.tell({ ...marks, epoch })
          port.takeOver(...asked)
        },
      }),
  }),

  /** The gate that has lapsed between two places is opened at the second one. */
  'gate-reopened-by-a-move': () => ({ places: stillOpen }),

  /** A gate that has lapsed is not told to the rules. */
  'lapse-not-told': () => ({
    beats: (beats) => over(beats, { view: () => ({ ...beats.view(), gateLapses: 0 }) }),
  }),

  /** What a unit has heard and renounced before it died is forgotten with it. */
  'renunciation-forgotten': () =>
    places((place) => ({
      disarm: () => {
        const renounced = place.disarm()
        return place.isLost() ? 0n : renounced
      },
      view: () => {
        const view = place.view()
        return place.isLost() ? { ...view, renouncedNatively: 0n, heardAtMs: 0 } : view
      },
    })),

  /** A unit goes on to say that its server is dead when another one has joined it. */
  'gone-after-a-new-server': () => {
    const hasGone = { a: false, b: false }
    return {
      beat: (beat, from) => {
        hasGone[from] ||= beat.isGone
        return beat.isGone === hasGone[from] ? beat : { ...beat, isGone: true }
      },
    }
  },
}
