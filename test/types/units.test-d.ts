/**
 * What must not compile: units that are mixed, and made without their constructor.
 *
 * Compiling this file is the test: `@ts-expect-error` is itself an error where the line below it is
 * accepted. Nothing here is run.
 */
import {
  after,
  type Bytes,
  type Epoch,
  elapsed,
  epochOf,
  type FrameNo,
  frameNo,
  type HistoryId,
  historyId,
  type Incarnation,
  type Instant,
  instant,
  type MemberId,
  type Millis,
  millis,
  nextEpoch,
  type OutputNo,
  outputNo,
  peerOf,
} from '#lib/units.js'

const start: Instant = instant(5)
const pause: Millis = millis(10)

after(start, pause)
// @ts-expect-error: a point in time is no duration.
after(start, start)
// @ts-expect-error: a duration is no point in time.
after(pause, pause)
// @ts-expect-error: a bare number is no duration.
after(start, 10)

elapsed(start, after(start, pause))
// @ts-expect-error: between a point and a duration nothing elapses.
elapsed(start, pause)

// @ts-expect-error: a sum of a point and a duration is a bare number; `after` makes a point.
export const later: Instant = start + pause
// @ts-expect-error: a difference of points is a bare number; `elapsed` makes a duration.
export const between: Millis = start - start

export const frame: FrameNo = frameNo(1)
// @ts-expect-error: the number of an output is no number of a frame.
export const output: OutputNo = frameNo(1)
// @ts-expect-error: the number of a frame is no number of an output.
export const otherFrame: FrameNo = outputNo(1)
// @ts-expect-error: an epoch is no number of a frame.
export const epochAsFrame: FrameNo = epochOf(1)
// @ts-expect-error: a bare number is no epoch.
export const epoch: Epoch = 1
// @ts-expect-error: a duration is no size.
export const size: Bytes = pause

nextEpoch(epochOf(1), 'a')
// @ts-expect-error: there are two members.
nextEpoch(epochOf(1), 'c')
// @ts-expect-error: a frame number is no epoch.
nextEpoch(frame, 'a')

// @ts-expect-error: a bare string is no history.
export const history: HistoryId = '00000000000000000000000000000000'
// @ts-expect-error: an incarnation is 64 bits and does not fit a number.
export const incarnation: Incarnation = 1
// @ts-expect-error: a history is no member.
export const member: MemberId = peerOf(historyId('00000000000000000000000000000000'))
