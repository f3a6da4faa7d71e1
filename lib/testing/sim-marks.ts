/**
 * The marks of what was begun and sent, as a simulated unit reads them when its server is dead: the
 * plain counterpart of native/heartbeat/sent_marks.cpp.
 */

import type { SentMarksFacts } from '../native/binding-heartbeat.js'
import { SentMarks } from '../native/sent-marks.js'
import type { PeerMarks } from '../runtime/ports-beats.js'
import type { Incarnation } from '../units.js'

/** As in sent_marks.hpp. */
const layout: SentMarksFacts = {
  epoch: 0,
  lanes: 8,
  lane: 16,
  laneBytes: 16,
  begun: 0,
  sent: 8,
  mostLanes: 256,
}

export function simMarks(): SentMarks {
  return new SentMarks(new ArrayBuffer(layout.lane + layout.laneBytes * layout.mostLanes), layout)
}

/** Undefined when they speak of no reign. */
export function readMarks(marks: SentMarks, incarnation: Incarnation): PeerMarks | undefined {
  const [epoch = 0, count = 0, ...words] = marks.copy()
  if (epoch === 0) return undefined
  const lanes = Array.from({ length: count }, (_, lane) => ({
    begun: words[2 * lane] ?? 0,
    sent: words[2 * lane + 1] ?? 0,
  }))
  // As the native reader: rubbish in one place, and all of it is believed no more.
  if (lanes.some(({ begun, sent }) => sent > begun)) return undefined
  return { incarnation, epoch, lanes }
}
