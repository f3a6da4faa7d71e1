/**
 * What a load carries beside the application's state, all as of one frame (docs/PROTOCOL.md#4).
 *
 * The state alone is half of what a successor needs: without the deduplication table every retry
 * would be accepted twice, without timers and pair time nothing would fall due, without the pending
 * outputs they would be lost. What comes from the other member is checked field by field before it
 * is used.
 */

import { PairError } from '../errors.js'
import type { SkippedFrame } from '../events.js'
import { frameNo, type HistoryId, historyId } from '../units.js'
import type { ChannelEntry } from './channels.js'
import type { SourceEntry } from './sources.js'
import type { TimerEntry, TimerTable } from './timers.js'

const imageVersion = 3

/** An output that the primary had produced and not sent when the load was taken. */
export interface PendingEntry {
  readonly channel: string
  readonly frameNo: number
  readonly data: Uint8Array
}

export interface ImageMeta {
  readonly history: HistoryId
  readonly epoch: number
  readonly frameNo: number
  /** Pair time when the image was taken: that of the frame, or later. */
  readonly stamp: number
  readonly sources: readonly SourceEntry[]
  readonly channels: readonly ChannelEntry[]
  readonly timers: TimerTable
  /** Frames that were left out. */
  readonly skipped: readonly SkippedFrame[]
  /** Of the state and the timers; compared when they have come out of the image. */
  readonly digest: bigint
  /** In order, per channel. */
  readonly pending: readonly PendingEntry[]
}

/** As it is put into an image. */
export function packMeta(meta: ImageMeta): unknown {
  return { version: imageVersion, ...meta }
}

/** As it came out of an image. Throws ERR_HOTPAIR_LOAD. */
export function unpackMeta(value: unknown): ImageMeta {
  const meta = record(value, 'meta')
  if (meta['version'] !== imageVersion) {
    throw bad(`it is of version ${String(meta['version'])}, this member reads ${imageVersion}`)
  }
  const history = text(meta['history'], 'history')
  if (!/^[0-9a-f]{32}$/.test(history)) throw bad('its history is no history id')
  return {
    history: historyId(history),
    epoch: count(meta['epoch'], 'epoch'),
    frameNo: count(meta['frameNo'], 'frameNo'),
    stamp: count(meta['stamp'], 'stamp'),
    sources: list(meta['sources'], 'sources').map(unpackSource),
    channels: list(meta['channels'], 'channels').map(unpackChannel),
    timers: unpackTimers(meta['timers']),
    skipped: list(meta['skipped'], 'skipped frames').map(unpackSkipped),
    digest: digest(meta['digest']),
    pending: list(meta['pending'], 'pending').map(unpackPending),
  }
}

function unpackSource(value: unknown): SourceEntry {
  const entry = record(value, 'source')
  return {
    source: text(entry['source'], 'source name'),
    seq: count(entry['seq'], 'seq'),
    frameNo: count(entry['frameNo'], 'frameNo'),
  }
}

function unpackChannel(value: unknown): ChannelEntry {
  const entry = record(value, 'channel')
  return {
    name: text(entry['name'], 'channel name'),
    produced: count(entry['produced'], 'produced'),
    sent: count(entry['sent'], 'sent'),
    firstOfEpoch: count(entry['firstOfEpoch'], 'firstOfEpoch'),
  }
}

function unpackSkipped(value: unknown): SkippedFrame {
  const entry = record(value, 'skipped frame')
  const kind = entry['kind']
  if (kind !== 'input' && kind !== 'timer') throw bad('a skipped frame is of no kind')
  return {
    frameNo: frameNo(count(entry['frameNo'], 'frameNo')),
    kind,
    source: text(entry['source'], 'source name'),
    seq: count(entry['seq'], 'seq'),
  }
}

function unpackTimers(value: unknown): TimerTable {
  const table = record(value, 'table of timers')
  return {
    settings: count(table['settings'], 'settings'),
    entries: list(table['entries'], 'timers').map(unpackTimer),
  }
}

function unpackTimer(value: unknown): TimerEntry {
  const entry = record(value, 'timer')
  return {
    name: text(entry['name'], 'timer name'),
    due: count(entry['due'], 'due'),
    setting: count(entry['setting'], 'setting'),
    data: bytes(entry['data'], 'timer'),
  }
}

function unpackPending(value: unknown): PendingEntry {
  const entry = record(value, 'pending output')
  return {
    channel: text(entry['channel'], 'channel name'),
    frameNo: count(entry['frameNo'], 'frameNo'),
    data: bytes(entry['data'], 'pending output'),
  }
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw bad(`its ${what} is no object`)
  return Object.fromEntries(Object.entries(value))
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(`its ${what} is no list`)
  return value
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw bad(`its ${what} is no text`)
  return value
}

function bytes(value: unknown, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw bad(`a ${what} has no bytes`)
  return value
}

function digest(value: unknown): bigint {
  if (typeof value !== 'bigint') throw bad('its digest is no whole number')
  return value
}

function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw bad(`its ${what} is no whole number`)
  }
  return value
}

function bad(why: string): PairError {
  return new PairError('ERR_HOTPAIR_LOAD', `the load cannot be used: ${why}`)
}
