/**
 * Reads the messages of the data link: bytes from the other member to values, or to nothing.
 *
 * What arrives may be cut short or made up: each message is read in a straight line and asked once,
 * at its end, whether it was whole. Nothing throws, and no claim of a count or a length costs
 * memory. Pure.
 */

import { epochOf, type HistoryId, incarnationOf } from '../units.js'
import { BodyReader } from './body.js'
import { sourceNameBytes } from './limits.js'
import { frameKinds, type Message, messageType, reasonBytes, type SentNotice } from './message.js'
import { historyFromBytes } from './presence.js'

const historyBytes = 16

const reader = new BodyReader()

/**
 * The message in `body`, or undefined when there is none in it: the link must be closed.
 * Views in it (`data`, `bytes`) are valid as long as `body` is.
 */
export function readMessage(body: Uint8Array): Message | undefined {
  const from = reader.of(body)
  const message = readFields(from.u8(), from)
  return message !== undefined && from.isComplete ? message : undefined
}

function readFields(type: number, from: BodyReader): Message | undefined {
  switch (type) {
    case messageType.frame:
      return readFrame(from)
    case messageType.acknowledge:
      return {
        type: 'acknowledge',
        epoch: epochOf(from.u48()),
        frameNo: from.u48(),
        progressNo: from.u48(),
      }
    case messageType.progress:
      return readProgress(from)
    case messageType.askLoad:
      return { type: 'ask-load', ask: from.u48(), highest: epochOf(from.u48()) }
    case messageType.beginPages:
      return { type: 'begin-pages', ask: from.u48() }
    case messageType.beginLoad:
      return readBeginLoad(from)
    case messageType.chunk:
      return { type: 'chunk', bytes: from.rest() }
    case messageType.refuseLoad:
      return { type: 'refuse-load', ask: from.u48(), reason: from.string(reasonBytes) }
    case messageType.inSync:
      return readInSync(from)
    case messageType.askResume:
      return readAskResume(from)
    case messageType.resume:
      return { type: 'resume', epoch: epochOf(from.u48()), frameNo: from.u48() }
    case messageType.refuseResume:
      return { type: 'refuse-resume' }
    case messageType.digest:
      return {
        type: 'digest',
        epoch: epochOf(from.u48()),
        frameNo: from.u48(),
        digest: from.u64(),
      }
    case messageType.forward:
      return {
        type: 'forward',
        source: from.string(sourceNameBytes),
        seq: from.u48(),
        data: from.rest(),
      }
    case messageType.refuseForward:
      return {
        type: 'refuse-forward',
        source: from.string(sourceNameBytes),
        seq: from.u48(),
        code: from.string(reasonBytes),
        expected: from.u48(),
      }
    case messageType.handOver:
      return readHandOver(from)
    default:
      return undefined
  }
}

function readFrame(from: BodyReader): Message | undefined {
  const epoch = epochOf(from.u48())
  const frameNo = from.u48()
  const stamp = from.f64()
  const kind = frameKinds[from.u8()]
  const source = from.string(sourceNameBytes)
  const seq = from.u48()
  const data = from.rest()
  if (kind === undefined) return undefined
  return { type: 'frame', epoch, frameNo, stamp, kind, source, seq, data }
}

function readProgress(from: BodyReader): Message | undefined {
  const epoch = epochOf(from.u48())
  const progressNo = from.u48()
  const done = from.u48()
  const count = from.u32()
  const sent: SentNotice[] = []
  // The count is a claim: reading stops with the bytes, so a made-up one costs nothing.
  for (let index = 0; index < count && from.isSound; index += 1) {
    sent.push({ channel: from.u16(), number: from.u48(), bytes: from.u32(), digest: from.u32() })
  }
  return { type: 'progress', epoch, progressNo, done, sent }
}

function readBeginLoad(from: BodyReader): Message | undefined {
  const epoch = epochOf(from.u48())
  const history = readHistory(from)
  const frameNo = from.u48()
  const imageBytes = from.u48()
  const ask = from.u48()
  if (history === undefined) return undefined
  return { type: 'begin-load', epoch, history, frameNo, imageBytes, ask }
}

function readInSync(from: BodyReader): Message | undefined {
  const epoch = epochOf(from.u48())
  const incarnation = from.u64()
  if (incarnation === 0n) return undefined
  return { type: 'in-sync', epoch, incarnation: incarnationOf(incarnation) }
}

function readAskResume(from: BodyReader): Message | undefined {
  const epoch = epochOf(from.u48())
  const history = readHistory(from)
  const frameNo = from.u48()
  if (history === undefined) return undefined
  return { type: 'ask-resume', epoch, history, frameNo }
}

function readHandOver(from: BodyReader): Message | undefined {
  const former = epochOf(from.u48())
  const epoch = epochOf(from.u48())
  const history = readHistory(from)
  const frameNo = from.u48()
  const outputs = from.u48()
  const ask = from.u48()
  if (history === undefined) return undefined
  return { type: 'hand-over', former, epoch, history, frameNo, outputs, ask }
}

function readHistory(from: BodyReader): HistoryId | undefined {
  const bytes = from.raw(historyBytes)
  return bytes.length === historyBytes ? historyFromBytes(bytes) : undefined
}
